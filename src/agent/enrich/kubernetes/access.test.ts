import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { formatOperatorError, isOperatorError } from '../../../lib/errors.ts';
import { nodeName, openAccess } from './access.ts';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-access-'));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

const inCluster = { access: 'in_cluster' };
const environment = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };

function says(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    assert.ok(isOperatorError(error), String(error));
    return formatOperatorError(error);
  }
  return assert.fail('it was taken');
}

describe('in the cluster', () => {
  test('server, authority and token; the token as it is when it is asked for', (t) => {
    const folder = folderOf(t);
    writeFileSync(join(folder, 'ca.crt'), 'the authority\n');
    writeFileSync(join(folder, 'token'), 'one\n');
    const access = openAccess(inCluster, environment, folder);
    assert.equal(access.server.href, 'https://10.96.0.1/');
    assert.deepEqual(access.credentials(), {
      authorization: 'Bearer one',
      ca: 'the authority',
      cert: undefined,
      key: undefined,
      servername: undefined,
      rejectUnauthorized: true,
    });
    writeFileSync(join(folder, 'token'), 'two');
    assert.equal(access.credentials().authorization, 'Bearer two');
  });

  test('a server by an IPv6 address', (t) => {
    const folder = folderOf(t);
    for (const file of ['ca.crt', 'token']) writeFileSync(join(folder, file), 'x');
    const { server } = openAccess(
      inCluster,
      { ...environment, KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' },
      folder,
    );
    assert.equal(server.href, 'https://[fd00::1]:6443/');
  });

  test('not in one, or without an account', (t) => {
    assert.match(
      says(() => openAccess(inCluster, {})),
      /^sonde: Kubernetes: in_cluster is for a pod: .+ are not set;/,
    );
    const folder = folderOf(t);
    assert.match(
      says(() => openAccess(inCluster, environment, folder)),
      /ENOENT.+token/,
    );
  });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A kubeconfig with one cluster and one user. */
function kubeconfig(
  t: TestContext,
  cluster: object,
  user: object | undefined,
  change: object = {},
): { access: string } {
  const access = join(folderOf(t), 'config');
  const config = {
    'current-context': 'blue',
    clusters: [{ name: 'blue', cluster: { server: 'https://api.example:6443/prefix', ...cluster } }],
    contexts: [{ name: 'blue', context: { cluster: 'blue', ...(user ? { user: 'sonde' } : {}) } }],
    users: user ? [{ name: 'sonde', user }] : null,
    ...change,
  };
  writeFileSync(access, JSON.stringify(config));
  return { access };
}

describe('a kubeconfig', () => {
  test('data in it wins over files that it names', (t) => {
    const user = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') };
    const named = { 'client-certificate': 'none', 'client-key': 'none' };
    const cluster = {
      'certificate-authority-data': base64('ca'),
      'certificate-authority': 'none',
      'tls-server-name': 'kubernetes',
      'insecure-skip-tls-verify': true,
    };
    const access = openAccess(kubeconfig(t, cluster, { ...user, ...named }));
    assert.equal(access.server.href, 'https://api.example:6443/prefix');
    assert.deepEqual(access.credentials(), {
      authorization: undefined,
      ca: 'ca',
      cert: 'cert',
      key: 'key',
      servername: 'kubernetes',
      rejectUnauthorized: false,
    });
  });

  const authorizations: Readonly<Record<string, readonly [user: object, authorization: string]>> = {
    'a token': [{ token: 'secret' }, 'Bearer secret'],
    'a file with a token, which wins': [{ token: 'old', tokenFile: '/etc/hostname' }, 'Bearer '],
    'a name and a password': [{ username: 'a', password: 'b' }, `Basic ${base64('a:b')}`],
  };
  for (const [title, [user, expected]] of Object.entries(authorizations))
    test(title, (t) => {
      const { authorization } = openAccess(kubeconfig(t, {}, user)).credentials();
      assert.match(authorization ?? '', new RegExp(`^${expected}(?!old)`));
    });

  test('nobody', (t) => {
    assert.equal(openAccess(kubeconfig(t, {}, undefined)).credentials().authorization, undefined);
  });

  test('another context than the current one', (t) => {
    const contexts = [{ name: 'green', context: { cluster: 'blue', user: 'sonde' } }];
    const config = kubeconfig(t, {}, { token: 'x' }, { contexts });
    assert.match(
      says(() => openAccess(config)),
      /has no context blue;/,
    );
    assert.equal(openAccess({ ...config, context: 'green' }).credentials().authorization, 'Bearer x');
  });

  const refused: Readonly<Record<string, readonly [cluster: object, user: object, change: object, RegExp]>> =
    {
      'a program for credentials': [
        {},
        { exec: { command: 'aws' } },
        {},
        /its user wants exec: Sonde runs no programs/,
      ],
      'a provider': [{}, { 'auth-provider': { name: 'oidc' } }, {}, /its user wants auth-provider/],
      'a proxy': [{ 'proxy-url': 'http://proxy' }, {}, {}, /proxy-url is not supported/],
      'no context': [{}, {}, { 'current-context': '' }, /has no current-context: name one/],
      'no such cluster': [{}, {}, { clusters: [] }, /has no cluster blue/],
      'no such user': [{}, {}, { users: [] }, /has no user sonde/],
      'an authority that is not there': [{ 'certificate-authority': 'ca.crt' }, {}, {}, /ENOENT.+ca\.crt/],
      'a server that is none': [
        { server: 'api.example' },
        {},
        {},
        /clusters\.0\.cluster\.server: must be a URL/,
      ],
      'no clusters': [{}, {}, { clusters: undefined }, /config: clusters: /],
    };
  for (const [title, [cluster, user, change, message]] of Object.entries(refused))
    test(title, (t) => {
      const config = kubeconfig(t, cluster, user, change);
      assert.match(
        says(() => openAccess(config)),
        message,
      );
    });

  test('that is not there', () => {
    assert.match(
      says(() => openAccess({ access: '/none/config' })),
      /\/none\/config cannot be read/,
    );
  });
});

test('the node by the configuration, the environment, or the host', () => {
  assert.equal(nodeName({ node: 'a' }, { NODE_NAME: 'b' }), 'a');
  assert.equal(nodeName({}, { NODE_NAME: 'b' }), 'b');
  assert.equal(nodeName({}, { NODE_NAME: '' }), hostname());
});
