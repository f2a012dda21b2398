/** A syslog server by the protocols' own words, for what a real one does not do: breaking off at a moment. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** The messages of one connection. */
export interface Said {
  readonly messages: string[];
  add(bytes: Buffer): void;
}

/** Takes messages with their octet counts off what has come so far. */
function octetCounted(): Said {
  const messages: string[] = [];
  let rest = Buffer.alloc(0);
  return {
    messages,
    add(bytes) {
      rest = Buffer.concat([rest, bytes]);
      for (;;) {
        const space = rest.indexOf(0x20);
        if (space < 0) return;
        const count = rest.subarray(0, space).toString('latin1');
        assert.match(count, /^[1-9]\d*$/);
        const end = space + 1 + Number(count);
        if (rest.length < end) return;
        messages.push(rest.subarray(space + 1, end).toString());
        rest = rest.subarray(end);
      }
    },
  };
}

export interface SyslogServer {
  readonly server: Server;
  /** What each connection has said, in their order. */
  readonly connections: Said[];
  readonly sockets: Socket[];
  /** Which connections all messages tell of. */
  cookies(): number[];
}

/** The number of the connection that a message tells of, in the records of test/observations.ts. */
export function cookieOf(message: string): number {
  return Number(/"b-1-(\d+)-1"/.exec(message)?.[1]);
}

export type Greet = (socket: Socket, place: number) => void;

/** `greet` may do to a new connection what it likes. */
export function syslogServer(
  t: TestContext,
  greet: Greet = () => undefined,
  create: (listener: (socket: Socket) => void) => Server = createServer,
): SyslogServer {
  const [connections, sockets]: [Said[], Socket[]] = [[], []];
  const server = create((socket) => {
    const said = octetCounted();
    socket.on('data', (bytes: Buffer) => said.add(bytes));
    socket.on('error', () => undefined); // ours to cause
    greet(socket, connections.push(said) - 1);
    sockets.push(socket);
  });
  server.on('tlsClientError', () => undefined);
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const cookies = () => connections.flatMap(({ messages }) => messages.map(cookieOf));
  return { server, connections, sockets, cookies };
}

export async function listenOn({ server }: SyslogServer, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
