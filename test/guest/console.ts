/**
 * Reads a guest's first serial port: the kernel's messages, then the command's output between two lines with
 * the token.
 */

/** More output than this is a command gone wild; the guest is stopped. */
const outputBytesMax = 16 << 20;
/** How much of what the guest printed an error repeats. */
const tailLinesMax = 40;

/** A guest that did not come to the end of its command: it never booted, died, or took too long. */
export class GuestError extends Error {
  /** What the command printed until then; undefined: its kernel did not come so far. */
  readonly output: string | undefined;

  constructor(message: string, output: string | undefined) {
    super(message);
    this.output = output;
  }
}

export interface Verdict {
  readonly exitCode: number;
  readonly output: string;
  readonly bootMs: number;
  readonly release: string;
}

export interface Console {
  readonly take: (bytes: Buffer) => void;
  /** What qemu itself says. */
  readonly complain: (bytes: Buffer) => void;
  /** Aborts when there is too much. */
  readonly signal: AbortSignal;
  /** To be asked when qemu has ended; throws GuestError, with the end of what the guest printed. */
  readonly verdict: (name: string, timeoutMs: number) => Verdict;
}

interface Start {
  readonly ms: number;
  readonly release: string;
  readonly outputAt: number;
}

function tail(text: string): string {
  return text.replaceAll('\r', '').split('\n').slice(-tailLinesMax).join('\n');
}

/**
 * What was read so far. qemu writes a serial port byte by byte, so joining buffers at each piece would take
 * longer than the guest.
 */
function openBuffer(): { readonly add: (bytes: Buffer) => Buffer } {
  let room = Buffer.allocUnsafe(1 << 16);
  let length = 0;
  return {
    add: (bytes) => {
      if (length + bytes.length > room.length) {
        room = Buffer.concat([room], 2 * (length + bytes.length));
      }
      length += bytes.copy(room, length);
      return room.subarray(0, length);
    },
  };
}

export function openConsole(token: string, onOutput?: (bytes: Buffer) => void): Console {
  const openedMs = performance.now();
  const tooMuch = new AbortController();
  const mark = Buffer.from(`@${token} `);
  const buffer = openBuffer();
  let seen: Buffer = Buffer.alloc(0);
  let told = 0;
  let complaints = '';
  let start: Start | undefined;

  const findStart = (): Start | undefined => {
    const at = seen.indexOf(mark);
    const end = at < 0 ? -1 : seen.indexOf('\n', at);
    if (end < 0) return undefined;
    const release = seen.toString('utf8', at, end).trim().split(' ')[3] ?? '';
    return { ms: performance.now() - openedMs, release, outputAt: end + 1 };
  };
  /** Everything up to where the next mark may have begun. */
  const tell = (from: number): void => {
    const begin = Math.max(told, from);
    const at = seen.indexOf(mark, begin);
    const maybe = seen.indexOf('@', Math.max(begin, seen.length - mark.length));
    const until = at >= 0 ? at : maybe >= 0 ? maybe : seen.length;
    if (until <= begin) return;
    onOutput?.(seen.subarray(begin, until));
    told = until;
  };
  return {
    signal: tooMuch.signal,
    take: (bytes) => {
      seen = buffer.add(bytes);
      if (seen.length > outputBytesMax) tooMuch.abort(new Error('too much output'));
      start ??= findStart();
      if (start !== undefined) tell(start.outputAt);
    },
    complain: (bytes) => {
      complaints = tail(complaints + bytes.toString());
    },
    verdict: (name, timeoutMs) => {
      const text = (): string => `\n${tail(complaints + seen.toString())}`;
      const ranMs = Math.round(performance.now() - openedMs);
      const why = ranMs >= timeoutMs ? `within ${timeoutMs} ms` : `and qemu ended after ${ranMs} ms`;
      const output = (until?: number): string =>
        start === undefined ? '' : seen.toString('utf8', start.outputAt, until);
      if (tooMuch.signal.aborted)
        throw new GuestError(`guest ${name} printed over ${outputBytesMax} bytes${text()}`, output());
      if (start === undefined) throw new GuestError(`guest ${name} did not boot ${why}${text()}`, undefined);
      const at = seen.indexOf(mark, start.outputAt);
      const code = /^@\w+ end (\d+)/.exec(at < 0 ? '' : seen.toString('utf8', at))?.[1];
      if (code === undefined)
        throw new GuestError(`in guest ${name} the command did not end ${why}${text()}`, output());
      const { ms, release } = start;
      return { exitCode: Number(code), output: output(at), bootMs: Math.round(ms), release };
    },
  };
}
