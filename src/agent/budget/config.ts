/** What Sonde may take on a node: the part of agent.yaml. */

import * as z from 'zod';
import { bytes, percent } from '../../lib/schema.ts';

export const budgetSchema = z.strictObject({
  cpu: percent({ min: '0.1%', max: '1000%', default: '25%' }).meta({
    description: 'of one processor: the agent, and the run time of its kernel programs',
  }),
  memory: bytes({ min: '16MB', max: '64GB', default: '512MB' }).meta({
    description: 'what the agent and its maps in the kernel take together',
  }),
});
