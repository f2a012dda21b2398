/** One connection to an HTTP receiver, kept open between requests. */

import * as http from 'node:http';
import * as https from 'node:https';
import { openTls, type TlsFiles } from '../tls.ts';

export const httpLimits = {
  /** What is read of an answer; the rest does not matter to us. */
  answerBytesMax: 64 * 1024,
  /** An idle connection is closed by us before most receivers and balancers do. */
  idleMsMax: 30_000,
} as const;

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  /** Where a redirection leads. It is not followed. */
  readonly location: string | undefined;
  readonly body: Buffer;
}

export type Channel = Disposable & {
  /** Rejects when there was no whole answer; with the signal's reason when that was aborted. */
  post(body: Uint8Array, headers: http.OutgoingHttpHeaders, signal: AbortSignal): Promise<Answer>;
};

function openAgent(url: URL, files: TlsFiles): http.Agent {
  const options = { keepAlive: true, maxSockets: 1, timeout: httpLimits.idleMsMax };
  const tls = openTls(url, files);
  return tls ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
}

function readAnswer(response: http.IncomingMessage): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      if (length < httpLimits.answerBytesMax) chunks.push(chunk);
      length += chunk.length;
    });
    response.once('error', reject);
    response.once('end', () => {
      resolve({
        status: response.statusCode ?? 0,
        contentType: response.headers['content-type'] ?? '',
        retryAfter: response.headers['retry-after'],
        location: response.headers.location,
        body: Buffer.concat(chunks).subarray(0, httpLimits.answerBytesMax),
      });
    });
  });
}

/** Throws as openTls does. */
export function openChannel(url: URL, tls: TlsFiles): Channel {
  const agent = openAgent(url, tls);
  const { request } = url.protocol === 'https:' ? https : http;

  function send(body: Uint8Array, headers: http.OutgoingHttpHeaders, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method: 'POST', agent, headers, signal }, (response) => {
        readAnswer(response).then(resolve, reject);
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        // The receiver closed an idle connection just as we took it up again: nothing is wrong with it.
        if (outgoing.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted)
          send(body, headers, signal).then(resolve, reject);
        else reject(signal.aborted ? (signal.reason as Error) : error);
      });
      outgoing.end(body);
    });
  }

  return {
    post: send,
    [Symbol.dispose]: () => {
      agent.destroy();
    },
  };
}
