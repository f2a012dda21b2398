import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { searchFields } from './fields.ts';
import { filterLimits, parseFilter, type Condition, type Filter, type Test } from './filter.ts';

const flows = searchFields('flows');

function parsed(text: string, fields = flows): Filter {
  const read = parseFilter(text, fields);
  if ('problem' in read) assert.fail(`${text}: ${read.problem}`);
  return read.filter;
}

function problem(text: string, fields = flows): string {
  const read = parseFilter(text, fields);
  if ('filter' in read) assert.fail(`${text} is taken`);
  return `${read.at}: ${read.problem}`;
}

function show(condition: Condition): string {
  switch (condition.is) {
    case 'text':
      return JSON.stringify(condition.text);
    case 'pattern':
      return `${condition.folded ? 'i' : ''}/${condition.parts.join('*')}/`;
    case 'network':
      return `${condition.first} to ${condition.last}`;
    case 'number':
      return `${condition.comparison} ${condition.number}`;
    case 'boolean':
      return String(condition.value);
    case 'none':
      return 'none';
  }
}

/** `process.name "curl" | "wget"`, one for each term. */
function lines(text: string, fields = flows): string[] {
  return parsed(text, fields).map(({ isNegated, tests }) => {
    const names = new Set(tests.map(({ field }) => field.name));
    const conditions = new Set(tests.map(({ condition }: Test) => show(condition)));
    return `${isNegated ? 'not ' : ''}${[...names].join(',')} ${[...conditions].join(' | ')}`;
  });
}

describe('a filter', () => {
  test('is terms that all must hold', () => {
    assert.deepEqual(
      lines('process.name=curl destination.port>=1024\t-connection.state=closed\n direction!=ingress'),
      [
        'process.name "curl"',
        'destination.port >= 1024',
        'not connection.state "closed"',
        'not direction "ingress"',
      ],
    );
    assert.deepEqual(lines(''), []);
    assert.deepEqual(lines('  '), []);
    assert.deepEqual(lines('-direction!=ingress'), ['direction "ingress"']);
  });

  test('has lists, of which one must hold, with and without brackets', () => {
    const both = ['host.name "a" | "b c" | "d"'];
    assert.deepEqual(lines('host.name=(a, "b c" ,d)'), both);
    assert.deepEqual(lines('host.name=a,"b c",d'), both);
    assert.deepEqual(lines('destination.port!=(80,443)'), ['not destination.port = 80 | = 443']);
  });

  test('has stars, and text that is looked for anywhere whatever its case', () => {
    assert.deepEqual(lines('process.name=py*'), ['process.name /py*/']);
    assert.deepEqual(lines('process.name="py*"'), ['process.name "py*"']);
    assert.deepEqual(lines('destination.name~*.Example.com'), ['destination.name i/*.example.com/']);
    assert.deepEqual(lines('destination.name~Example'), ['destination.name i/*example*/']);
    assert.deepEqual(lines('destination.name!~"a*B"'), ['not destination.name i/*a*b*/']);
    assert.deepEqual(parsed('destination.name~"a*B"')[0]?.tests[0]?.condition, {
      is: 'pattern',
      parts: ['', 'a*b', ''],
      folded: true,
    });
  });

  test('has addresses and networks', () => {
    const first = '0:0:0:0:0:ffff:a00:0';
    assert.deepEqual(lines('destination.ip=10.0.0.0/8'), [
      `destination.ip ${first} to 0:0:0:0:0:ffff:aff:ffff`,
    ]);
    assert.deepEqual(lines('destination.ip="10.0.0.0/8"'), ['destination.ip "10.0.0.0/8"']);
    assert.deepEqual(lines('destination.ip=10.*'), ['destination.ip /10.*/']);
    const word = lines('10.0.0.0');
    assert.deepEqual(word, [`source.ip,destination.ip,destination.translated.ip ${first} to ${first}`]);
  });

  test('has numbers with units, and what is true or missing', () => {
    assert.deepEqual(lines('latency_ms>250ms latency_ms<1.5s bytes.sent>=10MB'), [
      'latency_ms > 250',
      'latency_ms < 1500',
      'bytes.sent >= 10000000',
    ]);
    assert.deepEqual(lines('boundary.crossed=true user.id="" destination.port=-1'), [
      'boundary.crossed true',
      'user.id none',
      'destination.port = -1',
    ]);
  });

  test('has keys of maps, and the names of OpenTelemetry', () => {
    assert.deepEqual(lines('labels.app.kubernetes.io/name=web'), ['labels.app.kubernetes.io/name "web"']);
    assert.deepEqual(lines('lost.kernel.ring_full>0', searchFields('windows')), [
      'lost.kernel.ring_full > 0',
    ]);
    assert.deepEqual(lines('server.port=443 service.name=api'), [
      'destination.port = 443',
      'workload.name "api"',
    ]);
  });

  test('has words alone, looked for in names', () => {
    assert.match(lines('curl')[0] ?? '', /^host\.name,process\.name,.*destination\.name.* i\/\*curl\*\/$/);
    assert.match(lines('-"two words"')[0] ?? '', /^not .* i\/\*two words\*\/$/);
    assert.match(lines('"say \\"a\\\\b\\""')[0] ?? '', / i\/\*say "a\\b"\*\/$/);
  });
});

