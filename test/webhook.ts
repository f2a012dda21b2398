/** A real HTTP receiver that keeps what it is sent. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface Posted {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly posted: Posted[];
  /** What it answers from now on. */
  answer(status: number): void;
}

export async function openReceiver(): Promise<Receiver> {
  const posted: Posted[] = [];
  let status = 200;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      posted.push({ path: request.url ?? '', headers: request.headers, body: JSON.parse(body) as unknown });
      response.writeHead(status).end('so be it');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posted,
    answer: (next) => {
      status = next;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
