/**
 * Which errors of ClickHouse are about the rows, so that the same rows meet them again, for ever. All others
 * (network, overload, memory, disk, a table that lacks, a shutdown) may pass, and say nothing about a row.
 */
import { ClickHouseError } from '@clickhouse/client';
import { BlockRefused } from '../../model/block.ts';

const reasonCharactersMax = 500;

/** Names from ErrorCodes.cpp of ClickHouse. */
const aboutRows: ReadonlySet<string> = new Set([
  'CANNOT_CONVERT_TYPE',
  'CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN',
  'TYPE_MISMATCH',
  'INCORRECT_DATA',
  'ARGUMENT_OUT_OF_BOUND',
  'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE',
  'DECIMAL_OVERFLOW',
  'TOO_LARGE_STRING_SIZE',
  'TOO_LARGE_ARRAY_SIZE',
  'SIZES_OF_ARRAYS_DONT_MATCH',
  'UNEXPECTED_DATA_AFTER_PARSED_VALUE',
  'VIOLATED_CONSTRAINT',
  'BAD_QUERY_PARAMETER',
]);

function isAboutRows(error: unknown): error is ClickHouseError {
  const type = error instanceof ClickHouseError ? (error.type ?? '') : '';
  return type.startsWith('CANNOT_PARSE_') || aboutRows.has(type);
}

/** BlockRefused for what is refused for good; the error itself for all else. */
export function refusalOf(error: unknown): unknown {
  if (!isAboutRows(error)) return error;
  return new BlockRefused(error.message.slice(0, reasonCharactersMax), { cause: error });
}
