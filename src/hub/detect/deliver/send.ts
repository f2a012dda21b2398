/** One message over HTTP. */

import type { Message } from './target.ts';

export const sendLimits = { requestMsMax: 10_000, answerCharactersMax: 200 } as const;

export interface Sending {
  readonly url: string;
  readonly token: string | undefined;
  /** Makes a message that comes twice known. */
  readonly key: string;
  readonly signal: AbortSignal;
}

export interface Sent {
  readonly result: 'sent' | 'failed' | 'refused';
  /** What is wrong; empty when it was sent. */
  readonly reason: string;
}

/** What another try does not mend: all of 4xx but that it took too long, or was too much at once. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

export async function send({ path, body }: Message, { url, token, key, signal }: Sending): Promise<Sent> {
  try {
    const response = await fetch(`${path === '' ? url : url.replace(/\/+$/, '')}${path}`, {
      method: 'POST',
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': key,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(sendLimits.requestMsMax)]),
    });
    const answer = (await response.text()).slice(0, sendLimits.answerCharactersMax);
    if (response.ok) return { result: 'sent', reason: '' };
    return {
      result: isRefusal(response.status) ? 'refused' : 'failed',
      reason: `${response.status} ${answer}`,
    };
  } catch (error) {
    signal.throwIfAborted();
    const { cause, message } = error as Error;
    const { code, message: why } = (cause ?? {}) as { code?: string; message?: string };
    return { result: 'failed', reason: code ?? why ?? message };
  }
}
