/** What the kernel says of connections that it translates: real ones, in namespaces of the test's own. */
import assert from 'node:assert/strict';
import { readlinkSync, statSync } from 'node:fs';
import { test } from 'node:test';
import type { Namespace } from '../../../lab/namespaces.ts';
import { routedAddress } from '../../../lab/namespaces.ts';
import { Stage } from '../../../lab/stage.ts';
import { conntrack } from '../decode/conntrack.ts';
import { artefacts, loadNative } from './native.ts';
import { askTranslations, type Translations } from './translations.ts';

const native = loadNative(artefacts());
const { v4, v6 } = routedAddress.right;
const { protocol, request } = conntrack;

function asked(path: string, inode: number): Promise<Translations> {
  return askTranslations({ native, path: () => path, conntrack })(inode);
}

async function connect(at: Namespace, ip: string, port: number): Promise<void> {
  const client = await at.actor('client');
  const socket = await client.socket(ip.includes(':') ? 'tcp6' : 'tcp4');
  await client.connect(socket, { ip, port });
}

const rules = (table: string, chain: string, ...lines: readonly string[]): string =>
  [`table ${table} {`, `chain ${chain} {`, `type nat hook ${chain} priority -100`, ...lines, '}', '}'].join(
    '\n',
  );

test('where connections to a service address went; others are not among it', async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  assert.deepEqual(await asked(left.path, left.inode), { found: [], cut: false });
  await left.nft(rules('ip nat', 'output', `ip daddr 10.96.0.10 tcp dport 80 dnat to ${v4}:8080`));
  await left.nft(rules('ip6 nat', 'output', `ip6 daddr fd96::10 tcp dport 80 dnat to [${v6}]:8080`));
  for (const ip of [v4, v6]) await stage.listening({ at: right, ip, port: 8080 });
  await connect(left, '10.96.0.10', 80);
  await connect(left, 'fd96::10', 80);
  await connect(left, v4, 8080);
  const { found, cut } = await asked(left.path, left.inode);
  assert.equal(cut, false);
  assert.deepEqual(
    found.toSorted((a, b) => (a.ip < b.ip ? -1 : 1)),
    [
      { transport: 'tcp', ip: '10.96.0.10', port: 80, translated: { ip: v4, port: 8080 } },
      { transport: 'tcp', ip: 'fd96::10', port: 80, translated: { ip: v6, port: 8080 } },
    ],
  );
  assert.deepEqual(
    await asked(left.path, right.inode),
    { found: [], cut: false },
    'another namespace is there',
  );
});

test('a redirect to a proxy beside it', async () => {
  await using stage = new Stage();
  const { left } = await stage.routed();
  await left.nft(rules('ip nat', 'output', `ip daddr ${v4} tcp dport 80 redirect to :15001`));
  await stage.listening({ at: left, ip: '127.0.0.1', port: 15_001 });
  await connect(left, v4, 80);
  const { found } = await asked(left.path, left.inode);
  assert.deepEqual(found, [
    { transport: 'tcp', ip: v4, port: 80, translated: { ip: '127.0.0.1', port: 15_001 } },
  ]);
});

test('an answer that is too long is cut, and says so', async () => {
  await using stage = new Stage();
  const { left, right } = await stage.routed();
  await left.nft(rules('ip nat', 'output', `ip daddr 10.96.0.10 tcp dport 80 dnat to ${v4}:8080`));
  await stage.listening({ at: right, ip: v4, port: 8080 });
  await connect(left, '10.96.0.10', 80);
  const answer = await native.netlink(left.path, protocol, request, 64);
  assert.deepEqual([answer.cut, answer.bytes.byteLength, answer.inode], [true, 0, left.inode]);
});

test('what the kernel refuses is an error, and no thread stays in another namespace', async () => {
  const before = readlinkSync('/proc/thread-self/ns/net');
  const unknown = Uint8Array.from(request);
  unknown[5] = 0x7f; // a subsystem that nobody has
  await assert.rejects(native.netlink('/proc/self/ns/net', protocol, unknown, 1 << 16), /Invalid|supported/);
  await assert.rejects(native.netlink('/nonexistent', protocol, request, 1 << 16), /No such file/);
  assert.equal(readlinkSync('/proc/thread-self/ns/net'), before);
  assert.equal(statSync('/proc/self/ns/net').ino, Number(/\d+/.exec(before)?.[0]));
});
