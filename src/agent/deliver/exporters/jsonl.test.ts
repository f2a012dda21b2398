import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connection, telling } from '../../../../test/observations.ts';
import { manualClock, systemClock } from '../../../lib/clock.ts';
import { silentLog } from '../../../lib/log.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { recognised, rendered, type Names } from '../../../model/rendering.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { exporter } from './jsonl.ts';
import { folderOf } from '../../../../test/sending.ts';

const times = wallTimes(manualClock());
/** A record whose sequence is its cookie. */
const record = (cookie: number): NumberedRecord => ({
  ...connectionRecord(connection({ cookie }), telling, times),
  'record.sequence': cookie,
});
const lineOf = (cookie: number): string => `${JSON.stringify(record(cookie))}\n`;

type Opened = AsyncDisposable & { deliver(records: readonly NumberedRecord[]): Promise<void> };

async function opened(
  path: string,
  options: { max_size?: number; keep?: number; names?: Names } = {},
): Promise<Opened> {
  const context = { clock: systemClock, log: silentLog };
  const open = await exporter.open({ path, max_size: 1e8, keep: 5, names: 'canonical', ...options }, context);
  return {
    async deliver(records) {
      const { signal } = new AbortController();
      assert.equal((await open.deliver(records, signal)).settled, records.length);
    },
    [Symbol.asyncDispose]: async () => open[Symbol.asyncDispose](),
  };
}

describe('a file', () => {
  test('one line for each record, in a folder that it makes, for its group to read', async (t) => {
    const path = join(folderOf(t), 'new/flows.jsonl');
    await using open = await opened(path);
    await open.deliver([record(1), record(2)]);
    await open.deliver([record(3)]);
    assert.equal(readFileSync(path, 'utf8'), lineOf(1) + lineOf(2) + lineOf(3));
    assert.equal(statSync(path).mode & 0o137, 0, 'group may read, others nothing');
  });

  for (const names of ['otel', 'ecs'] as const)
    test(`under ${names} names, what is in the file already is not written again`, async (t) => {
      const path = join(folderOf(t), 'flows.jsonl');
      for (const records of [[record(1)], [record(1), record(2)]]) {
        await using open = await opened(path, { names });
        await open.deliver(records);
      }
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        [record(1), record(2)].map((of) => rendered(of, names)),
      );
      assert.deepEqual(
        lines.map((line) => recognised(JSON.parse(line))?.record['record.sequence']),
        [1, 2],
      );
    });

  test('no folder is made for a path that is far from existing', async (t) => {
    await assert.rejects(opened(join(folderOf(t), 'no/such/flows.jsonl')), { code: 'ENOENT' });
    // Node's recursive mkdir never ends here.
    await assert.rejects(opened('/proc/no/such/flows.jsonl'), { code: 'ENOENT' });
  });

  test('text from processes stays on its line', async (t) => {
    const path = join(folderOf(t), 'f');
    await using open = await opened(path);
    await open.deliver([{ ...record(1), 'process.name': 'a\nb\u2028\u001b[2J' } as NumberedRecord]);
    const lines = readFileSync(path, 'utf8').split('\n');
    assert.equal(lines.length, 2);
    assert.equal(
      (JSON.parse(lines[0]!) as NumberedRecord & { 'process.name': string })['process.name'],
      'a\nb\u2028\u001b[2J',
    );
  });

  test('goes on where it was', async (t) => {
    const path = join(folderOf(t), 'f');
    writeFileSync(path, lineOf(1));
    await using open = await opened(path);
    await open.deliver([record(2)]);
    assert.equal(readFileSync(path, 'utf8'), lineOf(1) + lineOf(2));
  });

  for (const [what, tail] of [
    ['of a few bytes', '{"event.name":"son'],
    ['longer than is read at a time', 'x'.repeat(200_000)],
    ['of 64 KiB to the byte', 'x'.repeat(65_536)],
  ] as const) {
    test(`a last line that was cut short is removed: ${what}`, async (t) => {
      const path = join(folderOf(t), 'f');
      writeFileSync(path, lineOf(1) + tail);
      await using open = await opened(path);
      assert.equal(readFileSync(path, 'utf8'), lineOf(1));
      await open.deliver([record(2)]);
      assert.equal(readFileSync(path, 'utf8'), lineOf(1) + lineOf(2));
    });
  }

  test('a file that is nothing but a cut line is emptied', async (t) => {
    const path = join(folderOf(t), 'f');
    writeFileSync(path, 'x'.repeat(100_000));
    await using open = await opened(path);
    assert.equal(statSync(path).size, 0);
    await open.deliver([record(1)]);
    assert.equal(readFileSync(path, 'utf8'), lineOf(1));
  });

  test('after deliver nothing of it waits in the process: a kill loses none', async (t) => {
    const path = join(folderOf(t), 'f');
    const script = `
      import { exporter } from ${JSON.stringify(new URL('jsonl.ts', import.meta.url).href)};
      const options = { path: process.argv[1], max_size: 1e8, keep: 1, names: 'canonical' };
      const open = await exporter.open(options, {});
      await open.deliver([{ n: 1 }], new AbortController().signal);
      process.kill(process.pid, 'SIGKILL');`;
    assert.throws(() =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script, path], { stdio: 'ignore' }),
    );
    assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n');
  });
});

