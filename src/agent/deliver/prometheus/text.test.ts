import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Live } from '../metrics/self.ts';
import { exposition, formatFor, type Format } from './text.ts';

/** What Prometheus 2.42 and 3 send. */
const prometheus2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const prometheus3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

describe('the format', () => {
  const cases: readonly (readonly [accept: string | undefined, format: Format])[] = [
    [undefined, 'openmetrics'],
    ['', 'openmetrics'],
    ['*/*', 'openmetrics'],
    [prometheus2, 'openmetrics'],
    [prometheus3, 'openmetrics'],
    ['text/plain', 'text'],
    ['text/plain;version=0.0.4', 'text'],
    ['TEXT/PLAIN; version=0.0.4; Q=0.5, */*;q=0.1', 'text'],
    ['application/openmetrics-text;q=0.3, text/plain;q=0.7', 'text'],
    ['application/openmetrics-text;q=0, text/plain;q=0.1', 'text'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'text'],
    [';;q=,,=', 'openmetrics'],
  ];
  for (const [accept, format] of cases)
    test(`${accept === undefined ? 'nothing' : JSON.stringify(accept)} is ${format}`, () => {
      assert.equal(formatFor(accept), format);
    });
});

const live: readonly Live[] = [
  {
    name: 'x_build_info',
    shape: 'info',
    help: 'Who',
    samples: [{ labels: [['agent.version', '1']], value: 1 }],
  },
  { name: 'x_bytes_total', shape: 'counter', help: 'How much', samples: [{ labels: [], value: 7 }] },
  { name: 'x_age_seconds', shape: 'gauge', help: 'How old', samples: [{ labels: [], value: 0.25 }] },
  { name: 'x_none', shape: 'gauge', help: 'Nothing', samples: [] },
];

test('OpenMetrics has families without their endings, units, and an end', () => {
  assert.equal(
    exposition({ tables: [], live }, 'openmetrics'),
    [
      '# TYPE x_build info',
      '# HELP x_build Who',
      'x_build_info{version="1"} 1',
      '# TYPE x_bytes counter',
      '# UNIT x_bytes bytes',
      '# HELP x_bytes How much',
      'x_bytes_total 7',
      '# TYPE x_age_seconds gauge',
      '# UNIT x_age_seconds seconds',
      '# HELP x_age_seconds How old',
      'x_age_seconds 0.25',
      '# EOF',
      '',
    ].join('\n'),
  );
});

test('the text before it has the whole name everywhere', () => {
  assert.equal(
    exposition({ tables: [], live }, 'text'),
    [
      '# TYPE x_build_info gauge',
      '# HELP x_build_info Who',
      'x_build_info{version="1"} 1',
      '# TYPE x_bytes_total counter',
      '# HELP x_bytes_total How much',
      'x_bytes_total 7',
      '# TYPE x_age_seconds gauge',
      '# HELP x_age_seconds How old',
      'x_age_seconds 0.25',
      '',
    ].join('\n'),
  );
});
