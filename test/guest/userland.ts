/**
 * What every guest has, whatever its kernel and whatever it runs: Node, a shell, the network's commands,
 * folders.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { CpioEntry } from './cpio.ts';
import type { Tree } from './tree.ts';
import { addFile, addFolder, findCommand } from './tree.ts';

const run = promisify(execFile);

const commands = ['ip', 'tc', 'nft', 'ss', 'dash'] as const;

/**
 * Those that start other commands come from the host too: busybox runs its own applet for any name it knows,
 * so its `timeout 5 ip netns` would never reach the real ip.
 */
const starters = [
  ...['env', 'timeout', 'nice', 'nohup', 'stdbuf', 'chroot', 'find', 'xargs', 'flock'],
  ...['setsid', 'setpriv', 'taskset', 'prlimit', 'unshare', 'nsenter'],
] as const;

/**
 * Loaded by name or by later programs, so no ldd finds them here: the addon's, and the resolver's for
 * getaddrinfo.
 */
const libraries = [
  'libbpf.so.1',
  'libelf.so.1',
  'libz.so.1',
  'libnss_files.so.2',
  'libnss_dns.so.2',
] as const;
const libraryFolders = ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu'] as const;

/** Tables that ip and tc read: names of routing tables and protocols, and netem's distributions. */
const tables = ['/etc/iproute2', '/usr/share/iproute2', '/usr/lib/x86_64-linux-gnu/tc'] as const;

/** Applets with a real counterpart, shells that prefer applets, and starters with no counterpart here. */
const notLinked: ReadonlySet<string> = new Set([
  ...['busybox', 'sh', 'ash', 'ipaddr', 'iplink', 'iproute', 'iprule', 'ipneigh'],
  ...['time', 'watch', 'start-stop-daemon', 'chpst', 'softlimit', 'chrt', 'ionice'],
]);

const folder = (path: string, mode = 0o755): CpioEntry => ({ kind: 'folder', path, mode });
const link = (path: string, target: string): CpioEntry => ({ kind: 'link', path, target });
const text = (path: string, content: string): CpioEntry => ({
  kind: 'bytes',
  path,
  mode: 0o644,
  bytes: Buffer.from(content),
});

const skeleton: readonly CpioEntry[] = [
  ...['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'var/lib', 'proc', 'sys', 'run', 'root', 'dev'].map(
    (p) => folder(p),
  ),
  ...['bin', 'sbin', 'lib', 'lib64'].map((p) => link(p, `usr/${p}`)),
  link('var/run', '/run'),
  folder('tmp', 0o1777),
  // The kernel opens it for /init before any devtmpfs is there.
  { kind: 'device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  text('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n'),
  text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
  text('etc/hosts', '127.0.0.1 localhost guest\n::1 localhost\n'),
  text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
];

/** Entries of the archive; the Node is the one that runs this. */
export async function userland(): Promise<Tree> {
  const tree: Tree = new Map(skeleton.map((e) => [e.path, e]));
  const busybox = findCommand('busybox');
  const { stdout } = await run(busybox, ['--list']);
  for (const applet of stdout.split('\n').filter((a) => a && !notLinked.has(a))) {
    tree.set(`usr/bin/${applet}`, link(`usr/bin/${applet}`, 'busybox'));
  }
  await addFile(tree, { from: busybox, at: 'usr/bin/busybox' });
  await addFile(tree, { from: process.execPath, at: 'usr/bin/node' });
  for (const name of [...commands, ...starters])
    await addFile(tree, { from: findCommand(name), at: `usr/bin/${name}` });
  tree.set('usr/bin/sh', link('usr/bin/sh', 'dash'));
  for (const name of libraries) {
    const path = libraryFolders.map((f) => `${f}/${name}`).find(existsSync);
    if (path !== undefined) await addFile(tree, { from: path, at: `usr/lib/x86_64-linux-gnu/${name}` });
  }
  for (const from of tables) if (existsSync(from)) await addFolder(tree, { from, at: from.slice(1) });
  return tree;
}
