/**
 * The tests of test/matrix/plan.ts on another kernel, booted under qemu: tracepoint arguments, socket
 * internals and the verifier differ there. All kernels of the plan: test/matrix/kernels.long.root.test.ts.
 */
import { matrixInCi } from './matrix/plan.ts';
import { testKernels } from './matrix/run.ts';

testKernels(matrixInCi, { newest: false, guestsMax: 1 });
