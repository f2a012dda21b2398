import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { cacheFolder } from './cache.ts';
import { runInGuest } from './guest.ts';
import type { KernelName } from './kernels.ts';
import { fetchKernel, kernelConfig } from './kernels.ts';
import type { Probe } from './probe.ts';

const run = promisify(execFile);
const timeoutMs = 300_000;
const supported: readonly KernelName[] = ['6.1', '6.12'];

/** What the tests of Sonde count on, besides what they probe for. */
const options = [
  'DEBUG_INFO_BTF',
  'VETH',
  'NF_TABLES',
  'NFT_REJECT',
  'TUN',
  'MPTCP',
  'INET_DIAG_DESTROY',
] as const;

async function qemus(): Promise<string[]> {
  const { stdout } = await run('ps', ['-o', 'pid=,comm=', '--ppid', String(process.pid)]);
  return stdout.split('\n').filter((line) => line.includes('qemu'));
}

describe('a guest', { concurrency: 2 }, () => {
  for (const kernel of supported) {
    test(`of ${kernel} runs TypeScript, namespaces, nftables and ss -K`, async () => {
      const { exitCode, output, ...result } = await runInGuest({
        kernel,
        files: ['test/guest/probe.ts'],
        command: ['sh', '-c', 'node test/guest/probe.ts | tee probe.json && exit 7'],
        artifacts: ['probe.json'],
        timeoutMs,
      });
      assert.equal(exitCode, 7, output);
      const probe = JSON.parse(output) as Probe;
      assert.ok(probe.release.startsWith(`${kernel}.`));
      assert.equal(result.release, probe.release);
      assert.deepEqual(
        { ...probe, release: '' },
        { release: '', hasBtf: true, open: 'none', rejected: 'ECONNREFUSED', destroyed: 'ECONNABORTED' },
      );
      assert.match(result.kernelLog, /Linux version/);
      const { artifactsDir = '' } = result;
      assert.equal(await readFile(join(artifactsDir, 'probe.json'), 'utf8'), output);
      await rm(artifactsDir, { recursive: true });
    });

    test(`of ${kernel} has the options asked of it`, async () => {
      const config = await kernelConfig(await fetchKernel(kernel));
      assert.deepEqual(
        options.filter((o) => !config.has(o)),
        [],
      );
    });
  }
});

describe('a guest that fails', () => {
  const guest = { kernel: '6.1', files: [], command: ['true'] } as const;

  test('to boot in time says so, with the end of what it printed, and leaves nothing behind', async () => {
    const before = await readdir(cacheFolder);
    await assert.rejects(runInGuest({ ...guest, timeoutMs: 1500 }), /did not boot within 1500 ms\n[^]*\w/);
    assert.deepEqual(await qemus(), []);
    assert.deepEqual(await readdir(cacheFolder), before);
  });

  test('by a panic is told at once', async () => {
    const dying = runInGuest({ ...guest, commandLine: 'rdinit=/nothing root=/nothing', timeoutMs });
    await assert.rejects(dying, /did not boot and qemu ended after \d+ ms\n[^]*Kernel panic/);
  });

  test('because it is told to stop, stops', async () => {
    const signal = AbortSignal.timeout(1500);
    await assert.rejects(runInGuest({ ...guest, timeoutMs, signal }), { name: 'TimeoutError' });
    assert.deepEqual(await qemus(), []);
  });
});
