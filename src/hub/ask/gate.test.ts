import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOperatorError } from '../../lib/errors.ts';
import { openGate } from './gate.ts';

const { signal } = new AbortController();

/** Work that ends when it is told to. */
function work() {
  const { promise, resolve } = Promise.withResolvers<string>();
  let started = false;
  const run = () => {
    started = true;
    return promise;
  };
  return { run, end: () => resolve('done'), hasStarted: () => started };
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

describe('the gate', () => {
  test('so many at once, the others in their order, beyond that a refusal', async () => {
    const gate = openGate({ runningMax: 1, waitingMax: 2 });
    const [a, b, c, d] = [work(), work(), work(), work()];
    const running = [a, b, c].map(({ run }) => gate.run(run, signal));
    await assert.rejects(
      gate.run(d.run, signal),
      (error) => isOperatorError(error) && error.code === 'question.queue_full',
    );
    assert.deepEqual(
      [a, b, c].map((each) => each.hasStarted()),
      [true, false, false],
    );
    a.end();
    await running[0];
    await turns();
    assert.deepEqual(
      [a, b, c].map((each) => each.hasStarted()),
      [true, true, false],
    );
    b.end();
    c.end();
    assert.deepEqual(await Promise.all(running), ['done', 'done', 'done']);
    assert.equal(await gate.run(async () => 'again', signal), 'again');
  });

  test('whoever goes away while waiting gives up the place', async () => {
    const gate = openGate({ runningMax: 1, waitingMax: 1 });
    const [a, b, c] = [work(), work(), work()];
    const first = gate.run(a.run, signal);
    const gone = new AbortController();
    const second = gate.run(b.run, gone.signal);
    gone.abort(new Error('gone'));
    await assert.rejects(second, /gone/);
    const third = gate.run(c.run, signal);
    a.end();
    c.end();
    assert.deepEqual(await Promise.all([first, third]), ['done', 'done']);
    assert.equal(b.hasStarted(), false);
  });

  test('it is idle when the last one has left, and whoever waits for that can give up', async () => {
    const gate = openGate({ runningMax: 1, waitingMax: 1 });
    await gate.idle(signal);
    const [a, b] = [work(), work()];
    const running = [a, b].map(({ run }) => gate.run(run, signal));
    const order: string[] = [];
    const idle = gate.idle(signal).then(() => order.push('idle'));
    const gone = new AbortController();
    const given = gate.idle(gone.signal);
    gone.abort(new Error('gone'));
    await assert.rejects(given, /gone/);
    a.end();
    await running[0];
    await turns();
    assert.equal(b.hasStarted(), true);
    assert.deepEqual(order, []);
    b.end();
    await running[1];
    await idle;
    assert.deepEqual(order, ['idle']);
  });

  test('work that fails leaves its place', async () => {
    const gate = openGate({ runningMax: 1, waitingMax: 0 });
    await assert.rejects(
      gate.run(() => Promise.reject(new Error('broken')), signal),
      /broken/,
    );
    assert.equal(await gate.run(async () => 1, signal), 1);
  });
});
