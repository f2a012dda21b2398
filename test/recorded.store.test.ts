/** Detectors on recorded traffic: a folder of Zeek's logs, made up here, with one scanner in it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { prng } from '../src/lib/prng.ts';
import { packed, zeekLine, zeekTsv } from './zeek-log.ts';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'sonde-recorded-test-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const [hourS, hours] = [3600, 26];
const startS = Date.UTC(2026, 10, 25) / 1000;

/** Four clients of two servers, a connection a minute; in the last hour one of them tries a whole network. */
function traffic() {
  const chance = prng(5);
  const usual = Array.from({ length: hours * 60 * 4 }, (_, n) =>
    zeekLine({
      ts: startS + Math.floor(n / 4) * 60 + 50 * chance.unit(),
      uid: `U${n}`,
      'id.orig_h': `10.1.0.${1 + (n % 4)}`,
      'id.resp_h': `10.2.0.${1 + (n % 2)}`,
      duration: 1,
    }),
  );
  const scan = Array.from({ length: 60 }, (_, n) =>
    zeekLine({
      ts: startS + (hours - 1) * hourS + n * 2,
      uid: `S${n}`,
      'id.orig_h': '10.1.0.3',
      'id.resp_h': `10.3.0.${1 + n}`,
      'id.resp_p': 445,
      conn_state: 'REJ',
      duration: 0.001,
    }),
  );
  return [...usual, ...scan];
}

test('a scan in a recording is found, as what it is, and nothing of the others', async () => {
  writeFileSync(join(folder, 'conn.log.gz'), packed(zeekTsv(traffic())));
  writeFileSync(join(folder, 'dns.log'), 'another log');
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'scripts/recorded.ts'), folder]);
  assert.match(stdout, /^lateral-movement, scans: 1 findings, /m);
  assert.match(stdout, /critical unknown on 10\.1\.0\.3 \(, egress\) tries whom it never met/);
  const others = [...stdout.matchAll(/^(\S+, [a-z ]+): [1-9]\d* findings/gm)].map(([, of]) => of);
  // To the client's own history the network is as new.
  assert.deepEqual(others, ['lateral-movement, scans', 'unexpected-egress, new destinations']);
});

test('a folder without such logs says what is wanted', async () => {
  const run = promisify(execFile)(process.execPath, [join(root, 'scripts/recorded.ts'), join(root, 'docs')]);
  await assert.rejects(run, { code: 2, stderr: /in which there are conn\.log files of Zeek/ });
});
