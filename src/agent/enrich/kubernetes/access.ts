/**
 * Where the API server is, and how this agent says who it is: the service account of a pod, or a kubeconfig.
 *
 * Files with a token or certificates are read again for each connection: a service account's token is another
 * one every hour. Must not run programs: a kubeconfig that wants one is refused.
 */

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { checkConfig, readYaml } from '../../../lib/config-file.ts';
import { OperatorError } from '../../../lib/errors.ts';
import type { KubernetesConfig } from './config.ts';

/** What one connection needs. */
export interface Credentials {
  readonly authorization: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly servername: string | undefined;
  readonly rejectUnauthorized: boolean;
}

export interface Access {
  readonly server: URL;
  /** As it is now. Throws where a file cannot be read. */
  credentials(): Credentials;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

type Environment = Readonly<Record<string, string | undefined>>;

function refuse(problem: string, cause?: unknown): never {
  throw new OperatorError('config.kubernetes', { problem }, { cause });
}

/** Where a pod finds them; tests have another folder. */
function inCluster(environment: Environment, folder: string): Access {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) refuse('in_cluster is for a pod: KUBERNETES_SERVICE_HOST and _PORT are not set');
  const read = (file: string) => readFileSync(`${folder}/${file}`, 'utf8').trim();
  const access: Access = {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    credentials: () => ({
      authorization: `Bearer ${read('token')}`,
      ca: read('ca.crt'),
      cert: undefined,
      key: undefined,
      servername: undefined,
      rejectUnauthorized: true,
    }),
  };
  tryOnce(access);
  return access;
}

/** What cannot be read at start is the operator's to mend; later it may be in the midst of its rotation. */
function tryOnce(access: Access): void {
  try {
    access.credentials();
  } catch (error) {
    refuse((error as Error).message, error);
  }
}

const text = z.string().min(1);

const kubeconfigSchema = z.looseObject({
  'current-context': z.string().optional(),
  clusters: z.array(
    z.looseObject({
      name: text,
      cluster: z.looseObject({
        server: z.url({ protocol: /^https?$/, error: 'must be a URL that starts with https:// or http://' }),
        'certificate-authority': text.optional(),
        'certificate-authority-data': text.optional(),
        'insecure-skip-tls-verify': z.boolean().optional(),
        'tls-server-name': text.optional(),
        'proxy-url': text.optional(),
      }),
    }),
  ),
  contexts: z.array(
    z.looseObject({ name: text, context: z.looseObject({ cluster: text, user: text.optional() }) }),
  ),
  users: z
    .array(
      z.looseObject({
        name: text,
        user: z.looseObject({
          token: text.optional(),
          tokenFile: text.optional(),
          username: text.optional(),
          password: z.string().optional(),
          'client-certificate': text.optional(),
          'client-certificate-data': text.optional(),
          'client-key': text.optional(),
          'client-key-data': text.optional(),
          exec: z.unknown().optional(),
          'auth-provider': z.unknown().optional(),
        }),
      }),
    )
    .nullish(),
});

type Kubeconfig = z.output<typeof kubeconfigSchema>;
type Cluster = Kubeconfig['clusters'][number]['cluster'];
type User = NonNullable<Kubeconfig['users']>[number]['user'];

/** Data in the file wins over a file that it names, as for kubectl. */
function reader(folder: string) {
  return (data: string | undefined, file: string | undefined): string | undefined => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return file === undefined ? undefined : readFileSync(resolve(folder, file), 'utf8');
  };
}

function authorizationOf(user: User, read: ReturnType<typeof reader>): string | undefined {
  const token = read(undefined, user.tokenFile)?.trim() ?? user.token;
  if (token !== undefined) return `Bearer ${token}`;
  if (user.username === undefined) return undefined;
  return `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}`;
}

function entryOf<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
  { kind, name, file }: { readonly kind: string; readonly name: string; readonly file: string },
): Entry {
  return entries.find((entry) => entry.name === name) ?? refuse(`${file} has no ${kind} ${name}`);
}

function checkSupported(cluster: Cluster, user: User, file: string): void {
  if (cluster['proxy-url'] !== undefined) refuse(`${file}: proxy-url is not supported`);
  for (const wants of ['exec', 'auth-provider'] as const)
    if (user[wants] !== undefined)
      refuse(
        `${file}: its user wants ${wants}: Sonde runs no programs; use a token, tokenFile or certificate`,
      );
}

function fromKubeconfig(file: string, wanted: string | undefined): Access {
  const config = checkConfig(kubeconfigSchema, { value: readYaml(file), file });
  const name = wanted ?? config['current-context'];
  if (!name) refuse(`${file} has no current-context: name one`);
  const { context } = entryOf(config.contexts, { kind: 'context', name, file });
  const { cluster } = entryOf(config.clusters, { kind: 'cluster', name: context.cluster, file });
  const users = config.users ?? [];
  const user =
    context.user === undefined ? {} : entryOf(users, { kind: 'user', name: context.user, file }).user;
  checkSupported(cluster, user, file);
  const read = reader(dirname(file));
  const access: Access = {
    server: new URL(cluster.server),
    credentials: () => ({
      authorization: authorizationOf(user, read),
      ca: read(cluster['certificate-authority-data'], cluster['certificate-authority']),
      cert: read(user['client-certificate-data'], user['client-certificate']),
      key: read(user['client-key-data'], user['client-key']),
      servername: cluster['tls-server-name'],
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] !== true,
    }),
  };
  tryOnce(access);
  return access;
}

/** Throws config.kubernetes, config.unreadable and config.invalid. */
export function openAccess(
  { access, context }: Pick<KubernetesConfig, 'access' | 'context'>,
  environment: Environment = process.env,
  folder = serviceAccount,
): Access {
  return access === 'in_cluster' ? inCluster(environment, folder) : fromKubeconfig(access, context);
}

export function nodeName(
  { node }: Pick<KubernetesConfig, 'node'>,
  environment: Environment = process.env,
): string {
  return node ?? (environment['NODE_NAME'] || hostname());
}
