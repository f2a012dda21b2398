/** What all signals tell, on the oldest kernel and on the newest that the mirror has: `npm run test:kernels`. */
import { matrixOfSignals } from './plan.ts';
import { testKernels } from './run.ts';

testKernels(matrixOfSignals, { newest: true, guestsMax: 2 });
