/** The statement that asks which records a table has already; its parameters are an extent's. */

import { readFileSync } from 'node:fs';

export const storedQuery = readFileSync(new URL('stored.sql', import.meta.url), 'utf8');
