import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isPublic, parseAddress } from '../../lib/address.ts';
import { systemClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { networkRange } from '../../question/network.ts';
import { openExpectations, readExpectations } from './expectations.ts';
import { parseExpectations } from './file.ts';
import { rowsOf, type ExpectationRow } from './rows.ts';
import { scopeNames, scopeRanges } from './scopes.ts';

const dayMs = 86_400_000;

function entry(more = ''): string {
  return `  - whom: { workload: shop }
    talks_to: [{ names: [a.example] }]
    why: payments
    owner: team-shop
    review: 2027-01-10
${more}`;
}

const sound = `expectations:\n${entry()}`;

function messageOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    return error.message;
  }
}

const broken: readonly (readonly [text: string, problem: string])[] = [
  ['expectations: [', '1: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ['{}', '1: expectations: is missing'],
  [sound.replace(/ +why.*\n/, ''), '2: expectations.0.why: is missing'],
  [sound.replace('why', 'reason'), '4: unknown key expectations.0.reason'],
  [sound.replace('workload', 'workloads'), '2: unknown key expectations.0.whom.workloads'],
  [sound.replace('workload: shop', 'host: a'), '2: expectations.0.whom: must have a workload or a process'],
  [
    sound.replace('shop }', "'' }"),
    '2: expectations.0.whom.workload: must not be empty: leave the key out, or write *',
  ],
  [
    sound.replace('a.example', '10.0.0.0/8'),
    '3: expectations.0.talks_to.0.names.0: is an address: put it under networks',
  ],
  [
    sound.replace('names: [a.example]', 'networks: [a.example]'),
    '3: expectations.0.talks_to.0.networks.0: must be an address or a network such as 10.0.0.0/8; got a.example',
  ],
  [
    sound.replace('names: [a.example]', 'ports: [443]'),
    '3: expectations.0.talks_to.0: must have names, networks or scopes',
  ],
  [
    sound.replace('] }]', '], ports: [443-80] }]'),
    '3: expectations.0.talks_to.0.ports.0: must be a port such as 443, or several such as 8000-8100',
  ],
  [
    sound.replace('2027-01-10', '2027-02-30'),
    '6: expectations.0.review: must be a day such as 2027-03-31; got 2027-02-30',
  ],
  [
    `expectations:\n${entry()}${entry('    expires: soon\n')}`,
    '12: expectations.1.expires: must be a day such as 2027-03-31; got soon',
  ],
];

test('what is wrong with a file is said with its line', () => {
  for (const [text, problem] of broken) {
    const said = messageOf(() => parseExpectations(text, 'shop.yaml'));
    assert.equal(said, `shop.yaml:${problem}`);
  }
});

test('an entry is called by its file and line; patterns and ports are ready for the store', () => {
  const text = `expectations:\n${entry()}${entry()}`
    .replace('names: [a.example]', "names: ['*.A_b.example'], ports: [443, 8000-8100], transport: udp")
    .replace('workload: shop', 'workload: shop?, environment: 100%');
  const { digest, rows } = rowsOf(parseExpectations(text, 'shop.yaml'));
  const [first, second] = rows;
  assert.equal(first?.digest, digest);
  assert.equal(first.label, 'shop.yaml:2');
  assert.equal(second?.label, 'shop.yaml:7');
  assert.deepEqual([first.workload, first.environment, first.process], ['shop_', '100\\%', '%']);
  assert.deepEqual(first.targets, [
    {
      label: 'shop.yaml:2',
      names: ['%.a\\_b.example'],
      networks: [],
      ports: [
        [443, 443],
        [8000, 8100],
      ],
      transport: 'udp',
    },
  ]);
  assert.equal(rowsOf([]).digest, '');
});

/** By the bytes of the address. */
function inRange(ip: string, { first, last }: { readonly first: string; readonly last: string }): boolean {
  const bytes = (text: string): string => {
    const view = parseAddress(text);
    assert.ok(view, text);
    return Buffer.from(view.buffer).toString('hex');
  };
  const own = networkRange(ip);
  assert.ok(own);
  return bytes(first) <= bytes(own.first) && bytes(own.first) <= bytes(last);
}

test('every address is of one scope at most, and public where the agents say so', () => {
  const edges = ['9.255.255.255', '10.0.0.0', '100.63.1.1', '100.64.0.0', '126.0.0.1', '127.0.0.1'];
  const more = [
    '169.254.1.1',
    '169.254.169.254',
    '169.255.0.0',
    '172.15.0.1',
    '172.31.255.255',
    '192.168.0.1',
  ];
  const six = [
    '2001:db8::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '224.0.0.1',
    '8.8.8.8',
  ];
  for (const ip of [...edges, ...more, ...six]) {
    const scopes = scopeNames.filter((scope) => scopeRanges(scope).some((range) => inRange(ip, range)));
    const view = parseAddress(ip);
    assert.ok(view && scopes.length <= 1, ip);
    assert.equal(scopes.includes('public'), isPublic(view), ip);
  }
  const scopesOf = (ip: string) =>
    scopeNames.filter((scope) => scopeRanges(scope).some((range) => inRange(ip, range)));
  assert.deepEqual(['169.254.169.254', '169.254.1.1', '10.1.1.1', 'fd00:ec2::254'].map(scopesOf), [
    ['metadata'],
    ['link_local'],
    ['private'],
    ['metadata'],
  ]);
});

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-expect-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** What is opened on a folder, on a day that the test sets. */
function opened(folder: string) {
  const said: string[] = [];
  const noted: (readonly ExpectationRow[])[] = [];
  const day = { ms: Date.parse('2027-01-01') };
  const expectations = openExpectations({
    files: folder,
    note: (rows) => Promise.resolve(void noted.push(rows)),
    clock: { ...systemClock, wallMs: () => day.ms },
    log: { info: (line) => said.push(line), warn: (line) => said.push(line) },
  });
  return { said, noted, day, expectations };
}

test('what is due counts and is named, what has expired is named and does not count', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'shop.yaml'), `expectations:\n${entry('    expires: 2027-01-20\n')}${entry()}`);
  writeFileSync(join(folder, 'notes.txt'), 'no expectations');
  const { noted, day, expectations } = opened(folder);
  const first = await expectations.inForce();
  assert.deepEqual(first.notes, []);
  assert.equal(noted[0]?.length, 2);

  day.ms = Date.parse('2027-01-10');
  const due = await expectations.inForce();
  assert.equal(due.digest, first.digest);
  assert.deepEqual(due.notes, [
    'expectation shop.yaml:2 is to be reviewed since 2027-01-10, and still counts (team-shop)',
    'expectation shop.yaml:8 is to be reviewed since 2027-01-10, and still counts (team-shop)',
  ]);

  day.ms = Date.parse('2027-01-20');
  const expired = await expectations.inForce();
  assert.notEqual(expired.digest, first.digest);
  assert.deepEqual(
    noted.map((rows) => rows.map(({ label }) => label)),
    [['shop.yaml:2', 'shop.yaml:8'], ['shop.yaml:8']],
  );
  const [note] = expired.notes;
  assert.equal(
    note,
    'expectation shop.yaml:2 expired on 2027-01-20 and counts no more: renew or remove it (team-shop)',
  );
  assert.deepEqual(
    expectations.list().expectations.map(({ state }) => state),
    ['expired', 'due'],
  );

  day.ms += dayMs;
  assert.equal((await expectations.inForce()).digest, expired.digest);
  assert.equal(noted.length, 2, 'the store has it');
});

