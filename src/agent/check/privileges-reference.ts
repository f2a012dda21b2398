/** docs/reference/privileges.md, from the table of capabilities. */

import { agentCapabilities } from '../../lib/capabilities.ts';

export function renderPrivilegesReference(): string {
  return [
    '# Privileges',
    '',
    'Made from `src/lib/capabilities.ts` by `npm run docs`.',
    '',
    'The agent runs as root with these capabilities, and no other. `bin/sonde agent` (and `sonde check`, which then sees what the agent will see)',
    'drops the rest with setpriv(1) before Node starts: so no thread ever had more, and with `no_new_privs` and a bounding set nothing that it',
    'starts gets more. Permitted, effective and bounding set are exactly this list, inheritable and ambient set are empty.',
    '`test/privileges.root.test.ts` looks at every thread of a running agent.',
    '',
    '| capability | what the agent does with it | without it |',
    '| --- | --- | --- |',
    ...agentCapabilities.map(
      ({ name, purpose, without = 'nothing is loaded' }) => `| \`${name}\` | ${purpose} | ${without} |`,
    ),
    '',
    'The kernel takes `CAP_SYS_ADMIN` for `CAP_BPF`, `CAP_PERFMON` and, to load programs, `CAP_NET_ADMIN`. Whoever does not want to give it can leave it out, at the',
    'price that the table says; then the other three are what loads the programs, which is why they are listed. Each line was found by running the agent',
    'without that one, on Linux 6.18.',
    '',
    "What it does without: `CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH` (its folders and files are root's own; it does not read those of others), `CAP_CHOWN` (it is a",
    'member of the group `sonde`, to which it gives its socket), `CAP_SYS_RESOURCE` (no kernel that runs Sonde charges maps to locked memory), `CAP_NET_RAW`,',
    '`CAP_SYSLOG`, `CAP_KILL`, `CAP_SETUID`.',
    '',
    'A service manager or container engine that has taken `CAP_SETPCAP` away has chosen the set already: then nothing more is dropped here. Nor is it when a',
    "checkout belongs to somebody else than root, who owns what root runs then. `sonde up`, a trial on one's own machine, starts a hub as another user and keeps",
    'what root has; so do commands that run an agent of their own for a moment (`sonde trace`, `sonde profile`, where none runs).',
    '',
    '`sonde status` says what the running agent holds, and whether for good.',
    '',
    '## What it reads',
    '',
    'What others can write would let them say what root does. `sonde agent` refuses a configuration file, and a folder of questions with anything in it, that a group or',
    'others may write, that belongs to neither root nor the user it runs as (nor the owner of the program), or that lies below a folder of which one of these is true (folders as `/tmp`, where',
    "nobody replaces what is another's, excepted). One line says which path it is and what to do, exit code 2. The same goes for [keys of the field policy](policy.md) and for what is pinned in the kernel.",
    '',
  ].join('\n');
}
