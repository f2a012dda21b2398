/**
 * What an operator can do something about. One table has every such error: its code, the exit code, what is
 * said and what to do. It is printed as one line without a stack. Anything else that is thrown is a fault of
 * ours: an assertion or a plain Error, printed with its stack, exit code `internal`.
 */
import { askErrors } from './ask-errors.ts';
import { configErrors } from './config-errors.ts';
import { transferErrors } from './transfer-errors.ts';

/** The exit codes of every command. They are promises: docs/reference/errors.md shows them. */
export const exitCodes = {
  ok: 0,
  degraded: 1,
  usage: 2,
  coverage: 3,
  privileges: 4,
  kernel: 5,
  build: 6,
  alreadyRunning: 7,
  internal: 70,
} as const;
export type ExitCodeName = keyof typeof exitCodes;

export const exitCodeMeanings: Readonly<Record<ExitCodeName, string>> = {
  ok: 'It did what was asked.',
  degraded: 'It ran and something is not as it should be: a check is degraded, an agent does not answer.',
  usage: 'The command line or a configuration file is wrong. Nothing was started.',
  coverage: 'The answer is there, and its coverage is below what was asked for.',
  privileges: 'This user may not do that.',
  kernel: 'This kernel cannot do that.',
  build: 'Something that the build makes is missing or does not fit.',
  alreadyRunning: 'An agent of the same instance, or a hub of the same folder, runs already.',
  internal: 'A fault of ours. Please report it, with the stack.',
};

interface OperatorErrorEntry {
  readonly exitCode: ExitCodeName;
  /** What is wrong, in one line: `{name}` is a parameter. */
  readonly message: string;
  /** What to do about it, in one line with the same parameters. */
  readonly whatToDo: string;
  /** Of the answer that the hub gives; 500 by default. */
  readonly httpStatus?: number;
}

