/** Operator errors of `sonde import` and `sonde export`: a part of the table in errors.ts. */
export const transferErrors = {
  'import.file': {
    exitCode: 'usage',
    message: '{file} cannot be read as a conn.log of Zeek ({reason})',
    whatToDo: 'name a conn.log, tab-separated or JSON, plain or compressed with gzip',
  },
  'import.cut_off': {
    exitCode: 'usage',
    message: '{file} ends before its end, so nothing of it was imported',
    whatToDo:
      'get the whole file, or unpack what there is of it (gzip -dc {file} > part.log) and import that',
  },
  'import.changed': {
    exitCode: 'degraded',
    message: '{file} was written to while it was read',
    whatToDo: 'import logs that are complete, such as those that Zeek has rotated',
  },
  'import.too_many': {
    exitCode: 'usage',
    message: '{file} has more than {max} windows of nodes in which something happened',
    whatToDo: 'split it by time, or let all of it be of one node: --host NAME',
  },
  'import.too_old': {
    exitCode: 'usage',
    message: '{file} ends at {last}, and the hub takes nothing that is older than {past}',
    whatToDo: 'move its times: --shift now lets the log end now',
  },
  'import.future': {
    exitCode: 'usage',
    message: '{file} ends at {last}, which is in the future',
    whatToDo: 'shift it by less, --shift now lets the log end now',
  },
  'export.file': {
    exitCode: 'usage',
    message: '{file} cannot be written ({reason})',
    whatToDo: 'name a file in a folder that is there and has room, and that this user may write',
  },
  'export.table': {
    exitCode: 'usage',
    httpStatus: 404,
    message: 'there is no table {table} to export',
    whatToDo: 'name one of these: {known}',
  },
  'export.bad_param': {
    exitCode: 'usage',
    httpStatus: 400,
    message: 'export: {param} {problem}',
    whatToDo: 'see sonde export --help',
  },
  'export.too_large': {
    exitCode: 'degraded',
    httpStatus: 422,
    message: 'the export of {table} needs more than one may take ({limit})',
    whatToDo: 'ask for a shorter range, one host or one environment',
  },
  'export.broken': {
    exitCode: 'degraded',
    message: 'the export broke off ({reason}), no file was made',
    whatToDo: 'ask again, for a shorter range where it was too much',
  },
} as const;
