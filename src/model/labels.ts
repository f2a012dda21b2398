/**
 * The labelling standard: canonical names and the OpenTelemetry names of the same fields, one to one. The
 * seven required labels are sent under their own names in every mode.
 */

export type LabelType = 'string' | 'int' | 'double' | 'bool' | 'time' | 'list' | 'map';

export interface Label {
  readonly name: string;
  readonly otel: string;
  readonly type: LabelType;
  /** About the emitter, so it sits on the OTLP resource; everything else is on the record. */
  readonly onResource?: true;
  readonly required?: true;
}

export const labels: readonly Label[] = [
  { name: 'host.name', otel: 'host.name', type: 'string', onResource: true, required: true },
  {
    name: 'environment',
    otel: 'deployment.environment.name',
    type: 'string',
    onResource: true,
    required: true,
  },
  { name: 'agent.id', otel: 'service.instance.id', type: 'string', onResource: true },
  { name: 'agent.version', otel: 'service.version', type: 'string', onResource: true },
  { name: 'agent.instance', otel: 'sonde.agent.instance', type: 'string', onResource: true },
  { name: 'boot.id', otel: 'sonde.boot.id', type: 'string', onResource: true },
  { name: 'record.sequence', otel: 'sonde.record.sequence', type: 'int' },
  { name: 'process.name', otel: 'sonde.process.comm', type: 'string', required: true },
  { name: 'process.executable.path', otel: 'process.executable.path', type: 'string' },
  { name: 'process.pid', otel: 'process.pid', type: 'int' },
  { name: 'process.start', otel: 'process.creation.time', type: 'time' },
  { name: 'user.id', otel: 'process.user.id', type: 'int' },
  { name: 'workload.name', otel: 'service.name', type: 'string' },
  { name: 'attribution', otel: 'sonde.attribution', type: 'string' },
  { name: 'direction', otel: 'sonde.flow.direction', type: 'string' },
  { name: 'network.transport', otel: 'network.transport', type: 'string' },
  { name: 'network.type', otel: 'network.type', type: 'string' },
  { name: 'network.namespace', otel: 'sonde.network.namespace', type: 'int' },
  { name: 'source.ip', otel: 'source.address', type: 'string' },
  { name: 'source.ip.form', otel: 'sonde.source.ip.form', type: 'string' },
  { name: 'source.port', otel: 'source.port', type: 'int' },
  { name: 'destination.ip', otel: 'network.peer.address', type: 'string', required: true },
  { name: 'destination.ip.form', otel: 'sonde.destination.ip.form', type: 'string' },
  { name: 'destination.port', otel: 'server.port', type: 'int', required: true },
  { name: 'connection.state', otel: 'sonde.connection.state', type: 'string', required: true },
  { name: 'connection.established', otel: 'sonde.connection.established', type: 'bool' },
  { name: 'connection.id', otel: 'sonde.connection.id', type: 'string' },
  { name: 'connection.adopted', otel: 'sonde.connection.adopted', type: 'bool' },
  { name: 'connection.duration_ms', otel: 'sonde.connection.duration_ms', type: 'double' },
  { name: 'latency_ms', otel: 'sonde.connect.latency_ms', type: 'double', required: true },
  { name: 'latency.p50_ms', otel: 'sonde.connect.latency.p50_ms', type: 'double' },
  { name: 'latency.p95_ms', otel: 'sonde.connect.latency.p95_ms', type: 'double' },
  { name: 'latency.p99_ms', otel: 'sonde.connect.latency.p99_ms', type: 'double' },
  { name: 'latency.histogram', otel: 'sonde.connect.latency.histogram', type: 'list' },
  { name: 'window.number', otel: 'sonde.window.number', type: 'int' },
  { name: 'window.start', otel: 'sonde.window.start', type: 'time' },
  { name: 'window.end', otel: 'sonde.window.end', type: 'time' },
  { name: 'window.records', otel: 'sonde.window.records', type: 'int' },
  { name: 'window.last', otel: 'sonde.window.last', type: 'bool' },
  { name: 'connections.opened', otel: 'sonde.connections.opened', type: 'int' },
  { name: 'connections.adopted', otel: 'sonde.connections.adopted', type: 'int' },
  { name: 'connections.established', otel: 'sonde.connections.established', type: 'int' },
  { name: 'connections.ended', otel: 'sonde.connections.ended', type: 'int' },
  { name: 'connections.ended.states', otel: 'sonde.connections.ended.states', type: 'map' },
  { name: 'connections.open', otel: 'sonde.connections.open', type: 'int' },
  { name: 'connections.orphaned', otel: 'sonde.connections.orphaned', type: 'int' },
  { name: 'connections.abandoned', otel: 'sonde.connections.abandoned', type: 'int' },
  { name: 'connections.untracked', otel: 'sonde.connections.untracked', type: 'int' },
  { name: 'bytes.sent', otel: 'sonde.flow.bytes.sent', type: 'int' },
  { name: 'bytes.received', otel: 'sonde.flow.bytes.received', type: 'int' },
  { name: 'retransmits', otel: 'sonde.tcp.retransmits', type: 'int' },
  { name: 'resets.sent', otel: 'sonde.tcp.resets.sent', type: 'int' },
  { name: 'resets.received', otel: 'sonde.tcp.resets.received', type: 'int' },
  { name: 'timeouts.by_application', otel: 'sonde.tcp.timeouts.by_application', type: 'int' },
  { name: 'timeout.by', otel: 'sonde.timeout.by', type: 'string' },
  { name: 'error', otel: 'error.type', type: 'string' },
  { name: 'reset.side', otel: 'sonde.reset.side', type: 'string' },
  { name: 'close.reason', otel: 'sonde.close.reason', type: 'string' },
  { name: 'dns.question.name', otel: 'dns.question.name', type: 'string' },
  { name: 'dns.question.type', otel: 'sonde.dns.question.type', type: 'string' },
  { name: 'dns.rcode', otel: 'sonde.dns.response_code', type: 'string' },
  { name: 'dns.latency_ms', otel: 'sonde.dns.latency_ms', type: 'double' },
  { name: 'dns.lookups', otel: 'sonde.dns.lookups', type: 'int' },
  { name: 'dns.attempts', otel: 'sonde.dns.attempts', type: 'int' },
  { name: 'dns.truncated', otel: 'sonde.dns.truncated', type: 'int' },
  { name: 'dns.answers', otel: 'dns.answers', type: 'list' },
  { name: 'dns.ttl_min', otel: 'sonde.dns.ttl_min', type: 'int' },
  { name: 'unlabelled', otel: 'sonde.unlabelled', type: 'map' },
  { name: 'signals', otel: 'sonde.signals', type: 'list' },
  { name: 'lost', otel: 'sonde.lost', type: 'map' },
  { name: 'coverage.seen', otel: 'sonde.coverage.seen', type: 'int' },
  { name: 'coverage.kernel', otel: 'sonde.coverage.kernel', type: 'int' },
  { name: 'coverage.unreachable', otel: 'sonde.coverage.unreachable', type: 'int' },
  { name: 'coverage.namespaces', otel: 'sonde.coverage.namespaces', type: 'list' },
];
