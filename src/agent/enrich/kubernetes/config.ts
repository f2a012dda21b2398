/** What agent.yaml says of Kubernetes: who answers, and which of a pod's labels become labels of records. */

import * as z from 'zod';

/** Of a label or an annotation: an optional domain, and a name. */
const keyPattern =
  /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

const key = z
  .string({ error: 'must be text' })
  .regex(keyPattern, 'must be the key of a label or annotation, such as team or example.com/team');

const keys = () => z.array(key).max(16).default([]);

const name = (what: string) =>
  z
    .string()
    .regex(/^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/, `must be ${what}: a-z, 0-9, - and .`)
    .optional();

/** What is known of the other end: nothing, Services by their addresses, or pods too. */
export const destinationScopes = ['off', 'services', 'pods'] as const;

export const kubernetesSchema = z.strictObject({
  access: z
    .string()
    .regex(/^(?:off|in_cluster|\/.+)$/, 'must be off, in_cluster or the path of a kubeconfig')
    .default('off')
    .meta({
      description:
        'off; in_cluster: the API server and the service account of the pod that the agent runs in; or the path of a kubeconfig',
    }),
  context: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .meta({ description: 'of the kubeconfig; its current one by default' }),
  node: name('the name of a node').meta({
    description: 'name of this node in the cluster; by default $NODE_NAME, or else the host\u2019s name',
  }),
  cluster: z
    .string()
    .regex(/^[^\p{Cc}]+$/u, 'must not be empty, and have no control characters')
    .max(128)
    .optional()
    .meta({ description: '`k8s.cluster`: the API server does not know its name' }),
  labels: keys().meta({
    description: 'labels of a pod that its records carry in `labels`, as `k8s.label.KEY`',
  }),
  annotations: keys().meta({ description: 'annotations that they carry as `k8s.annotation.KEY`' }),
  owner: z
    .strictObject(
      {
        label: key.optional().meta({ description: 'the label of a pod that says it' }),
        annotation: key.optional().meta({ description: 'or, where that is not there, the annotation' }),
      },
      {
        error: ({ code }) =>
          code === 'invalid_type' ? 'must name a label or an annotation, such as { label: team }' : undefined,
      },
    )
    .prefault({})
    .meta({ description: 'what becomes `workload.owner`, if no rule says so' }),
  destinations: z.enum(destinationScopes).default('pods').meta({
    description:
      'what is followed in the whole cluster to name the other end: nothing, Services, or Services, EndpointSlices and pods',
  }),
});

export type KubernetesConfig = z.output<typeof kubernetesSchema>;
