/**
 * Builds the Debian packages with dpkg-deb: `scripts/package [--out DIR] [--only NAME] [--level N]`. The
 * same checkout gives the same bytes: times are SOURCE_DATE_EPOCH (by default that of the last commit),
 * owners are root.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { contentsOf, moduleFiles } from './contents.ts';
import { packages, type PackageSpec } from './packages.ts';

const root = join(import.meta.dirname, '..');
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const scripts = ['postinst', 'prerm', 'postrm'] as const;

function put(from: string, to: string, executable = (lstatSync(from).mode & 0o100) !== 0): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, executable ? 0o755 : 0o644);
}

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** bin/sonde finds Node and the sources where it finds them in a checkout. */
function stageProgram(stage: string, spec: PackageSpec): void {
  const home = `usr/lib/${spec.name}`;
  const { files, modules } = contentsOf(root, spec);
  for (const file of files) put(join(root, file), join(stage, home, file));
  for (const folder of modules)
    for (const file of moduleFiles(join(root, folder)))
      put(join(root, folder, file), join(stage, home, folder, file));
  const node = `node_modules/node-linux-${process.arch}/bin/node`;
  put(join(root, node), join(stage, home, node), true);
  mkdirSync(join(stage, home, 'node_modules/.bin'), { recursive: true });
  symlinkSync(`../${node.replace('node_modules/', '')}`, join(stage, home, 'node_modules/.bin/node'));
  const wrapper = [
    '#!/bin/sh',
    `NODE_COMPILE_CACHE=\${NODE_COMPILE_CACHE-${spec.cache}}`,
    'export NODE_COMPILE_CACHE',
    `exec /${home}/bin/sonde "$@"`,
    '',
  ];
  write(join(stage, 'usr/bin', spec.program), wrapper.join('\n'), 0o755);
  write(
    join(stage, 'usr/share/doc', spec.name, 'copyright'),
    [
      'Sonde is under the Apache License 2.0, /usr/share/common-licenses/Apache-2.0. Node.js and the npm packages',
      `in /${home}/node_modules have their licences beside them.`,
      '',
    ].join('\n'),
  );
}

/** packaging/NAME/files is copied as it is; what is in its /etc is configuration. */
function stageFiles(stage: string, { name }: PackageSpec): void {
  const folder = join(import.meta.dirname, name.replace('sonde-', ''));
  cpSync(join(folder, 'files'), stage, { recursive: true });
  const etc = filesBelow(join(stage, 'etc')).map((path) => `/etc/${path}\n`);
  write(join(stage, 'DEBIAN/conffiles'), etc.join(''));
  for (const script of scripts) put(join(folder, script), join(stage, 'DEBIAN', script), true);
}

/** Regular files, sorted. */
function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return entries.filter((entry) => lstatSync(join(folder, entry)).isFile()).sort();
}

function stageControl(stage: string, { name, control }: PackageSpec, version: string): void {
  const files = filesBelow(stage).filter((path) => !path.startsWith('DEBIAN/'));
  const sum = (path: string) =>
    createHash('md5')
      .update(readFileSync(join(stage, path)))
      .digest('hex');
  const kib = files.reduce((total, path) => total + Math.ceil(lstatSync(join(stage, path)).size / 1024), 0);
  write(join(stage, 'DEBIAN/md5sums'), files.map((path) => `${sum(path)}  ${path}\n`).join(''));
  const fields = {
    Package: name,
    Version: version,
    Architecture: architectures[process.arch] ?? process.arch,
    Maintainer: 'The Sonde developers <sonde@localhost>',
    'Installed-Size': String(kib),
    Section: 'net',
    Priority: 'optional',
    ...control,
  };
  const lines = Object.entries(fields).map(([key, value]) => `${key}: ${value}\n`);
  write(join(stage, 'DEBIAN/control'), lines.join(''));
}

function folderModes(stage: string): void {
  chmodSync(stage, 0o755);
  for (const entry of readdirSync(stage, { recursive: true, withFileTypes: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
}

function sourceDate(): string {
  if (process.env['SOURCE_DATE_EPOCH']) return process.env['SOURCE_DATE_EPOCH'];
  if (!existsSync(join(root, '.git'))) return '0';
  return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }).trim();
}

export interface BuildOptions {
  readonly out: string;
  /** Of zstd. */
  readonly level: number;
  readonly version: string;
}

/** Returns the path of the .deb. */
export function buildPackage(spec: PackageSpec, { out, level, version }: BuildOptions): string {
  const work = mkdtempSync(join(tmpdir(), `${spec.name}-`));
  try {
    const stage = join(work, 'stage');
    mkdirSync(stage);
    stageFiles(stage, spec);
    stageProgram(stage, spec);
    stageControl(stage, spec, version);
    folderModes(stage);
    mkdirSync(out, { recursive: true });
    const deb = join(out, `${spec.name}_${version}_${architectures[process.arch] ?? process.arch}.deb`);
    const how = ['--root-owner-group', '-Zzstd', `-z${String(level)}`, '--build', stage, deb];
    execFileSync('dpkg-deb', how, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, SOURCE_DATE_EPOCH: sourceDate() },
    });
    return deb;
  } finally {
    rmSync(work, { recursive: true });
  }
}

export function packageNamed(name: string): PackageSpec {
  const spec = packages.find((each) => each.name === name);
  if (!spec) throw new Error(`there is no package ${name}`);
  return spec;
}

export function sourceVersion(): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: join(root, 'build/packages') },
      only: { type: 'string' },
      level: { type: 'string', default: '10' },
    },
  });
  const wanted = values.only === undefined ? packages : [packageNamed(values.only)];
  for (const spec of wanted) {
    const options = { out: resolve(values.out), level: Number(values.level), version: sourceVersion() };
    process.stdout.write(`${basename(buildPackage(spec, options))}\n`);
  }
}