test('changed files count at once; broken ones leave what was, and are named', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'shop.yaml');
  writeFileSync(file, sound);
  const { said, noted, expectations } = opened(folder);
  const first = await expectations.inForce();

  writeFileSync(file, sound.replace('why', 'reason'));
  const broken = await expectations.inForce();
  assert.equal(broken.digest, first.digest);
  const problem = 'shop.yaml:4: unknown key expectations.0.reason';
  assert.deepEqual(broken.notes, [`${problem}; the expectations before still count`]);
  assert.equal(expectations.list().problem, problem);
  assert.deepEqual(said, [`${problem}; the 1 expectations before still count`], 'said once');

  writeFileSync(file, sound.replace('a.example', 'b.example'));
  const second = await expectations.inForce();
  assert.notEqual(second.digest, first.digest);
  assert.deepEqual(second.notes, []);
  assert.equal(noted.length, 2);
  assert.equal(said.at(-1), `${folder}: 1 expectations count now`);

  writeFileSync(file, sound);
  assert.equal((await expectations.inForce()).digest, first.digest);
});

test('what the store did not take is handed to it again', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'shop.yaml'), sound);
  let isAway = true;
  const expectations = openExpectations({
    files: folder,
    note: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
  });
  await assert.rejects(expectations.inForce(), /away/);
  isAway = false;
  assert.notEqual((await expectations.inForce()).digest, '');
});

test('a file that others can write is refused', (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'shop.yaml');
  writeFileSync(file, sound);
  chmodSync(file, 0o666);
  const refused = `${file} is not to be relied on: others may write it, its mode is 666`;
  assert.equal(
    messageOf(() => readExpectations(folder)),
    refused,
  );
  chmodSync(file, 0o644);
  assert.equal(readExpectations(file).length, 1);
  assert.match(
    messageOf(() => readExpectations(join(folder, 'none.yaml'))),
    /none.yaml cannot be read/,
  );
});
