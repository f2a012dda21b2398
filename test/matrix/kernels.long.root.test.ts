/** The whole plan, on the newest kernels that the mirror has, and the page about it: `npm run test:kernels`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after } from 'node:test';
import { projectFolder } from '../guest/project.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { renderKernels, result } from './page.ts';
import { matrix } from './plan.ts';
import { testKernels } from './run.ts';

const rows = testKernels(matrix, { newest: true, guestsMax: 2 });

after(async () => {
  // Stopped, or only some were asked for: the page is of whole runs.
  if (rows.some((row) => result(row) === 'not run')) return;
  const date = new Date(systemClock.wallMs()).toISOString().slice(0, 10);
  await writeFile(join(projectFolder, 'docs/reference/kernels.md'), renderKernels(rows, date));
});
