/** Talk for people, on standard error; standard output is for data. */

export interface Log {
  info(line: string): void;
  warn(line: string): void;
}

/** Whole lines, without their end. */
export function logTo(say: (line: string) => void): Log {
  return {
    info: (line) => {
      say(`sonde: ${line}`);
    },
    warn: (line) => {
      say(`sonde: warning: ${line}`);
    },
  };
}

export const stderrLog: Log = logTo((line) => process.stderr.write(`${line}\n`));

export const silentLog: Log = { info: () => undefined, warn: () => undefined };
