/** Lines of a stream, bounded: a peer that never ends its line cannot fill our memory. */

import type { Readable } from 'node:stream';

export interface LineOptions {
  readonly onLine: (line: string) => void;
  /** Characters; a longer line ends the stream with an error. */
  readonly lineMax: number;
}

/** Calls back for every whole line. Errors of the stream stay the stream's. */
export function readLines(stream: Readable, { onLine, lineMax }: LineOptions): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (stream.destroyed) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    const tooLong = lines.findIndex((line) => line.length > lineMax);
    for (const line of tooLong < 0 ? lines : lines.slice(0, tooLong)) onLine(line);
    if (tooLong >= 0 || rest.length > lineMax) {
      stream.destroy(new Error(`a line is longer than ${String(lineMax)} characters`));
    }
  });
}
