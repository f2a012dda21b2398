/** What Sonde gives up when it costs more than it may. */

/** From the top: each gives up what those above it do, and more. */
export const steps = [
  /** All that the configuration asks for. */
  'everything',
  /** Single events only of what did not end closed. */
  'failures',
  /** No single events. */
  'windows',
  'longer_windows',
  /** Only the signals that must be on. */
  'essential_signals',
  /** Nothing is attached; nothing is counted. */
  'detached',
] as const;
export type Step = (typeof steps)[number];

/** From the top, 0; the last one beyond it. */
export function stepAt(depth: number): Step {
  return steps[depth] ?? 'detached';
}

/** The lowest of them. */
export function lowest(of: readonly Step[]): Step {
  return stepAt(Math.max(0, ...of.map((step) => steps.indexOf(step))));
}
