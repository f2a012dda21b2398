import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deploymentPod, ownerOf, pod } from '../../../../test/kubernetes-objects.ts';
import { originOf } from './objects.ts';
import { guessedWorkload, toldWorkload } from './origin.ts';

const created = '2026-11-25T09:00:00Z';
const minutes = String(Date.parse(created) / 60_000);

function told(object: unknown) {
  const origin = originOf(object);
  assert.ok(origin);
  return [toldWorkload(origin, 'n1'), guessedWorkload(origin, 'n1')];
}

function byOwner(kind: string, name: string, labels: Record<string, string> = {}) {
  return pod({ name: 'the-pod', owner: ownerOf(kind, name), labels, created });
}

describe('by what the pod itself tells', () => {
  const cases: Readonly<Record<string, readonly [pod: object, name: string, kind: string]>> = {
    'a Deployment': [deploymentPod('checkout', 1), 'checkout', 'deployment'],
    'nobody made it': [pod({ name: 'lonely' }), 'lonely', 'pod'],
    'a file of the node': [pod({ name: 'etcd-n1', owner: ownerOf('Node', 'n1') }), 'etcd', 'pod'],
    'a StatefulSet': [byOwner('StatefulSet', 'db'), 'db', 'statefulset'],
    'a DaemonSet': [byOwner('DaemonSet', 'logs'), 'logs', 'daemonset'],
    'somebody\u2019s own kind': [byOwner('CloneSet', 'web'), 'web', 'custom_resource'],
    'a CronJob': [byOwner('Job', `report-${minutes}`), 'report', 'cronjob'],
    'a CronJob with a number': [byOwner('Job', `report-20-${minutes}`), 'report-20', 'cronjob'],
  };
  for (const [title, [object, name, kind]] of Object.entries(cases))
    test(title, () =>
      assert.deepEqual(told(object), [
        { name, kind },
        { name, kind },
      ]),
    );
});

describe('it does not tell, and itself is named until somebody is asked', () => {
  const cases: Readonly<Record<string, readonly [pod: object, name: string, kind: string]>> = {
    'a ReplicaSet without the hash': [byOwner('ReplicaSet', 'web'), 'web', 'replicaset'],
    'one of another hash': [
      byOwner('ReplicaSet', 'web-5d8', { 'pod-template-hash': '77f' }),
      'web-5d8',
      'replicaset',
    ],
    'a Job': [byOwner('Job', 'load'), 'load', 'job'],
    'a Job with a date': [byOwner('Job', 'load-20261125'), 'load-20261125', 'job'],
  };
  for (const [title, [object, name, kind]] of Object.entries(cases))
    test(title, () => assert.deepEqual(told(object), [undefined, { name, kind }]));
});
