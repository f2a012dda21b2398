/**
 * Errors that an operator can mend: one table of code, message, what to do, exit code. They are printed as one line, without
 * a stack. Everything else that is thrown is a fault of the program.
 */

export const exitCodes = {
  ok: 0,
  degraded: 1,
  usage: 2,
  coverage: 3,
  privileges: 4,
  kernel: 5,
  build: 6,
  running: 7,
} as const;

type Entry = { readonly exit: keyof typeof exitCodes; readonly message: string; readonly whatToDo: string };

/** `{name}` stands for a parameter. */
export const operatorErrors = {
  'usage.unknown_command': {
    exit: 'usage',
    message: 'there is no command {command}',
    whatToDo: 'sonde --help lists them',
  },
  'usage.unknown_flag': {
    exit: 'usage',
    message: 'unknown option {flag}',
    whatToDo: 'sonde {command} --help lists them',
  },
  'usage.bad_value': { exit: 'usage', message: '{problem}', whatToDo: 'sonde {command} --help says what it takes' },
  'config.unreadable': {
    exit: 'usage',
    message: 'cannot read the configuration {file}: {reason}',
    whatToDo: 'name a readable file with --config',
  },
  'config.invalid': { exit: 'usage', message: '{file}: {problem}', whatToDo: 'correct it; docs/reference/config.md lists all keys' },
  'config.namespace': {
    exit: 'usage',
    message: 'no network namespace {namespace}: {reason}',
    whatToDo: 'name it as host, pid:N, a name of `ip netns list`, or a path',
  },
  'privileges.missing': {
    exit: 'privileges',
    message: 'not allowed to {what}',
    whatToDo: 'run it as root, or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_PTRACE and CAP_SYS_ADMIN',
  },
  'kernel.no_btf': {
    exit: 'kernel',
    message: 'this kernel has no BTF: {path} is missing',
    whatToDo: 'use a kernel of 5.15 or later that is built with CONFIG_DEBUG_INFO_BTF=y',
  },
  'kernel.load_failed': {
    exit: 'kernel',
    message: 'this kernel refused the programs: {reason}',
    whatToDo: 'sonde check says what it lacks; 5.15 or later is needed',
  },
  'build.missing_object': {
    exit: 'build',
    message: 'the kernel programs are not built: {path} is missing',
    whatToDo: 'run scripts/setup',
  },
  'build.missing_addon': {
    exit: 'build',
    message: 'the native addon cannot be loaded from {path}: {reason}',
    whatToDo: 'run scripts/setup',
  },
  'agent.already_running': {
    exit: 'running',
    message: 'an agent of the instance {instance} is running already',
    whatToDo: 'stop it, or give this one another `instance` in its configuration',
  },
  'agent.not_running': {
    exit: 'degraded',
    message: 'no agent of the instance {instance} is running ({path})',
    whatToDo: 'start one with sonde agent or sonde up, or name another with --instance',
  },
  'socket.denied': {
    exit: 'privileges',
    message: 'not allowed to ask the agent at {path}',
    whatToDo: 'be root or a member of the group sonde',
  },
} as const satisfies Readonly<Record<string, Entry>>;

export type OperatorErrorCode = keyof typeof operatorErrors;

export class OperatorError extends Error {
  readonly code: OperatorErrorCode;
  readonly whatToDo: string;
  readonly exitCode: number;

  constructor(code: OperatorErrorCode, parameters: Readonly<Record<string, string>>, options?: ErrorOptions) {
    const { message, whatToDo, exit } = operatorErrors[code];
    const fill = (text: string) => text.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? `{${name}}`);
    super(fill(message), options);
    this.name = 'OperatorError';
    this.code = code;
    this.whatToDo = fill(whatToDo);
    this.exitCode = exitCodes[exit];
  }
}

/** One line: what is wrong, and what to do. */
export function formatOperatorError(error: OperatorError): string {
  return `sonde: ${error.message}; ${error.whatToDo}`.replace(/\s+/g, ' ');
}
