/** Operator errors of configurations and what they name: a part of the table in errors.ts. */
export const configErrors = {
  'config.unreadable': {
    exitCode: 'usage',
    message: '{file} cannot be read ({reason})',
    whatToDo: 'check that it is there and that this user may read it',
  },
  'config.invalid': {
    exitCode: 'usage',
    message: '{file}: {problem}',
    whatToDo:
      'correct it (docs/reference/config.md and hub-config.md have every key with its bounds and default)',
  },
  'config.untrusted': {
    exitCode: 'usage',
    message: '{path} is not to be relied on: {reason}',
    whatToDo: 'let root alone write it: chown root {path} && chmod go-w {path}',
  },
  'expectations.invalid': {
    exitCode: 'usage',
    message: '{file}:{line}: {problem}',
    whatToDo: 'correct that line (docs/operating/expectations.md has every key)',
  },
  'config.namespace': {
    exitCode: 'usage',
    message: 'no network namespace {namespace} ({reason})',
    whatToDo: 'name it as host, pid:N, a name of ip netns list, or a path',
  },
  'config.kubernetes': {
    exitCode: 'usage',
    message: 'Kubernetes: {problem}',
    whatToDo: 'correct kubernetes in the configuration, or what it names (docs/operating/kubernetes.md)',
  },
  'config.exporter': {
    exitCode: 'usage',
    message: 'exporter {exporter} cannot be opened ({reason})',
    whatToDo: 'correct its options (docs/reference/config.md), or make what they name',
  },
} as const;
