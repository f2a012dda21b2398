/** One after the other, in the order in which they came: what compares the store must not see it change. */
export type Turns = <Result>(work: () => Promise<Result>) => Promise<Result>;

export function openTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined); // whoever waits for it is told
    return mine;
  };
}
