/** Talk for people, on standard error; standard output is for data. */

export interface Log {
  info(line: string): void;
  warn(line: string): void;
}

export const stderrLog: Log = {
  info: (line) => process.stderr.write(`sonde: ${line}\n`),
  warn: (line) => process.stderr.write(`sonde: warning: ${line}\n`),
};

export const silentLog: Log = { info: () => undefined, warn: () => undefined };
