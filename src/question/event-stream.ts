/** Server-sent events, as far as a hub sends them: a name and a value in JSON; comments keep them alive. */

export interface StreamEvent {
  readonly event: string;
  readonly value: unknown;
}

export const eventStreamType = 'text/event-stream';

/** Nobody shows it; whoever waits knows that the other end is there. */
export const heartbeat = ': still here\n\n';

export function encodeEvent({ event, value }: StreamEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
}

/** What has come of an event that is not whole yet. */
const pendingMax = 1 << 20;

function readEvent(text: string): StreamEvent | undefined {
  let [event, data] = ['message', ''];
  for (const line of text.split('\n')) {
    if (line.startsWith('event: ')) event = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
  }
  return data === '' ? undefined : { event, value: JSON.parse(data) as unknown };
}

/**
 * Takes text in pieces, however it was cut, and gives the events that are whole. Throws a plain Error for
 * what is no such stream.
 */
export function eventReader(): (text: string) => readonly StreamEvent[] {
  let pending = '';
  return (text) => {
    pending += text;
    const blocks = pending.split('\n\n');
    pending = blocks.pop() ?? '';
    if (pending.length > pendingMax) throw new Error(`an event is longer than ${pendingMax} characters`);
    return blocks.flatMap((block) => readEvent(block) ?? []);
  };
}
