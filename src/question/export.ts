/** What hub and command line agree on about exports. */

export const exportFormats = ['ndjson', 'parquet'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export const exportTypes: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
};

/** Each table that can be exported, and its rows' time. */
export const exportTables: Readonly<Record<string, 'window_start' | 'time'>> = {
  flows: 'window_start',
  flows_1m: 'window_start',
  flows_1h: 'window_start',
  connection_events: 'time',
  dns: 'window_start',
  dns_1m: 'window_start',
  dns_1h: 'window_start',
  listeners: 'time',
  windows: 'window_start',
  windows_1m: 'window_start',
  windows_1h: 'window_start',
  addresses: 'time',
};
