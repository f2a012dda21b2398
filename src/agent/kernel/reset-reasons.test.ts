import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resetReader } from './reset-reasons.ts';

const words = { SK_RST_REASON_NOT_SPECIFIED: 0, SK_RST_REASON_NO_SOCKET: 1, SK_RST_REASON_TCP_FLAGS: 3 };

function kernelWith(args: number, enums: Record<string, Record<string, number>> = {}) {
  return { kernelArguments: () => args, kernelEnum: (name: string) => enums[name] };
}

test('in the kernel\u2019s words, a number without one as it is, none without count', () => {
  const read = resetReader(kernelWith(4, { sk_rst_reason: words }));
  assert.deepEqual(read([0, 2, 7, 1]), { no_socket: 2, '2': 7, tcp_flags: 1 });
  assert.deepEqual(read([0, 0]), {});
});

test('a kernel that gives no reason has no counts', () => {
  assert.equal(resetReader(kernelWith(3, { sk_rst_reason: words }))([0, 1]), undefined);
  assert.equal(resetReader(kernelWith(4))([0, 1]), undefined);
});
