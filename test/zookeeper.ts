/** A ZooKeeper of Debian's libzookeeper-java, as a process of its own on loopback. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../src/hub/engine/engine.ts';

export interface ZooKeeper extends AsyncDisposable {
  readonly port: number;
}

const jars = [
  'zookeeper',
  'zookeeper-jute',
  'log4j-1.2',
  'slf4j-api',
  'netty-all',
  'snappy-java',
  'metrics-core',
  'jackson-databind',
  'commons-cli',
  'commons-io',
  'guava',
].map((name) => `/usr/share/java/${name}.jar`);

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return once(socket, 'connect').then(
    () => Boolean(socket.destroy()),
    () => false,
  );
}

export async function openZooKeeper(): Promise<ZooKeeper> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-zookeeper-'));
  const port = await freePort();
  const settings = {
    tickTime: 500,
    dataDir: join(folder, 'data'),
    clientPort: port,
    clientPortAddress: '127.0.0.1',
    'admin.enableServer': false,
  };
  const file = join(folder, 'zoo.cfg');
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${String(value)}\n`);
  writeFileSync(file, lines.join(''));
  const main = 'org.apache.zookeeper.server.ZooKeeperServerMain';
  const child = spawn('java', ['-Xmx96m', '-cp', jars.join(':'), main, file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => (said = `${said}${String(chunk)}`.slice(-2000)));
  const ended = Promise.race([once(child, 'exit'), once(child, 'error')]).catch((error: unknown) => {
    said += String(error);
  });
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true });
  };
  while (!(await listens(port))) {
    if (child.pid === undefined || child.exitCode !== null) {
      await close();
      throw new Error(`no ZooKeeper (scripts/setup --test --cluster installs it): ${said}`);
    }
    await sleep(50);
  }
  return { port, [Symbol.asyncDispose]: close };
}
