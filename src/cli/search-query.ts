/** What `sonde search` and `sonde tail` ask a hub: words that are a filter, and options that are its scope. */

import type { CommandContext, Options } from './command.ts';

export const searchOptions: Options = {
  table: {
    type: 'string',
    value: 'NAME',
    help: 'flows, events, dns, listeners, addresses or windows (flows)',
  },
  host: { type: 'string', value: 'NAME', help: 'only this host.name' },
  environment: { type: 'string', value: 'NAME', help: 'only this environment' },
  own: { type: 'boolean', help: 'traffic of Sonde itself too' },
};

export const filterWord = {
  name: 'FILTER',
  help: 'terms that all must hold, such as process.name=curl; see below',
  many: true,
} as const;

export const filterNotes: readonly string[] = [
  "Terms: 'process.name=curl,wget' 'destination.port>=1024' 'destination.ip=10.0.0.0/8' " +
    "'destination.name~*.example.com' 'connection.state!=closed', or a word that is somewhere in a name. " +
    'In quotes, so that the shell leaves them alone; a term that begins with - stands behind --. ' +
    'docs/operating/search.md has the rest.',
];

/** Of the options those that are named, and the filter. */
export function searchQuery(
  { values, word, more = [] }: Pick<CommandContext, 'values' | 'word' | 'more'>,
  names: readonly string[],
): Record<string, string> {
  const given = [...Object.keys(searchOptions), ...names].flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [[name, String(value)] as const];
  });
  const filter = [...(word === undefined ? [] : [word]), ...more].join(' ');
  return { ...Object.fromEntries(given), ...(filter === '' ? {} : { filter }) };
}
