/**
 * The one table: blocks of rows that share their columns. What a target says of a row is in its last column.
 */

export type Row = {
  readonly name: string;
  readonly min: number;
  readonly median: number;
  readonly addedMin?: number;
  readonly addedMedian?: number;
  /** Added, as a multiple of what the no-op programs add. */
  readonly noops?: { readonly min: number; readonly median: number };
  readonly note?: string;
};

export type Block = { readonly title: string; readonly unit: string; readonly rows: readonly Row[] };

const columns = ['', 'minimum', 'median', '+ min', '+ median', '× no-op', ''] as const;

function number(value: number | undefined): string {
  return value === undefined ? '' : value.toFixed(2);
}

function cells(row: Row): string[] {
  const noops = row.noops ? `${row.noops.min.toFixed(1)} / ${row.noops.median.toFixed(1)}` : '';
  return [
    `  ${row.name}`,
    number(row.min),
    number(row.median),
    number(row.addedMin),
    number(row.addedMedian),
    noops,
    row.note ?? '',
  ];
}

/** Numbers are flush right, words flush left. */
export function formatTable(blocks: readonly Block[]): string {
  const lines = blocks.map(({ rows }) => rows.map(cells));
  const all = [[...columns], ...lines.flat()];
  const widths = columns.map((_, column) => Math.max(...all.map((line) => (line[column] ?? '').length)));
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 || column === columns.length - 1 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  const parts = blocks.flatMap(({ title, unit }, index) => [
    '',
    `${title} (${unit})`,
    ...(lines[index] ?? []).map(format),
  ]);
  return [format(columns), ...parts].join('\n');
}
