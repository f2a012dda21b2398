import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { prng } from '../../../lib/prng.ts';
import { mmdbFile } from '../../../../test/mmdb-file.ts';
import { openDatabases } from './databases.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-databases-'));
after(() => {
  rmSync(folder, { recursive: true });
});
const at = (name: string): string => join(folder, name);

const systems = (org: string): Buffer =>
  mmdbFile('Lab-ASN', {
    '198.51.100.0/24': { autonomous_system_number: 64_500, autonomous_system_organization: org },
    '2001:db8::/32': { autonomous_system_number: 64_501 },
  });
const countries = mmdbFile('Lab-Country', {
  '198.51.100.0/25': { country: { iso_code: 'NZ', names: { en: 'New Zealand' } }, registered_country: {} },
  '198.51.100.128/25': { country: { iso_code: 'not a code' } },
});

test('systems and countries of addresses that the files have', async () => {
  writeFileSync(at('as.mmdb'), systems('Lab'));
  writeFileSync(at('country.mmdb'), countries);
  const databases = openDatabases({ as: at('as.mmdb'), country: at('country.mmdb') });
  assert.deepEqual(databases.at('198.51.100.1'), {});
  assert.equal(await databases.look(), true);
  assert.equal(await databases.look(), false);
  assert.deepEqual(databases.at('198.51.100.1'), {
    'destination.as.number': 64_500,
    'destination.as.org': 'Lab',
    'destination.geo.country': 'NZ',
  });
  assert.deepEqual(databases.at('198.51.100.129'), {
    'destination.as.number': 64_500,
    'destination.as.org': 'Lab',
  });
  assert.deepEqual(databases.at('2001:db8::1'), { 'destination.as.number': 64_501 });
  assert.deepEqual(databases.at('203.0.113.1'), {});
  assert.deepEqual(databases.at('198.51.100.0', 24), {
    'destination.as.number': 64_500,
    'destination.as.org': 'Lab',
  });
  assert.deepEqual(databases.at('198.51.100.0', 23), {});
  assert.deepEqual(databases.at('2001:db8::', 48), { 'destination.as.number': 64_501 });
  const built = new Date(1.7e12).toISOString();
  assert.deepEqual(databases.status(), {
    as: { file: at('as.mmdb'), built, problem: null },
    country: { file: at('country.mmdb'), built, problem: null },
  });
});

test('a file that is replaced is read again; a broken one is named, and leaves the old', async () => {
  const file = at('replaced.mmdb');
  const replace = (bytes: Buffer): void => {
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  };
  const databases = openDatabases({ as: file });
  const org = () => databases.at('198.51.100.1')['destination.as.org'];
  const problem = () => databases.status().as?.problem ?? '';
  assert.equal(await databases.look(), false);
  assert.match(problem(), /ENOENT/);

  replace(systems('one'));
  assert.equal(await databases.look(), true);
  assert.deepEqual([org(), problem()], ['one', '']);

  replace(systems('two').subarray(0, 1000));
  for (let i = 0; i < 3; i++) {
    assert.equal(await databases.look(), false);
    assert.deepEqual([org(), problem()], ['one', 'it is no MMDB file, or was cut']);
  }

  replace(systems('three'));
  assert.equal(await databases.look(), true);
  assert.deepEqual([org(), problem()], ['three', '']);

  renameSync(file, `${file}.away`);
  assert.equal(await databases.look(), false);
  assert.deepEqual([org(), problem().includes('ENOENT')], ['three', true]);
  renameSync(`${file}.away`, file);
  assert.equal(await databases.look(), false);
  assert.deepEqual([org(), problem()], ['three', '']);

  truncateSync(file, 0);
  assert.equal(await databases.look(), false);
  assert.deepEqual([org(), problem()], ['three', 'it is no MMDB file, or was cut']);
});

test('damage anywhere in a file is no exception', async () => {
  const sound = systems('Lab');
  const random = prng(11);
  let [taken, told] = [0, 0];
  for (let i = 0; i < 400; i++) {
    const bytes = Buffer.from(sound);
    for (let hits = 0; hits <= i % 4; hits++) bytes[random.below(bytes.length)] = random.below(256);
    writeFileSync(at(`damaged-${String(i)}.mmdb`), bytes);
    const databases = openDatabases({ as: at(`damaged-${String(i)}.mmdb`) });
    if (await databases.look()) taken++;
    for (const ip of ['198.51.100.1', '198.51.100.255', '2001:db8::1', '8.8.8.8']) databases.at(ip);
    if (databases.status().as?.problem !== null) told++;
  }
  assert.ok(taken > 10 && told > 10, `${String(taken)} ${String(told)}`);
});
