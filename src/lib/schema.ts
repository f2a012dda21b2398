/** Building blocks of configuration schemas: values that carry a unit. */

import * as z from 'zod';
import { durationUnits, parseBytes, parseDurationMs, parsePercent, sizeUnits } from './units.ts';

interface Bounds {
  readonly min: string;
  readonly max: string;
  readonly default: string;
}

interface Kind {
  readonly parse: (text: string) => number | undefined;
  readonly units: readonly string[];
  readonly example: string;
}

/** Text in, a number out. */
export type Quantity = z.ZodPrefault<z.ZodPipe<z.ZodString, z.ZodTransform<number, string>>>;

/** JSON Schema cannot compare such text: there the bounds are `x-minimum` and `x-maximum`. */
function quantity(bounds: Bounds, { parse, units, example }: Kind): Quantity {
  const [min, max] = [parse(bounds.min) ?? 0, parse(bounds.max) ?? 0];
  const pattern = `^\\d+(\\.\\d+)?(${units.join('|')})$`;
  return z
    .string({ error: `must be text with a unit, such as ${example}` })
    .transform((text, context) => {
      const value = parse(text);
      if (value !== undefined && value >= min && value <= max) return value;
      const range = `between ${bounds.min} and ${bounds.max}`;
      const message = `must be ${range}, with a unit, such as ${example}; got ${text}`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .prefault(bounds.default)
    .meta({ pattern, 'x-minimum': bounds.min, 'x-maximum': bounds.max });
}

/** Text such as `10s` in, milliseconds out. */
export function duration(bounds: Bounds): Quantity {
  return quantity(bounds, { parse: parseDurationMs, units: durationUnits, example: '10s' });
}

/** Text such as `100MB` in, bytes out. */
export function bytes(bounds: Bounds): Quantity {
  return quantity(bounds, { parse: parseBytes, units: sizeUnits, example: '100MB' });
}

/** Text such as `15%` in, a share out: 0.15. */
export function percent(bounds: Bounds): Quantity {
  return quantity(bounds, { parse: parsePercent, units: ['%'], example: '15%' });
}

/** A size, or a share of something that only the one who uses it knows. */
export type Amount = { readonly bytes: number } | { readonly share: number };

/** Text such as `50GiB` or `75%`; `min` is for sizes. There is no default. */
export function amount({ min }: { readonly min: string }) {
  const least = parseBytes(min) ?? 0;
  return z
    .string({ error: 'must be a size or a share, such as 50GiB or 75%' })
    .transform((text, context): Amount => {
      const [bytes, share] = [parseBytes(text), parsePercent(text)];
      if (bytes !== undefined && bytes >= least) return { bytes };
      if (share !== undefined && share > 0 && share <= 1) return { share };
      const message = `must be a size from ${min} or a share up to 100%, such as 50GiB or 75%; got ${text}`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .meta({ pattern: `^\\d+(\\.\\d+)?(${sizeUnits.join('|')}|%)$`, 'x-minimum': min });
}

export function amountOf(amount: Amount, wholeBytes: number): number {
  return 'bytes' in amount ? amount.bytes : amount.share * wholeBytes;
}

/** Some of these names, each on or off. */
export function switches<Name extends string>(names: readonly Name[]) {
  return z.partialRecord(z.enum(names), z.enum(['on', 'off']));
}

const portMax = 65_535;

/** Where a server listens: `127.0.0.1:7400`, `[::1]:7400`. `problem` says what is wrong with an address. */
export function listenAddress(of: {
  readonly default: string;
  readonly problem: (host: string) => string | undefined;
}) {
  return z
    .string()
    .transform((text, context) => {
      const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
      const host = bracketed ?? plain;
      const isWritten = host !== '' && Number(port) <= portMax;
      const message = isWritten
        ? of.problem(host)
        : `must be ADDRESS:PORT, such as ${of.default}; got ${text}`;
      if (message === undefined) return { host, port: Number(port) };
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .prefault(of.default);
}
