import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { readLines } from './lines.ts';

/** What came out of these chunks: the lines, and the error that ended the stream. */
async function read(
  chunks: readonly (string | Buffer)[],
  lineMax = 100,
): Promise<{ lines: string[]; error?: Error }> {
  const stream = new PassThrough();
  const lines: string[] = [];
  let error: Error | undefined;
  stream.once('error', (e) => (error = e));
  readLines(stream, { onLine: (line) => lines.push(line), lineMax });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.once('close', resolve));
  return error ? { lines, error } : { lines };
}

describe('readLines', () => {
  test('nothing in, nothing out', async () => {
    assert.deepEqual(await read([]), { lines: [] });
  });

  test('lines however they are cut', async () => {
    assert.deepEqual(await read(['one\ntw', 'o', '\n', '\nfour\n']), { lines: ['one', 'two', '', 'four'] });
  });

  test('characters that a chunk cut in two', async () => {
    const bytes = Buffer.from('ü🦀\n');
    const chunks = [...bytes].map((byte) => Buffer.of(byte));
    assert.deepEqual(await read(chunks), { lines: ['ü🦀'] });
  });

  test('a last line without its end is no line', async () => {
    assert.deepEqual(await read(['one\ntwo']), { lines: ['one'] });
  });

  test('as long as may be passes, also when its end comes later', async () => {
    assert.deepEqual(await read(['x'.repeat(10), '\n'], 10), { lines: ['x'.repeat(10)] });
  });

  for (const [what, chunks] of [
    ['in pieces, never ended', ['ok\n', 'x'.repeat(6), 'x'.repeat(6)]],
    ['whole in one chunk, with others behind it', [`ok\n${'x'.repeat(11)}\nafter\n`, 'later\n']],
  ] as const) {
    test(`a line that is too long ends the stream: ${what}`, async () => {
      const { lines, error } = await read(chunks, 10);
      assert.deepEqual(lines, ['ok']);
      assert.equal(error?.message, 'a line is longer than 10 characters');
    });
  }
});
