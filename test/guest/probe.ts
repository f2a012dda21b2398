/**
 * Runs in a guest, for guest.root.test.ts: does there what tests of Sonde do (a peer behind a veth, a fault
 * by nftables, a socket destroyed by ss) and prints what came of it as JSON.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const peer = '10.99.0.2';
const ports = { open: 82, rejected: 81 } as const;
const triesMax = 50;

export interface Probe {
  readonly release: string;
  readonly hasBtf: boolean;
  /** Errors of a connect: to a listener, and to one behind `reject with tcp reset`. */
  readonly open: string;
  readonly rejected: string;
  /** The error of an open socket after `ss -K`. */
  readonly destroyed: string;
}

function sh(line: string): string {
  return execFileSync('sh', ['-c', line], { encoding: 'utf8' });
}

function setUp(): void {
  sh('ip netns add peer && ip link add near type veth peer name far netns peer');
  sh('ip addr add 10.99.0.1/24 dev near && ip link set near up');
  sh(`ip -n peer addr add ${peer}/24 dev far && ip -n peer link set far up && ip -n peer link set lo up`);
  const rule = `tcp dport ${ports.rejected} counter reject with tcp reset`;
  sh(`ip netns exec peer nft 'table inet t { chain c { type filter hook input priority 0; ${rule}; }; }'`);
}

/** With an input that stays open: at the end of it nc would close the connection. */
function listen(port: number): void {
  const command = ['netns', 'exec', 'peer', 'nc', '-l', '-p', String(port)];
  spawn('ip', command, { stdio: ['pipe', 'ignore', 'ignore'] }).unref();
}

/** Until both listen: a connect that came too early would be refused without any rule. */
async function untilListening(): Promise<void> {
  for (let tries = 0; tries < triesMax; tries++) {
    const lines = sh('ip netns exec peer ss -Hltn').split('\n').filter(Boolean);
    if (lines.length >= Object.keys(ports).length) return;
    await sleep(100);
  }
  throw new Error('nc does not listen');
}

function outcome(socket: Socket, event: 'connect' | 'close'): Promise<string> {
  return new Promise((resolve) => {
    socket.once(event, () => resolve('none'));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

async function probe(): Promise<Probe> {
  setUp();
  for (const port of Object.values(ports)) listen(port);
  await untilListening();
  const rejected = await outcome(connect(ports.rejected, peer), 'connect');
  const socket = connect(ports.open, peer);
  const open = await outcome(socket, 'connect');
  const after = outcome(socket, 'close');
  sh(`ss -K dst ${peer} dport = ${ports.open}`);
  return {
    release: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    hasBtf: existsSync('/sys/kernel/btf/vmlinux'),
    open,
    rejected,
    destroyed: await Promise.race([after, sleep(5000, 'not within 5 s')]),
  };
}

console.log(JSON.stringify(await probe()));
process.exit(0);