export const operatorErrors = {
  'usage.unknown_flag': {
    exitCode: 'usage',
    message: 'unknown option {flag}',
    whatToDo: 'see sonde {command} --help',
  },
  'usage.unknown_command': {
    exitCode: 'usage',
    message: 'unknown command {command}',
    whatToDo: 'see sonde --help',
  },
  'usage.bad_value': {
    exitCode: 'usage',
    message: '{problem}',
    whatToDo: 'see sonde {command} --help',
  },
  ...configErrors,
  'store.unreachable': {
    exitCode: 'degraded',
    httpStatus: 503,
    message: 'the store does not answer ({reason})',
    whatToDo: 'wait until GET /readyz answers 200, then ask again',
  },
  'hub.unreachable': {
    exitCode: 'degraded',
    message: 'no hub answers on {url} ({reason})',
    whatToDo: 'start one: sonde up or sonde hub, or name it: --hub URL',
  },
  'hub.refused': {
    exitCode: 'usage',
    message: '{detail}',
    whatToDo: '{hint}',
  },
  'hub.failed': {
    exitCode: 'degraded',
    message: '{detail}',
    whatToDo: '{hint}',
  },
  'hub.folder_unusable': {
    exitCode: 'usage',
    message: 'the folder {folder} cannot be made or entered ({reason})',
    whatToDo: 'let the user of the hub in, or name another: data in hub.yaml, or SONDE_STATE',
  },
  'hub.cannot_listen': {
    exitCode: 'usage',
    message: 'the hub cannot listen on {listen} ({reason})',
    whatToDo: 'stop what listens there, or give the hub another address: listen in hub.yaml',
  },
  'hub.already_running': {
    exitCode: 'alreadyRunning',
    message: 'another hub uses {folder}',
    whatToDo: 'stop it first, or give this one another folder: data in hub.yaml, or SONDE_STATE',
  },
  'hub.journal_broken': {
    exitCode: 'degraded',
    message: 'the journal in {folder} cannot be opened ({reason})',
    whatToDo: 'mend the disk or its permissions, or move the folder away (what it holds is lost then)',
  },
  'hub.journal_unwritable': {
    exitCode: 'degraded',
    httpStatus: 503,
    message: 'the journal cannot be written ({reason})',
    whatToDo: 'make room on the disk of the hub, then send again',
  },
  'hub.not_ready': {
    exitCode: 'degraded',
    httpStatus: 503,
    message: 'the hub is not ready ({reason})',
    whatToDo: 'wait, GET /readyz answers 200 when it is',
  },
  'hub.busy': {
    exitCode: 'degraded',
    httpStatus: 429,
    message: 'the hub takes nothing now ({reason})',
    whatToDo: 'send again after {retryAfterS} s',
  },
  'request.host': {
    exitCode: 'usage',
    httpStatus: 421,
    message: 'this hub is not {host}',
    whatToDo: 'ask it by a loopback name, such as http://127.0.0.1:7400',
  },
  'request.not_found': {
    exitCode: 'usage',
    httpStatus: 404,
    message: 'there is nothing at {method} {path}',
    whatToDo: 'see /api/v1/openapi.json',
  },
  'request.content_type': {
    exitCode: 'usage',
    httpStatus: 415,
    message: 'content type {type} is not taken here',
    whatToDo: 'send {allowed}',
  },
  'request.compression': {
    exitCode: 'usage',
    httpStatus: 415,
    message: 'content encoding {encoding} is not taken here',
    whatToDo: 'send gzip, zstd or identity',
  },
  'request.too_large': {
    exitCode: 'usage',
    httpStatus: 413,
    message: 'the request is larger than {max} ({what})',
    whatToDo: 'send smaller batches (that limit is {limit})',
  },
  'request.malformed': {
    exitCode: 'usage',
    httpStatus: 400,
    message: 'the request cannot be read ({reason})',
    whatToDo: 'correct the sender, sending the same again will not help',
  },
  'policy.key_unusable': {
    exitCode: 'usage',
    message: 'the key file {file} of the field policy cannot be used ({reason})',
    whatToDo: 'give it 32 bytes or more that root alone may read (docs/reference/policy.md says how)',
  },
  'spool.unusable': {
    exitCode: 'usage',
    message: 'the spool in {folder} cannot be opened ({reason})',
    whatToDo:
      'make room there and let this user write (SONDE_STATE names another folder than /var/lib/sonde)',
  },
  'privileges.missing': {
    exitCode: 'privileges',
    message: 'not allowed to {action}',
    whatToDo: 'run it as root, or with the capabilities that sonde check names',
  },
  'kernel.no_btf': {
    exitCode: 'kernel',
    message: 'this kernel has no type information ({file} is missing)',
    whatToDo: 'boot one of 5.15 or later (tested from 6.1) that was built with CONFIG_DEBUG_INFO_BTF=y',
  },
  'kernel.load_failed': {
    exitCode: 'kernel',
    message: 'this kernel refused the programs ({reason})',
    whatToDo: 'boot 5.15 or later (tested from 6.1), and if this is one, please report it',
  },
  'build.missing_object': {
    exitCode: 'build',
    message: 'the kernel programs are not built ({file} is missing)',
    whatToDo: 'run scripts/setup',
  },
  'build.broken_object': {
    exitCode: 'build',
    message: 'the kernel programs in {file} cannot be read ({reason})',
    whatToDo: 'run scripts/setup',
  },
  'build.missing_addon': {
    exitCode: 'build',
    message: 'the native addon cannot be loaded from {file} ({reason})',
    whatToDo: 'run scripts/setup',
  },
  'engine.no_program': {
    exitCode: 'build',
    message: 'no ClickHouse for this machine ({machine}): the packaged one is for glibc on x64',
    whatToDo: 'install clickhouse 24.8 or later on the PATH, or name a cluster by its URL under store',
  },
  'engine.not_started': {
    exitCode: 'degraded',
    message: 'the embedded ClickHouse does not start ({reason})',
    whatToDo: 'read {log}',
  },
  'engine.newer_data': {
    exitCode: 'build',
    message: 'the data in {folder} were written by ClickHouse {found}, this one is {release}',
    whatToDo: 'run that ClickHouse or a later one, or name another folder',
  },
  'store.newer': {
    exitCode: 'build',
    message: 'the data in {place} were written by a later Sonde (schema {found}, this one knows {known})',
    whatToDo: 'run that Sonde or a later one, or name another place',
  },
  'pins.foreign': {
    exitCode: 'privileges',
    message: 'what is pinned in {folder} cannot be trusted: {reason}',
    whatToDo: 'find out who made it and remove it, or name another BPF file system by SONDE_BPFFS',
  },
  'labels.process': {
    exitCode: 'usage',
    message: 'process {pid} cannot be looked at ({reason})',
    whatToDo: 'name one that runs, by its number',
  },
  'labels.file': {
    exitCode: 'usage',
    message: '{file} cannot be read as records ({reason})',
    whatToDo: 'name a file of JSON lines as the exporter jsonl writes it, plain or compressed with gzip',
  },
  'agent.already_running': {
    exitCode: 'alreadyRunning',
    message: 'an agent of instance {instance} runs already ({socket})',
    whatToDo: 'stop it first, or give this one another instance',
  },
  'agent.not_running': {
    exitCode: 'degraded',
    message: 'no agent of instance {instance} answers on {socket}',
    whatToDo: 'start one: sonde agent, or sonde up',
  },
  'socket.denied': {
    exitCode: 'privileges',
    message: 'not allowed to ask the agent on {socket}',
    whatToDo: 'be root or a member of the group sonde',
  },
  'hub.no_user': {
    exitCode: 'build',
    message: 'this machine has no user {user}, as which the hub would run',
    whatToDo: 'run scripts/setup as root',
  },
  'hub.not_started': {
    exitCode: 'degraded',
    message: 'the hub does not answer on {url}',
    whatToDo: 'see what it said above (bin/sonde hub runs it alone)',
  },
  ...askErrors,
  ...transferErrors,
} as const satisfies Readonly<Record<string, OperatorErrorEntry>>;

