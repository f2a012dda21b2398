/** The window, and its closing record. */

import { steps } from '../budget.ts';
import { enrichmentSources } from '../record.ts';
import { signalNames } from '../signals.ts';
import type { Fields } from './field.ts';

export const windowFields = {
  'window.number': {
    on: 'flow dns listener address window',
    type: 'int',
    classes: 'U P0',
    means: 'counts within one `agent.id`; of a listener and an address the window at whose end it is told',
  },
  'window.start': {
    on: 'flow dns address window',
    type: 'time',
    ecs: 'event.start',
    classes: 'U P0',
    means: 'the end of the one before',
  },
  'window.end': {
    on: 'flow dns address window',
    type: 'time',
    ecs: 'event.end',
    classes: 'U P0',
    means: 'when the kernel was told to count for the next one',
  },
  'window.records': {
    on: 'window',
    type: 'int',
    classes: 'P0',
    means: 'of the window, this one not among them',
  },
  'window.last': {
    on: 'window?',
    type: 'bool',
    classes: 'E P0',
    means: 'the agent’s last one: it was stopped for good',
  },
  'resets.reasons': {
    on: 'window?',
    type: 'map',
    of: 'int',
    otel: 'sonde.tcp.resets.reasons',
    classes: 'P0',
    means:
      'how many resets this host sent, by the kernel’s reason ([reset reasons](records.md#reset-reasons))',
  },
  listeners: {
    on: 'window',
    type: 'int',
    prometheus: { value: 'sonde_listeners' },
    classes: 'P0',
    means: 'how many there were at its end, told or not',
  },
  udp: {
    on: 'window',
    type: 'map',
    of: 'int',
    classes: 'P0',
    means: 'sums over its UDP flows, `opened` to `datagrams.received`; all other totals are of TCP',
  },
  unlabelled: {
    on: 'window',
    type: 'map',
    of: 'int',
    prometheus: { value: 'sonde_unlabelled_total', keys: ['label'] },
    classes: 'P0',
    means: 'flow and DNS records that lack a label that the [standard](standard.md) requires, by label',
  },
  nonstandard: {
    on: 'window',
    type: 'map',
    of: 'int',
    prometheus: { value: 'sonde_nonstandard_total', keys: ['rule', 'label'] },
    classes: 'P0',
    means:
      'those that have one with a value that it does not allow, by `not_allowed.` or `not_matching.` and the label',
  },
  unenriched: {
    on: 'window',
    type: 'map',
    of: 'int',
    values: enrichmentSources,
    prometheus: { value: 'sonde_unenriched_total', keys: ['source'] },
    classes: 'P0',
    means: 'records with an `enrichment.missing`, by who is missing',
  },
  signals: {
    on: 'window',
    type: 'list',
    of: 'string',
    values: signalNames,
    prometheus: { value: 'sonde_signal', keys: ['signal'] },
    classes: 'E P0',
    means: 'those that were on from its beginning to its end',
  },
  'budget.step': {
    on: 'window?',
    type: 'string',
    values: steps.slice(1),
    prometheus: { label: 'step' },
    classes: 'E P0',
    means:
      'what Sonde gave up to keep its [budget](../operating/budget.md), at the lowest; absent where nothing was',
  },
  'budget.cpu': {
    on: 'window?',
    type: 'double',
    prometheus: { value: 'sonde_budget_cpu_ratio' },
    classes: 'P0',
    means:
      'what Sonde took when it was measured last, the agent and its kernel programs: share of one processor; absent before that',
  },
  'budget.memory': {
    on: 'window?',
    type: 'int',
    unit: 'bytes',
    prometheus: { value: 'sonde_budget_memory_bytes' },
    classes: 'P0',
    means: 'the same of memory, the agent’s and that of its maps',
  },
  'exporters.behind': {
    on: 'window?',
    type: 'map',
    of: 'int',
    prometheus: { value: 'sonde_exporter_behind_records', keys: ['exporter'] },
    classes: 'P0',
    means:
      'records in the spool that each exporter had still to deliver as the window closed, this window’s not among them',
  },
  lost: {
    on: 'window',
    type: 'map',
    of: 'int',
    prometheus: { value: 'sonde_lost_total', keys: ['stage', 'reason'] },
    classes: 'P0',
    means: '`stage.reason` and how many, in this window',
  },
  'coverage.seen': {
    on: 'window',
    type: 'int',
    prometheus: { value: 'sonde_coverage_seen_total' },
    classes: 'P0',
    means:
      'connections opened in this window as Sonde counted them, over all namespaces that could be compared ([coverage](coverage.md))',
  },
  'coverage.kernel': {
    on: 'window',
    type: 'int',
    prometheus: { value: 'sonde_coverage_kernel_total' },
    classes: 'P0',
    means: 'the same as the kernel counted them',
  },
  'coverage.unreachable': {
    on: 'window',
    type: 'int',
    classes: 'P0',
    means: 'namespaces that could not be compared',
  },
  'coverage.attributed': {
    on: 'window',
    type: 'int',
    prometheus: { value: 'sonde_coverage_attributed_total' },
    classes: 'P0',
    means:
      'TCP connections (ended, open or abandoned) whose owner is known, however; `attribution` has them by how ([coverage](coverage.md#owners))',
  },
  'coverage.attributable': {
    on: 'window',
    type: 'int',
    prometheus: { value: 'sonde_coverage_attributable_total' },
    classes: 'P0',
    means: 'of how many',
  },
  'coverage.namespaces': {
    on: 'window',
    type: 'list',
    of: 'namespace',
    classes: 'P0',
    means: 'each with its own counts and the kernel’s ([coverage](coverage.md))',
  },
} as const satisfies Fields;
