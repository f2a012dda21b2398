/**
 * The budget's ladder: what is given up first when Sonde costs more than it may, and taken back when it is
 * calm again. Pure: it is told whether that is so, and when.
 */

import { stepAt, steps, type Step } from '../../model/budget.ts';

export const ladderRules = {
  /** Samples in a row above the budget until a step down. One may be a burst. */
  overMax: 2,
  /** Samples after a step that still tell of the time before. */
  settle: 1,
  /** Samples at the start: an agent that warms up takes more than it will. */
  settleAtStart: 5,
  /** How long it has to be calm until a step up … */
  calmMsMin: 20_000,
  /** … doubled with each step up that did not last, up to this. */
  calmMsMax: 600_000,
  /** A step up that lasted so long was right. */
  provenMs: 120_000,
} as const;

export interface Move {
  readonly from: Step;
  readonly to: Step;
}

export interface Pressure {
  readonly isOver: boolean;
  /** So little is used that the step above can be afforded. */
  readonly isCalm: boolean;
}

export interface Ladder {
  readonly step: Step;
  /** Times only have to rise. */
  sample(now: Pressure, nowMs: number): Move | undefined;
}

export type LadderRules = Readonly<Record<keyof typeof ladderRules, number>>;

export function createLadder(rules: LadderRules = ladderRules): Ladder {
  let at = 0;
  let over = 0;
  let unsettled = rules.settleAtStart;
  let calmSince: number | undefined;
  let calmMs = rules.calmMsMin;
  let climbedAt: number | undefined;

  function move(by: 1 | -1): Move {
    const from = stepAt(at);
    at += by;
    over = 0;
    unsettled = rules.settle;
    calmSince = undefined;
    return { from, to: stepAt(at) };
  }

  function down(nowMs: number): Move {
    if (climbedAt !== undefined && nowMs - climbedAt < rules.provenMs)
      calmMs = Math.min(2 * calmMs, rules.calmMsMax);
    climbedAt = undefined;
    return move(1);
  }

  function up(nowMs: number): Move {
    climbedAt = nowMs;
    return move(-1);
  }

  return {
    get step() {
      return stepAt(at);
    },
    sample({ isOver, isCalm }, nowMs) {
      if (climbedAt !== undefined && nowMs - climbedAt >= rules.provenMs) {
        climbedAt = undefined;
        calmMs = rules.calmMsMin;
      }
      if (unsettled > 0) {
        unsettled--;
        return undefined;
      }
      over = isOver ? over + 1 : 0;
      if (!isCalm) calmSince = undefined;
      else calmSince ??= nowMs;
      if (over >= rules.overMax && at < steps.length - 1) return down(nowMs);
      const calmLongEnough = calmSince !== undefined && nowMs - calmSince >= calmMs;
      return calmLongEnough && at > 0 ? up(nowMs) : undefined;
    },
  };
}
