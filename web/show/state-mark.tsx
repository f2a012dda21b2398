import type { JSX } from 'react';

/** A shape for each state, so that colour is not the only sign. In a box of 10 by 10. */
const shapes: Readonly<Record<string, { readonly path: string; readonly isLine: boolean }>> = {
  open: { path: 'M5 1.6a3.4 3.4 0 1 0 0 6.8a3.4 3.4 0 1 0 0-6.8', isLine: true },
  closed: { path: 'M5 1.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7', isLine: false },
  refused: { path: 'M2 2l6 6M8 2l-6 6', isLine: true },
  timed_out: { path: 'M1.5 1h7L5 5l3.5 4h-7L5 5z', isLine: false },
  canceled: { path: 'M1.5 5h7', isLine: true },
  unreachable: { path: 'M5 .8L9.2 5L5 9.2L.8 5z', isLine: true },
  reset: { path: 'M6.2.5L1.8 5.8h2.6L3.8 9.5l4.4-5.3H5.6z', isLine: false },
  failed: { path: 'M1.5 1.5h7v7h-7z', isLine: false },
};

export function StateMark({ state }: { readonly state: string }): JSX.Element {
  const shape = Object.hasOwn(shapes, state) ? shapes[state] : undefined;
  if (shape === undefined) return <>{state}</>;
  return (
    <span className={`state state-${state}`}>
      <svg viewBox="0 0 10 10" aria-hidden="true">
        <path d={shape.path} className={shape.isLine ? 'line' : 'area'} />
      </svg>
      {state}
    </span>
  );
}
