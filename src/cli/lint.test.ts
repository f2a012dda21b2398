import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { realRecords } from '../../test/record-schemas.ts';
import { parseConfig } from '../agent/config.ts';
import { isOperatorError } from '../lib/errors.ts';
import type { NumberedRecord } from '../model/record.ts';
import { nameModes, rendered, type Names } from '../model/rendering.ts';
import { plainStandard, type Findings } from '../model/standard.ts';
import { configLines, fileLines, recentLines } from './lint-lines.ts';
import { lintConfig, lintFile, type ConfigFinding, type FileFindings } from './lint.ts';
import { painter } from './trace-lines.ts';

const { signal } = new AbortController();
const records = realRecords();
const picture = { paint: painter(false), width: Infinity };

const standard = {
  required: ['workload.owner'],
  values: { environment: ['production'], 'labels.tier': ['gold'] },
  patterns: { 'workload.owner': '^ops-' },
};

function linesOf(of: readonly NumberedRecord[], names: Names = 'canonical'): string {
  return of.map((record) => `${JSON.stringify(rendered(record, names))}\n`).join('');
}

function fileWith(t: TestContext, content: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-lint-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'records.jsonl');
  writeFileSync(file, content);
  return file;
}

const kinds = ({ findings }: Findings) =>
  findings.map(({ label, rule, workload, records }) => `${label} ${rule} ${workload} ${String(records)}`);

const wanted = [
  'environment not_allowed shop 9',
  'workload.owner not_matching shop 9',
  'environment not_allowed curl 3',
  'workload.owner missing curl 3',
];

describe('a file of records', () => {
  for (const names of nameModes)
    test(`under ${names} names`, async (t) => {
      const found = await lintFile(fileWith(t, linesOf(records, names)), standard, signal);
      assert.deepEqual(kinds(found), wanted);
      const { short, strangers, windows } = found;
      assert.deepEqual([found.records, short, strangers, windows, found.names], [12, 12, 0, 1, [names]]);
      assert.deepEqual(found.policies, ['full@0']);
    });

  test('compressed, and with lines that are no records', async (t) => {
    const text = `no JSON\n\n42\nnull\n{"event.name":"else"}\n${linesOf(records)}`;
    const found = await lintFile(fileWith(t, gzipSync(text)), standard, signal);
    assert.deepEqual(kinds(found), wanted);
    assert.equal(found.strangers, 4);
  });

  test('all keep to the seven', async (t) => {
    const found = await lintFile(fileWith(t, linesOf(records)), plainStandard, signal);
    assert.deepEqual([found.short, found.findings], [0, []]);
  });

  test('of what a policy hashed or cut nobody can say whether it was allowed', async (t) => {
    const [first = assert.fail()] = records;
    const hidden = {
      ...first,
      'workload.owner': 'hmac-0a1b-0123456789abcdef',
      'host.name': 'example.com',
      'host.name.form': 'domain',
    } as NumberedRecord;
    const of = { ...plainStandard, patterns: { 'workload.owner': '^ops-', 'host.name': '^web' } };
    assert.deepEqual(kinds(await lintFile(fileWith(t, linesOf([hidden])), of, signal)), []);
  });

  test('one that cannot be read, and one that ends too early', async (t) => {
    const cut = fileWith(t, gzipSync(linesOf(records)));
    truncateSync(cut, 300);
    for (const file of [cut, '/no/such/file', tmpdir()])
      await assert.rejects(
        lintFile(file, plainStandard, signal),
        (error) => isOperatorError(error) && error.code === 'labels.file',
      );
  });
});

