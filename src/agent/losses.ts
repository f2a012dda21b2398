/** Everything that was lost since the start, by `stage.reason`. */

interface Losing {
  losses(): Readonly<Record<string, number>>;
}

export interface LosingParts {
  /** Its reasons are without their stage. */
  readonly kernel: Losing;
  readonly lookups: Losing;
  readonly own: Losing;
  readonly far: Losing;
  readonly delivery: Losing;
  readonly kubernetes?: Losing | undefined;
}

export function lossesOf(parts: LosingParts): Record<string, number> {
  const { kernel, lookups, own, far, delivery, kubernetes } = parts;
  const kernelLosses = Object.entries(kernel.losses()).map(
    ([reason, count]) => [`kernel.${reason}`, count] as const,
  );
  const others = [lookups, own, far, kubernetes, delivery].map((part) => part?.losses());
  const ours = Object.assign({}, ...others) as Record<string, number>;
  return { ...Object.fromEntries(kernelLosses), ...ours };
}
