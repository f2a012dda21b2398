/** The sweep against churn on two other kernels, with both processors of a small machine. */
import { stressInCi } from './matrix/plan.ts';
import { testKernels } from './matrix/run.ts';

testKernels(stressInCi, { newest: false, guestsMax: 1 });
