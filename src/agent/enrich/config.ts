/** What agent.yaml says of processes: `command_line`, `container_sockets`, and `ownership`, whose they are. */

import * as z from 'zod';
import { ownWorkload } from '../../model/record.ts';

export const commandLineModes = ['off', 'redacted'] as const;
export type CommandLineMode = (typeof commandLineModes)[number];

const socket = (path: string) =>
  z
    .string()
    .regex(/^(?:off|\/.+)$/, 'must be a path from the root, or off')
    .default(path);

export const containerSockets = z.strictObject({
  docker: socket('/run/docker.sock').meta({ description: 'of Docker, or off' }),
  podman: socket('/run/podman/podman.sock').meta({ description: 'of podman, or off' }),
});

export type ContainerSockets = z.output<typeof containerSockets>;

const text = (max: number) =>
  z
    .string({ error: 'must be text' })
    .regex(/^[^\p{Cc}]+$/u, 'must not be empty, and have no control characters')
    .max(max);

/** One or several; a rule wants one of them to match. */
function oneOrMore<Item extends z.ZodType>(item: Item, what: string) {
  const list = z.array(item).min(1).max(64);
  return z
    .union([item, list], {
      error: (issue) => `must be ${what}, or a list of 1 to 64 such; got ${shown(issue.input)}`,
    })
    .transform((of) => (Array.isArray(of) ? of : [of]) as readonly z.output<Item>[]);
}

function shown(input: unknown): string {
  return JSON.stringify(input).slice(0, 100);
}

const pattern = () => oneOrMore(text(4096), 'text, with * for any text and ? for one character');

const portMax = 65_535;
const portOrRange = 'a port from 1 to 65535 or a range such as 8000-8099';

function isPortOrRange(of: number | string): boolean {
  if (!/^\d{1,5}(-\d{1,5})?$/.test(String(of))) return false;
  const [from, to = from] = String(of).split('-').map(Number) as [number, number | undefined];
  return from >= 1 && from <= to && to <= portMax;
}

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

const ports = oneOrMore(
  z.union([z.number(), z.string()]).refine(isPortOrRange, {
    error: (issue) => `must be ${portOrRange}; got ${shown(issue.input)}`,
  }),
  portOrRange,
).transform((all): readonly PortRange[] =>
  all.map((of) => {
    const [from, to = from] = String(of).split('-').map(Number) as [number, number | undefined];
    return { from, to };
  }),
);

const match = z
  .strictObject(
    {
      process: pattern().optional().meta({ description: 'its name, as `process.name`' }),
      executable: pattern().optional().meta({ description: 'path of its executable' }),
      unit: pattern().optional().meta({ description: 'its systemd unit, as `systemd.unit`' }),
      cgroup: pattern().optional().meta({ description: 'path of its control group' }),
      container: pattern().optional().meta({ description: 'id or name of its container' }),
      image: pattern().optional().meta({ description: 'image of its container' }),
      pod: pattern().optional().meta({ description: 'UID or name of its pod' }),
      namespace: pattern().optional().meta({ description: 'namespace of its pod' }),
      user: oneOrMore(
        z.union([
          z
            .int()
            .min(0)
            .max(2 ** 32 - 1),
          text(256),
        ]),
        'the name or the number of a user',
      )
        .optional()
        .meta({ description: 'name or number of its user' }),
      port: ports.optional().meta({
        description: 'port that it serves: told of listeners and of what was opened to this host',
      }),
    },
    { error: 'must say what a process has, such as { process: nginx }' },
  )
  .refine((of) => Object.values(of).some((value) => value !== undefined), {
    error:
      'matches nothing: it needs process, executable, unit, cgroup, container, image, pod, namespace, user or port',
  });

const labelName = /^[a-z][a-z0-9_.-]{0,62}$/;

const rule = z
  .strictObject({
    id: z
      .string({ error: 'must be text: the rule\u2019s own name, which records carry' })
      .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be up to 64 of a-z, 0-9, ., _ and -')
      .meta({ description: 'its own name; records carry it as `workload.rule`' }),
    match: match.meta({
      description:
        'what a process must have, all of it; of each list one; in text * is any text and ? one character',
    }),
    name: text(128)
      .refine(
        (name) => name !== ownWorkload,
        `must not be ${ownWorkload}: Sonde\u2019s own processes are called so`,
      )
      .optional()
      .meta({ description: '`workload.name`' }),
    owner: text(128).optional().meta({ description: '`workload.owner`: who answers for it' }),
    environment: text(64).optional().meta({ description: '`environment`, in place of the node\u2019s' }),
    labels: z
      .record(z.string().regex(labelName), text(256), {
        error: ({ code }) =>
          code === 'invalid_key'
            ? 'a name must begin with a-z and be up to 63 of a-z, 0-9, ., _ and -'
            : undefined,
      })
      .refine((of) => Object.keys(of).length <= 16, 'has more than 16 labels')
      .optional()
      .meta({ description: 'other labels, 16 at most, by name' }),
  })
  .refine(({ name, owner, environment, labels }) => name ?? owner ?? environment ?? labels, {
    error: 'gives nothing: it needs name, owner, environment or labels',
  });

export type OwnershipRule = z.output<typeof rule>;

export const ownershipSchema = z
  .array(rule)
  .max(1000)
  .superRefine((rules, context) => {
    const taken = new Map<string, number>();
    for (const [index, { id }] of rules.entries()) {
      const first = taken.get(id);
      if (first === undefined) taken.set(id, index);
      else
        context.addIssue({
          code: 'custom',
          path: [index, 'id'],
          message: `${id} is the id of rule ${String(first)} too`,
        });
    }
  });
