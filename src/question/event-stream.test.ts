import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeEvent, eventReader, heartbeat, type StreamEvent } from './event-stream.ts';

test('events are read however their text is cut', () => {
  const events: StreamEvent[] = [
    { event: 'begin', value: { table: 'flows' } },
    { event: 'row', value: { 'process.name': 'a\n\nb', 'bytes.sent': 1 } },
    { event: 'lost', value: null },
  ];
  const text = `${heartbeat}${events.map(encodeEvent).join(heartbeat)}`;
  for (const size of [1, 7, text.length]) {
    const read = eventReader();
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.slice(i * size, (i + 1) * size),
    );
    assert.deepEqual(pieces.flatMap(read), events);
  }
});

test('what is no stream of events is a fault', () => {
  assert.throws(() => eventReader()('x'.repeat(2 ** 20 + 1)), /longer than/);
  assert.throws(() => eventReader()('data: {\n\n'), SyntaxError);
});