test('what is wrong is said, with where and what may have been meant', () => {
  const wrong: Readonly<Record<string, string>> = {
    'destnation.port=1': '1: there is no field destnation.port, nearest is destination.port',
    'a b port=1': '5: there is no field port, nearest is destination.port',
    'dns.rcode=NOERROR': '1: dns.rcode is a field of dns only',
    'process.name==curl': '13: == is no operator, there are = != ~ !~ > >= < <=',
    'process.name>curl': '13: process.name takes = ~ != !~, not >',
    'destination.port~80': '17: destination.port takes = > >= < <= !=, not ~',
    'destination.port>(1,2)': '17: > takes one value, not 2',
    'destination.port >= 1024': '18: there is no field before >=',
    'destination.port=http': '18: destination.port is compared with a number, not http',
    'latency_ms>fast': '12: latency_ms is compared with a number or a time such as 250ms, not fast',
    'bytes.sent>1XB': '12: bytes.sent is compared with a number or a size such as 10MB, not 1XB',
    'boundary.crossed=yes': '18: boundary.crossed is true or false, not yes',
    'destination.ip=10.0.0.0/33':
      '16: destination.ip is an address or a network such as 10.0.0.0/8, not 10.0.0.0/33',
    'connection.state=close': '18: connection.state is never close, nearest is closed',
    'connection.state=closed,timeout': '25: connection.state is never timeout, nearest is timed_out',
    'process.name=': '14: a value is missing ("" is none)',
    'process.name=a,': '16: a value is missing ("" is none)',
    'process.name=(a': '14: a bracket has no end',
    'process.name=(a b)': '17: a bracket has no end',
    'process.name=()': '15: a value is missing ("" is none)',
    'process.name="a': '14: a quotation mark has no end',
    'process.name="a"b': '17: b is not expected here',
    'process.name="\\u{0}"': '14: no text has such a character',
    'process.name="\\u{d800}"': '14: no text has such a character',
    '(a=1)': '1: a field or a word is missing',
    '-': '2: - negates nothing',
    'a -': '4: - negates nothing',
    'a\0b': '2: it has a NUL',
    'labels.=x': '1: there is no field labels., nearest is agent.id',
    'constructor=x': '1: there is no field constructor, nearest is host.name',
  };
  for (const [text, said] of Object.entries(wrong)) assert.equal(problem(text), said);
  assert.match(problem('x'.repeat(filterLimits.lengthMax + 1)), /^4001: it is longer than 4000/);
  assert.match(problem('a '.repeat(filterLimits.termsMax + 1)), /^65: there are more than 32 terms/);
  const many = Array.from({ length: filterLimits.valuesMax + 1 }, () => '1').join(',');
  assert.match(problem(`destination.port=${many}`), /^1: there are more than 200 values/);
});
