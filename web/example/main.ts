/** Serves the built page with made-up answers: `node web/example/main.ts`. With `vite web`, also while editing. */
import { join } from 'node:path';
import process from 'node:process';
import { systemClock } from '../../src/lib/clock.ts';
import { startExampleHub } from './hub.ts';

const folder = join(import.meta.dirname, '../../build/web');
const hub = await startExampleHub({ port: 7400, clock: systemClock, folder, headers: {} });
process.stdout.write(`${hub.url}\n`);