describe('what is in the file already', () => {
  test('is not written again, by whoever opens it next', async (t) => {
    const path = join(folderOf(t), 'f');
    {
      await using open = await opened(path);
      await open.deliver([record(1), record(2)]);
    }
    await using open = await opened(path);
    await open.deliver([record(1), record(2), record(3)]);
    await open.deliver([record(4)]);
    assert.equal(readFileSync(path, 'utf8'), [1, 2, 3, 4].map(lineOf).join(''));
  });

  test('nor what was rotated away right before', async (t) => {
    const folder = folderOf(t);
    writeFileSync(join(folder, 'f.1'), lineOf(1) + lineOf(2));
    writeFileSync(join(folder, 'f'), '');
    await using open = await opened(join(folder, 'f'));
    await open.deliver([record(2), record(3)]);
    assert.equal(readFileSync(join(folder, 'f'), 'utf8'), lineOf(3));
  });

  test('a number of another boot or instance is another number', async (t) => {
    const path = join(folderOf(t), 'f');
    writeFileSync(path, lineOf(5));
    await using open = await opened(path);
    const others = [
      { ...record(4), 'boot.id': 'b-2' },
      { ...record(5), 'agent.instance': 'blue' },
    ];
    await open.deliver(others);
    assert.equal(readFileSync(path, 'utf8').split('\n').length, 4);
  });

  test('lines that are not ours say nothing', async (t) => {
    const path = join(folderOf(t), 'f');
    for (const line of ['hello', '{}', 'null', '"x"']) {
      writeFileSync(path, `${line}\n`);
      await using open = await opened(path);
      await open.deliver([record(1)]);
      assert.equal(readFileSync(path, 'utf8'), `${line}\n${lineOf(1)}`);
    }
  });
});

