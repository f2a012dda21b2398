/** Who tells, of what, and when: on every record. */

import { valueForms } from '../connection.ts';
import { everywhere, recordKinds, type Fields } from './field.ts';

const eventNames = recordKinds.map((kind) => `sonde.${kind}` as const);

/** They have a place of their own in a log record. */
export const headFields = {
  'event.name': {
    on: everywhere,
    type: 'string',
    values: eventNames,
    otel: 'event.name',
    ecs: 'event.dataset',
    classes: 'E P0',
    means: 'what the record is ([records](records.md))',
  },
  time: {
    on: everywhere,
    type: 'time',
    otel: 'time',
    ecs: '@timestamp',
    classes: 'U P0',
    means: 'when it happened; of a window’s records the end of the window',
  },
} as const satisfies Fields;

export const emitterFields = {
  'host.name': {
    on: everywhere,
    type: 'string',
    onResource: true,
    required: true,
    otel: 'host.name',
    ecs: 'host.name',
    prometheus: { label: 'host' },
    classes: 'N P1',
    means: 'the node that saw it',
  },
  'host.name.form': {
    on: 'flow? connection? dns? listener? address? window?',
    type: 'string',
    values: valueForms,
    onResource: true,
    classes: 'E P0',
    means: 'what is left of it, where the [field policy](policy.md) changed it',
  },
  environment: {
    on: everywhere,
    type: 'string',
    onResource: true,
    required: true,
    otel: 'deployment.environment.name',
    ecs: 'service.environment',
    prometheus: { label: 'environment' },
    classes: 'E P0',
    means:
      'of the node, from the configuration, or of the process, where a [rule](records.md#rules) gives one; `unknown`, and counted, without',
  },
  'agent.id': {
    on: everywhere,
    type: 'string',
    onResource: true,
    otel: 'service.instance.id',
    ecs: 'agent.id',
    classes: 'N P0',
    means:
      'one generation of counting: sums balance within it, over all agents that served it one after the other',
  },
  'agent.version': {
    on: everywhere,
    type: 'string',
    onResource: true,
    otel: 'service.version',
    ecs: 'agent.version',
    prometheus: { label: 'version' },
    classes: 'E P0',
    means: 'of the Sonde that tells it',
  },
  'agent.instance': {
    on: everywhere,
    type: 'string',
    onResource: true,
    ecs: 'agent.name',
    classes: 'E P0',
    means: 'which of a node’s agents, `main` if there is one',
  },
  'boot.id': {
    on: everywhere,
    type: 'string',
    onResource: true,
    ecs: 'host.boot.id',
    classes: 'N P0',
    means: 'of this boot of the node’s kernel',
  },
  'k8s.node': {
    on: 'flow? connection? dns? listener? address? window?',
    type: 'string',
    onResource: true,
    otel: 'k8s.node.name',
    prometheus: { label: 'node' },
    classes: 'N P1',
    means: 'the agent’s node, where [Kubernetes](../operating/kubernetes.md) is configured',
  },
  'k8s.cluster': {
    on: 'flow? connection? dns? listener? address? window?',
    type: 'string',
    onResource: true,
    otel: 'k8s.cluster.name',
    ecs: 'orchestrator.cluster.name',
    prometheus: { label: 'cluster' },
    classes: 'E P1',
    means: 'its cluster, where that is named',
  },
  'policy.version': {
    on: everywhere,
    type: 'string',
    onResource: true,
    classes: 'E P0',
    means: 'the [field policy](policy.md) that this record has been through',
  },
  'record.sequence': {
    on: everywhere,
    type: 'int',
    ecs: 'event.sequence',
    classes: 'U P0',
    means:
      'with `boot.id` and `agent.instance` it names the record: rises strictly, may have gaps, is never given twice',
  },
} as const satisfies Fields;
