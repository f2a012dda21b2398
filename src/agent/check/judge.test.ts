import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signalNames, type SignalName } from '../../model/signals.ts';
import { judge, type Asked } from './judge.ts';
import { finding, type Finding, type Report, type Trial } from './report.ts';

const taken = new Map<SignalName, Trial>(signalNames.map((name) => [name, { outcome: 'taken' }]));

function asked(question: string, signals: readonly SignalName[], fields: readonly string[] = []): Asked {
  return { question, asks: 'Who?', signals, uses: (field) => fields.includes(field) };
}

const one = asked('one', ['lifecycle']);
const both = asked('both', ['lifecycle', 'retransmits'], ['resets.sent']);

function judged({
  findings = [],
  trials = taken,
  questions = [one, both],
}: {
  findings?: readonly Finding[];
  trials?: ReadonlyMap<SignalName, Trial>;
  questions?: readonly Asked[];
}): Report {
  return judge({ findings, trials, questions, broken: [], neighbours: [] });
}

function results({ questions }: Report): Record<string, string> {
  return Object.fromEntries(questions.map(({ question, result }) => [question, result]));
}

const refused = (name: SignalName): Map<SignalName, Trial> =>
  new Map([...taken, [name, { outcome: 'refused', reason: 'no such tracepoint' }]]);

describe('a node', () => {
  test('where all is well', () => {
    const report = judged({});
    assert.deepEqual(
      [report.verdict, results(report)],
      ['answerable', { both: 'answerable', one: 'answerable' }],
    );
    assert.equal(report.summary, 'This node can be rolled out: it can answer all of its 2 questions.');
  });

  test('that refuses a signal answers what does not need it', () => {
    const report = judged({ trials: refused('retransmits') });
    assert.deepEqual(
      [report.verdict, results(report)],
      ['degraded', { both: 'degraded', one: 'answerable' }],
    );
    assert.match(report.summary, /^This node can be rolled out, with less than everything \(in part: both\)/);
    assert.deepEqual(report.questions.find(({ question }) => question === 'both')?.reasons, [
      {
        detail: 'no such tracepoint',
        because: 'retransmits',
        whatToDo: 'boot a later kernel, or do without: signals: { retransmits: off } in agent.yaml',
      },
    ]);
    assert.equal(report.signals.find(({ signal }) => signal === 'retransmits')?.result, 'missing');
  });

  test('that refuses all that a question names', () => {
    const only = asked('only', ['retransmits']);
    const report = judged({ trials: refused('retransmits'), questions: [one, only] });
    assert.deepEqual([report.verdict, results(report)], ['degraded', { one: 'answerable', only: 'not' }]);
    assert.match(report.summary, /not at all: only/);
  });

  test('that refuses it for a reason that is found: the remedy is there', () => {
    const lessens = { signals: ['retransmits'] } as const;
    const findings = [
      finding('cgroups', { result: 'degraded', detail: 'none', lessens }),
      finding('pidNamespace', {
        result: 'degraded',
        detail: 'another',
        lessens: { signals: signalNames, fields: ['process.name'] },
      }),
    ];
    const { signals } = judged({ findings, trials: refused('retransmits') });
    const [first, ...more] = signals.find(({ signal }) => signal === 'retransmits')?.reasons ?? [];
    assert.deepEqual(first, { detail: 'no such tracepoint' });
    assert.deepEqual(
      more.map(({ because }) => because),
      ['control groups'],
    );
  });

  test('that refuses what every question needs', () => {
    const report = judged({ trials: refused('lifecycle') });
    assert.deepEqual([report.verdict, results(report)], ['none', { both: 'not', one: 'not' }]);
    assert.match(report.summary, /^This node cannot be rolled out: .* \(lifecycle: no such tracepoint\)\.$/);
  });

  test('where nothing could be tried says what is in the way', () => {
    const findings = [finding('btf', { result: 'missing', detail: 'it is not there' })];
    const trials = new Map<SignalName, Trial>(
      signalNames.map((name) => [name, { outcome: 'untried', missing: ['btf'] }]),
    );
    const report = judged({ findings, trials });
    assert.equal(report.verdict, 'none');
    assert.match(report.summary, /\(kernel types: it is not there\)/);
    const [signal] = report.signals;
    assert.deepEqual(
      [signal?.result, signal?.reasons.map(({ because }) => because)],
      ['unknown', ['kernel types']],
    );
  });

  test('whose questions need nothing of what is lessened', () => {
    const lessened = finding('socketlessResets', {
      result: 'degraded',
      detail: 'not traced',
      lessens: { signals: ['lifecycle'], fields: ['resets.sent'] },
    });
    const report = judged({ findings: [lessened], questions: [one] });
    assert.deepEqual([report.verdict, report.signals[0]?.result], ['answerable', 'degraded']);
    const less = judged({ findings: [lessened] });
    assert.deepEqual([less.verdict, results(less)], ['degraded', { both: 'degraded', one: 'answerable' }]);
  });

  test('all of whose signals are lessened by one thing says so once a question', () => {
    const lessens = { signals: signalNames };
    const report = judged({
      findings: [finding('pidNamespace', { result: 'degraded', detail: 'another', lessens })],
    });
    assert.deepEqual(
      report.questions.map(({ result, reasons }) => [result, reasons.map(({ because }) => because)]),
      [
        ['degraded', ['pid namespace']],
        ['degraded', ['pid namespace']],
      ],
    );
  });

  test('that costs more than it must is degraded, though all can be answered', () => {
    const report = judged({ findings: [finding('jit', { result: 'degraded', detail: 'off' })] });
    assert.deepEqual(
      [report.verdict, results(report)],
      ['degraded', { both: 'answerable', one: 'answerable' }],
    );
    assert.match(report.summary, /to be mended: JIT compiler/);
  });

  test('notes and what was not seen change nothing', () => {
    const findings = (['note', 'unknown'] as const).map((result) => finding('lsms', { result, detail: 'x' }));
    assert.equal(judged({ findings }).verdict, 'answerable');
  });

  test('without questions is judged by its signals', () => {
    assert.equal(judged({ questions: [] }).verdict, 'answerable');
    assert.equal(judged({ questions: [], trials: refused('retransmits') }).verdict, 'degraded');
    const none = new Map<SignalName, Trial>();
    assert.equal(judged({ questions: [], trials: none }).verdict, 'none');
  });
});

test('a broken question is not answered, and says why', () => {
  const broken = [
    { question: 'torn', problem: { detail: 'ask.sql is missing', whatToDo: 'correct that file' } },
  ];
  const report = judge({ findings: [], trials: taken, questions: [one], broken, neighbours: [] });
  assert.deepEqual([report.verdict, results(report)], ['degraded', { one: 'answerable', torn: 'not' }]);
  assert.deepEqual(report.questions[1]?.reasons, [broken[0]?.problem]);
});
