/** A Debian package as a later build would make it. */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Later {
  readonly version: string;
  /** The text of the configuration that it brings. */
  readonly configuration: string;
}

/** Returns its path, beside that of the other. */
export function repacked(deb: string, { version, configuration }: Later): string {
  const [stage, path] = [`${deb}.later`, deb.replace(/\.deb$/, '.later.deb')];
  execFileSync('dpkg-deb', ['--raw-extract', deb, stage]);
  const control = join(stage, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
  writeFileSync(join(stage, 'etc/sonde/agent.yaml'), configuration);
  execFileSync('dpkg-deb', ['-Znone', '--root-owner-group', '--build', stage, path], { stdio: 'ignore' });
  rmSync(stage, { recursive: true });
  return path;
}