describe('rotation', () => {
  const size = lineOf(1).length;
  const contents = (folder: string): Record<string, string> =>
    Object.fromEntries(
      readdirSync(folder)
        .sort()
        .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
    );

  test('beyond the size, the newest is 1, and as many as asked for are kept', async (t) => {
    const folder = folderOf(t);
    await using open = await opened(join(folder, 'f'), { max_size: 2 * size, keep: 2 });
    for (let n = 1; n <= 2; n++) await open.deliver([record(n)]);
    assert.deepEqual(contents(folder), { f: lineOf(1) + lineOf(2) });
    for (let n = 3; n <= 9; n++) await open.deliver([record(n)]);
    assert.deepEqual(contents(folder), {
      f: lineOf(9),
      'f.1': lineOf(7) + lineOf(8),
      'f.2': lineOf(5) + lineOf(6),
    });
  });

  test('counts what was there when it was opened', async (t) => {
    const folder = folderOf(t);
    writeFileSync(join(folder, 'f'), lineOf(1) + lineOf(2));
    await using open = await opened(join(folder, 'f'), { max_size: 2 * size });
    await open.deliver([record(3)]);
    assert.deepEqual(contents(folder), { f: lineOf(3), 'f.1': lineOf(1) + lineOf(2) });
  });

  test('keep 0 keeps none', async (t) => {
    const folder = folderOf(t);
    await using open = await opened(join(folder, 'f'), { max_size: size, keep: 0 });
    for (let n = 1; n <= 3; n++) await open.deliver([record(n)]);
    assert.deepEqual(contents(folder), { f: lineOf(3) });
  });

  test('a batch that is larger than a file is still whole', async (t) => {
    const folder = folderOf(t);
    await using open = await opened(join(folder, 'f'), { max_size: size, keep: 1 });
    await open.deliver([record(1), record(2)]);
    await open.deliver([record(3)]);
    assert.deepEqual(contents(folder), { f: lineOf(3), 'f.1': lineOf(1) + lineOf(2) });
  });

  test('one that fails is said, costs that batch, and is tried again', async (t) => {
    const folder = folderOf(t);
    const path = join(folder, 'f');
    await using open = await opened(path, { max_size: size, keep: 1 });
    await open.deliver([record(1)]);
    mkdirSync(`${path}.1`);
    writeFileSync(join(`${path}.1`, 'in the way'), '');
    await assert.rejects(open.deliver([record(2)]));
    rmSync(`${path}.1`, { recursive: true });
    await open.deliver([record(3)]);
    assert.deepEqual(contents(folder), { f: lineOf(3), 'f.1': lineOf(1) });
  });
});

test('a batch that did not fit the disk leaves no half line behind', async (t) => {
  const path = join(folderOf(t), 'f');
  const script = `
    import { exporter } from ${JSON.stringify(new URL('jsonl.ts', import.meta.url).href)};
    process.on('SIGXFSZ', () => undefined);
    const options = { path: process.argv[1], max_size: 1e8, keep: 1, names: 'canonical' };
    const open = await exporter.open(options, {});
    await open.deliver([{ n: 1 }]);
    const failed = await open.deliver([{ x: 'x'.repeat(3000) }]).then(() => 'taken', (error) => error.code);
    await open.deliver([{ n: 2 }]);
    console.log(failed);`;
  const command = 'ulimit -f 1; exec "$0" "$@"';
  const args = ['-c', command, process.execPath, '--input-type=module', '-e', script, path];
  const told = execFileSync('bash', args, {
    encoding: 'utf8',
    env: { ...process.env, NODE_COMPILE_CACHE: '' },
  });
  assert.equal(told, 'EFBIG\n');
  assert.equal(readFileSync(path, 'utf8'), '{"n":1}\n{"n":2}\n');
});

test('standard output', (t) => {
  const script = `
    import { exporter } from ${JSON.stringify(new URL('jsonl.ts', import.meta.url).href)};
    const open = await exporter.open(exporter.schema.parse({}), {});
    await open.deliver([{ n: 1 }, { n: 2 }]);
    await open.deliver([{ n: 3 }]);
    await open[Symbol.asyncDispose]();`;
  const args = ['--input-type=module', '-e', script];
  const lines = '{"n":1}\n{"n":2}\n{"n":3}\n';
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), lines, 'a pipe');
  const path = join(folderOf(t), 'f');
  const sh = ['-c', 'echo first > "$1"; exec "$0" "${@:2}" >> "$1"', process.execPath, path, ...args];
  execFileSync('bash', sh);
  assert.equal(readFileSync(path, 'utf8'), `first\n${lines}`, 'a file');
});