export type OperatorErrorCode = keyof typeof operatorErrors;

type Placeholder<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

type Texts<Code extends OperatorErrorCode> = (typeof operatorErrors)[Code]['message' | 'whatToDo'];

/** What a code's two lines want to know. The compiler reads it off the table. */
export type OperatorErrorParameters<Code extends OperatorErrorCode> = Readonly<
  Record<Placeholder<Texts<Code>>, string | number>
>;

const hiddenControl = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const parameterLengthMax = 200;

/**
 * One line that a terminal shows and does not obey: parameters may come from files, arguments and the
 * network.
 */
function showParameter(value: string | number): string {
  const text = String(value);
  const cut = text.length > parameterLengthMax ? `${text.slice(0, parameterLengthMax)}…` : text;
  return cut.replace(hiddenControl, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

function fill(template: string, parameters: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = parameters[name];
    return value === undefined ? placeholder : showParameter(value);
  });
}

/** Each code with its own parameters. The class has no type parameter: `instanceof` would make it `any`. */
type OperatorErrorArguments = {
  [Code in OperatorErrorCode]: [
    code: Code,
    parameters: OperatorErrorParameters<Code>,
    options?: ErrorOptions,
  ];
}[OperatorErrorCode];

/** Thrown where an operator can do something about it. Whoever catches it prints `formatOperatorError`. */
export class OperatorError extends Error {
  override readonly name = 'OperatorError';
  readonly code: OperatorErrorCode;
  readonly parameters: Readonly<Record<string, string | number>>;

  constructor(...[code, parameters, options]: OperatorErrorArguments) {
    super(fill(operatorErrors[code].message, parameters), options);
    this.code = code;
    this.parameters = parameters;
  }
}

export function formatWhatToDo(error: OperatorError): string {
  return fill(operatorErrors[error.code].whatToDo, error.parameters);
}

/** `sonde: <message>; <what to do>`, one line without its end. */
export function formatOperatorError(error: OperatorError): string {
  return `sonde: ${error.message}; ${formatWhatToDo(error)}`;
}

export function isOperatorError(error: unknown): error is OperatorError {
  return error instanceof OperatorError;
}

/** The exit code of a process that ends by this error. */
export function exitCodeOf(error: unknown): number {
  if (!isOperatorError(error)) return exitCodes.internal;
  return exitCodes[operatorErrors[error.code].exitCode];
}

/** The HTTP status of an answer that says this error. */
export function httpStatusOf(error: OperatorError): number {
  const entry: OperatorErrorEntry = operatorErrors[error.code];
  return entry.httpStatus ?? 500;
}
