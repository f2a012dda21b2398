/** What the two Debian packages are made of. */

export interface PackageSpec {
  readonly name: string;
  /** Of src/cli/commands/: where the walk over imports begins. */
  readonly commands: readonly string[];
  /** Files that nobody imports by name: a folder whose modules are found by being there, data, the build. */
  readonly found: readonly string[];
  /** npm packages that nobody imports by name. */
  readonly modules: readonly string[];
  readonly program: string;
  /** Of the compile cache of Node. */
  readonly cache: string;
  readonly control: Readonly<Record<string, string>>;
}

const depends = 'libc6 (>= 2.36), libgcc-s1, libstdc++6 (>= 12)';
const questions = 'questions/*/{manifest.yaml,ask.sql,detect*.sql}';

export const packages: readonly PackageSpec[] = [
  {
    name: 'sonde-agent',
    commands: [
      'agent',
      'ask',
      'check',
      'export',
      'findings',
      'import',
      'labels',
      'learn',
      'profile',
      'search',
      'signals',
      'status',
      'tail',
      'top',
      'trace',
    ],
    found: [
      'src/agent/deliver/exporters/*.ts',
      'src/{agent,model}/**/*.sql',
      questions,
      'build/sonde.node',
      'build/bpf/sonde.bpf.o',
      'bin/sonde',
      'package.json',
    ],
    modules: [],
    program: 'sonde',
    cache: '/var/cache/sonde',
    control: {
      Depends: `${depends}, libbpf1, iproute2, passwd`,
      Description: [
        'node agent of Sonde: what processes do on the network',
        ' Counts every connection by the signals of the kernel, ties it to the process and the',
        ' workload that own it, and writes labelled records. Copies no packets.',
      ].join('\n'),
    },
  },
  {
    name: 'sonde-hub',
    commands: ['ask', 'export', 'findings', 'hub', 'learn', 'search', 'tail'],
    found: [
      'src/hub/http/routes/*.ts',
      'src/hub/detect/{methods,deliver/targets}/*.ts',
      'src/{hub,model}/**/*.sql',
      questions,
      'build/sonde-engine',
      'build/web/**',
      'bin/sonde',
      'package.json',
    ],
    modules: ['@chdb/lib-linux-x64-gnu'],
    program: 'sonde-hub',
    cache: '/var/cache/sonde-hub',
    control: {
      Depends: `${depends}, passwd`,
      Description: [
        'hub of Sonde: stores records of agents and answers questions about them',
        ' Takes OTLP logs, keeps them in an embedded ClickHouse or in one of your own, and answers',
        ' on a page, by HTTP and on the command line.',
      ].join('\n'),
    },
  },
];
