/**
 * Autonomous systems and countries, from MMDB files of the operator.
 *
 * Owns what the files held when they were last read. A file is looked at with every window, in the
 * background, and read again when it was replaced; one that cannot be read leaves what was there, and says so
 * (`problem`). Must never wait for the disk where labels are made.
 */

import { readFile, stat } from 'node:fs/promises';
import { Reader, type Response } from 'mmdb-lib';
import { lruMap } from '../../../lib/lru.ts';
import type { FarLabels } from '../../../model/far.ts';

export const databaseLimits = {
  /** The largest that are sold have a fourth of that. */
  bytesMax: 2 ** 30,
  /** Behind this much of a file's end its metadata does not begin (the format says so). */
  metadataBytesMax: 128 << 10,
  /** Values of a file that are kept decoded. */
  cachedMax: 8192,
} as const;

export type DatabaseName = 'as' | 'country';

export interface DatabaseStatus {
  readonly file: string;
  /** Of the file that is in use, in RFC 3339; null: none is. */
  readonly built: string | null;
  /** Why the newest file is not in use; null: it is. */
  readonly problem: string | null;
}

export type DatabasesStatus = Readonly<Partial<Record<DatabaseName, DatabaseStatus>>>;

export interface Databases {
  /** Of a public address, or of a whole network whose length is given. */
  at(ip: string, lengthMax?: number): FarLabels;
  /** Looks whether files were replaced; resolves with whether one was. Never rejects. */
  look(): Promise<boolean>;
  status(): DatabasesStatus;
}

/** As far as we read them. MaxMind's layout, which others follow. */
interface Entry {
  readonly autonomous_system_number?: unknown;
  readonly autonomous_system_organization?: unknown;
  readonly country?: { readonly iso_code?: unknown };
}

type Select = (entry: Entry) => FarLabels;

const select: Readonly<Record<DatabaseName, Select>> = {
  as({ autonomous_system_number: number, autonomous_system_organization: org }) {
    return {
      ...(typeof number === 'number' ? { 'destination.as.number': number } : {}),
      ...(typeof org === 'string' && org !== '' ? { 'destination.as.org': org } : {}),
    };
  },
  country({ country }) {
    const code = country?.iso_code;
    return typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? { 'destination.geo.country': code } : {};
  },
};

interface Database {
  at(ip: string, lengthMax: number): FarLabels;
  look(): Promise<boolean>;
  status(): DatabaseStatus;
}

const metadataStart = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');

/** Throws where it is no MMDB file, or one that cannot be read. */
function readerOf(bytes: Buffer): Reader<Response> {
  if (bytes.subarray(-databaseLimits.metadataBytesMax).lastIndexOf(metadataStart) < 0)
    throw new Error('it is no MMDB file, or was cut');
  const cache = lruMap<string | number, unknown>(databaseLimits.cachedMax);
  const reader = new Reader(bytes, { cache });
  const { searchTreeSize, buildEpoch, ipVersion } = reader.metadata;
  if (!(searchTreeSize < bytes.length) || Number.isNaN(buildEpoch.getTime()))
    throw new Error('what it says of itself cannot be');
  reader.get('1.1.1.1');
  if (ipVersion === 6) reader.get('2606:4700::1111');
  return reader;
}

function openDatabase(file: string, of: Select): Database {
  let reader: Reader<Response> | undefined;
  /** Why the file as it is now is not in use, or what of the one in use could not be read. */
  let problem: string | null = null;
  let unreadable: string | null = null;
  /** Which file is in use, and which was tried in vain. */
  let [used, refused] = ['', ''];
  let refusal = '';

  async function read(): Promise<boolean> {
    const about = await stat(file);
    const identity = [about.dev, about.ino, about.size, about.mtimeMs].join(' ');
    if (identity === refused) throw new Error(refusal);
    if (identity === used) return false;
    refused = identity;
    if (about.size > databaseLimits.bytesMax) throw new Error('it is larger than 1 GiB');
    reader = readerOf(await readFile(file));
    [used, refused, unreadable] = [identity, '', null];
    return true;
  }

  return {
    at(ip, lengthMax) {
      if (!reader || (reader.metadata.ipVersion === 4 && ip.includes(':'))) return {};
      try {
        const [entry, length] = reader.getWithPrefixLength(ip);
        return entry === null || length > lengthMax ? {} : of(entry as Entry);
      } catch (error) {
        unreadable = `what it says of some address cannot be read (${(error as Error).message})`;
        return {};
      }
    },
    async look() {
      try {
        const replaced = await read();
        problem = null;
        return replaced;
      } catch (error) {
        problem = refusal = (error as Error).message;
        return false;
      }
    },
    status: () => ({
      file,
      built: reader?.metadata.buildEpoch.toISOString() ?? null,
      problem: problem ?? unreadable,
    }),
  };
}

export function openDatabases(files: Readonly<Partial<Record<DatabaseName, string | undefined>>>): Databases {
  const databases = (['as', 'country'] as const).flatMap((name) => {
    const file = files[name];
    return file === undefined ? [] : [[name, openDatabase(file, select[name])] as const];
  });
  /** On a slow disk the next window may come before the last look has ended. */
  let looking: Promise<boolean> | undefined;

  async function look(): Promise<boolean> {
    const changed = await Promise.all(databases.map(([, database]) => database.look()));
    looking = undefined;
    return changed.includes(true);
  }

  return {
    at(ip, lengthMax = 128) {
      let labels: FarLabels = {};
      for (const [, database] of databases) labels = { ...labels, ...database.at(ip, lengthMax) };
      return labels;
    },
    look: () => (looking ??= look()),
    status: () => Object.fromEntries(databases.map(([name, database]) => [name, database.status()])),
  };
}
