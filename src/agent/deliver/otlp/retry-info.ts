/** The delay in a failure's details: google.rpc.Status with a google.rpc.RetryInfo in it. */

import { PbfReader } from 'pbf';

const typeOfRetryInfo = /(^|\/)google\.rpc\.RetryInfo$/;

function durationMs(pbf: PbfReader): number {
  return pbf.readMessage<{ ms: number }>(
    (tag, of, inner) => {
      if (tag === 1) of.ms += inner.readVarint(true) * 1000;
      if (tag === 2) of.ms += inner.readVarint(true) / 1e6;
    },
    { ms: 0 },
  ).ms;
}

function delayMs(retryInfo: Uint8Array): number {
  let ms = 0;
  new PbfReader(retryInfo).readFields((tag, _, pbf) => {
    if (tag === 1) ms = durationMs(pbf);
  }, null);
  return Math.max(0, ms);
}

function detail(pbf: PbfReader): { readonly type: string; readonly value: Uint8Array } {
  return pbf.readMessage<{ type: string; value: Uint8Array }>(
    (tag, of, inner) => {
      if (tag === 1) of.type = inner.readString();
      if (tag === 2) of.value = inner.readBytes();
    },
    { type: '', value: new Uint8Array() },
  );
}

/** Undefined where it says nothing of when, or cannot be read. */
export function retryInfoMs(details: Uint8Array): number | undefined {
  let ms: number | undefined;
  try {
    new PbfReader(details).readFields((tag, _, pbf) => {
      if (tag !== 3) return;
      const { type, value } = detail(pbf);
      if (typeOfRetryInfo.test(type)) ms = delayMs(value);
    }, null);
  } catch {
    return undefined; // what a receiver says of itself is its own business
  }
  return ms;
}
