/** hub.yaml's `expectations`: where the files are. */

import * as z from 'zod';

const files = z.string().regex(/^\//, {
  error: ({ input }) => `must be an absolute path, such as /etc/sonde/expectations.d; got ${String(input)}`,
});

export const expectationsSchema = z
  .strictObject({
    files: files.meta({ description: 'a file, or a folder whose *.yaml are read; only root may write them' }),
  })
  .optional()
  .meta({ description: 'who may talk to whom; what is changed there counts without a restart' });
