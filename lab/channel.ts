/**
 * One line out, one line back: the conversation with an actor (lab/line.h has the escapes). Owns the pending
 * answers; at most one command is written at a time, so that an actor never reads ahead. Every answer is
 * awaited with a bound.
 */
import type { Readable, Writable } from 'node:stream';

/** What an actor answered with `err`: an errno name, or LATE, EOF, USAGE, GONE (the process ended). */
export class ActorError extends Error {
  readonly command: string;
  readonly errno: string;
  constructor(command: string, errno: string) {
    super(`${command}: ${errno}`);
    this.command = command;
    this.errno = errno;
  }
}

/** On top of a command's own bound: a guest kernel under emulation is slow. */
const answerGraceMs = 20_000;

export function escapeWord(word: string): string {
  if (word === '') return '\\e';
  return word.replace(/[\\ \n]/g, (c) => (c === ' ' ? '\\s' : c === '\n' ? '\\n' : '\\\\'));
}

export function unescapeWord(word: string): string {
  return word.replace(/\\(.)/g, (_, c: string) => (c === 's' ? ' ' : c === 'n' ? '\n' : c === 'e' ? '' : c));
}

export class Channel {
  readonly #out: Writable;
  #received = '';
  #waiting: ((line: string | undefined) => void) | undefined;
  #early: string[] = [];
  #ended = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(input: Readable, output: Writable) {
    this.#out = output;
    input.setEncoding('utf8');
    input.on('data', (text: string) => this.#take(text));
    for (const event of ['end', 'close', 'error']) input.on(event, () => this.#end());
    output.on('error', () => this.#end());
  }

  #take(text: string): void {
    const lines = (this.#received + text).split('\n');
    this.#received = lines.pop() ?? '';
    for (const line of lines) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting) waiting(line);
      else this.#early.push(line);
    }
  }

  #end(): void {
    this.#ended = true;
    this.#waiting?.(undefined);
    this.#waiting = undefined;
  }

  /** The next line, or undefined when the other side has gone or the bound was reached. */
  line(waitMs: number): Promise<string | undefined> {
    const early = this.#early.shift();
    if (early !== undefined || this.#ended) return Promise.resolve(early);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(), waitMs + answerGraceMs);
      this.#waiting = (line) => {
        clearTimeout(timer);
        resolve(line);
      };
    });
  }

  /**
   * Sends a command and gives the words after `ok`; throws an ActorError for `err`. Commands go one after
   * another.
   */
  ask(words: readonly (string | number)[], waitMs = 0): Promise<string[]> {
    const turn = this.#last.then(() => this.#ask(words, waitMs));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #ask(words: readonly (string | number)[], waitMs: number): Promise<string[]> {
    if (!this.#ended) this.#out.write(words.map((word) => escapeWord(String(word))).join(' ') + '\n');
    const line = await this.line(waitMs);
    const [verdict, ...rest] = (line ?? 'err GONE').split(' ').map(unescapeWord);
    if (verdict !== 'ok') throw new ActorError(words.slice(0, 4).join(' '), rest[0] ?? 'UNKNOWN');
    return rest;
  }

  /** Nothing more will be asked: the actor's next read ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#out.end();
    return Promise.resolve();
  }
}