describe('a configuration', () => {
  async function linted(value: unknown): Promise<string[]> {
    const found = lintConfig(await parseConfig(value, 'agent.yaml'));
    return found.map((of: ConfigFinding) => `${of.where}: ${of.label} ${of.rule} ${String(of.value)}`);
  }

  test('says no environment, or one that its standard does not allow', async () => {
    assert.deepEqual(await linted({}), ['environment: environment missing null']);
    assert.deepEqual(await linted({ environment: 'prod', standard: { values: standard.values } }), [
      'environment: environment not_allowed prod',
    ]);
    assert.deepEqual(await linted({ environment: 'production', standard: { values: standard.values } }), []);
  });

  test('has rules that leave out what is required, or give what is not allowed', async () => {
    const ownership = [
      { id: 'shop', match: { process: 'shop' }, owner: 'ops-shop', labels: { tier: 'gold' } },
      { id: 'web', match: { process: 'web' }, owner: 'bob', environment: 'lab', labels: { tier: 'lead' } },
      { id: 'rest', match: { process: '*' }, name: 'rest' },
    ];
    assert.deepEqual(await linted({ environment: 'production', ownership, standard }), [
      'rule web: environment not_allowed lab',
      'rule web: workload.owner not_matching bob',
      'rule web: labels.tier not_allowed lead',
      'rule rest: workload.owner missing null',
    ]);
  });

  test('has no rules for what only they give, or drops what is required', async () => {
    const policy = { fields: { 'workload.owner': 'drop', 'workload.rule': 'drop' } };
    assert.deepEqual(await linted({ environment: 'production', standard, policy }), [
      'no rules: workload.owner missing null',
      'policy, drop: workload.owner missing null',
    ]);
  });
});

describe('for people', () => {
  const finding = {
    label: 'workload.owner',
    rule: 'missing',
    value: null,
    example: 'a → 10.0.0.2:80',
  } as const;
  const found: Findings = {
    records: 1300,
    short: 1300,
    untold: 0,
    findings: [
      { ...finding, label: 'environment', rule: 'not_allowed', value: 'prod', workload: 'a', records: 1200 },
      { ...finding, workload: 'a', records: 900 },
      {
        ...finding,
        label: 'environment',
        rule: 'not_allowed',
        value: 'prod',
        workload: 'b\u202e',
        records: 100,
      },
      {
        ...finding,
        rule: 'not_matching',
        value: 'bob',
        workload: 'b\u202e',
        records: 7,
        example: 'b → [::1]:80',
      },
    ],
  };
  const ofFile: FileFindings = {
    ...found,
    strangers: 1,
    windows: 2,
    names: ['ecs'],
    policies: ['minimal@1'],
  };

  test('by label, then by workload; what all have in common once', () => {
    assert.deepEqual(fileLines(ofFile, 'r.jsonl', picture), [
      'r.jsonl (ECS names): 1,300 of 1,300 records fall short of the standard',
      '',
      'LABEL           FALLS SHORT   RECORDS  WORKLOADS  FOR EXAMPLE',
      'environment     not allowed     1,300          2  prod: a → 10.0.0.2:80',
      'workload.owner  missing           900          1  a → 10.0.0.2:80',
      'workload.owner  not matching        7          1  bob: b → [::1]:80',
      '',
      'WORKLOAD   LABEL           FALLS SHORT   RECORDS  FOR EXAMPLE',
      'a          workload.owner  missing           900  a → 10.0.0.2:80',
      'b\\u{202e}  workload.owner  not matching        7  bob: b → [::1]:80',
      'on all of them, and not repeated: environment',
      '1 line is no record',
      'what the field policy minimal@1 drops is missing here',
    ]);
  });

  test('no wider than the terminal', () => {
    for (const line of fileLines(ofFile, 'r', { ...picture, width: 40 }).slice(1, 10))
      assert.ok(Array.from(line).length <= 40, line);
  });

  test('twenty rows, and how many more', () => {
    const findings = Array.from({ length: 25 }, (_, i) => ({
      ...finding,
      workload: `w${String(i)}`,
      records: 1,
    }));
    const told = fileLines({ ...ofFile, findings, records: 99 }, 'r', picture);
    assert.ok(told.includes('and 5 more rows: --json has them'));
  });

  test('all is well', () => {
    const well = { windows: 2, from: null, to: null, records: 3, short: 0, untold: 0, findings: [] };
    assert.deepEqual(recentLines(well, 'main', picture), [
      'the last 2 windows of agent main, ? to ?: 3 records, all keep to the standard',
    ]);
    assert.deepEqual(configLines([], 'a.yaml', picture), ['a.yaml: what it says keeps to its standard']);
  });

  test('a configuration', () => {
    const one = { where: 'rule web', label: 'workload.owner', rule: 'not_matching', value: 'bob' } as const;
    assert.deepEqual(configLines([one], 'a.yaml', picture), [
      'a.yaml: 1 thing it says falls short of its standard',
      '',
      'WHERE     LABEL           FALLS SHORT   VALUE',
      'rule web  workload.owner  not matching  bob',
    ]);
  });
});
