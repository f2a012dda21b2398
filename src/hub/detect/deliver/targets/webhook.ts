/** The finding as it is, for programs. */

import type { WriteMessage } from '../target.ts';

export const write: WriteMessage = (finding, event) => ({ path: '', body: { event, finding } });
