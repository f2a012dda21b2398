/** The kernel programs as another build would have them: the same, with what they keep laid out in another way. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { artefacts } from '../src/agent/kernel/native.ts';

const sources = join(import.meta.dirname, '../bpf');
const machine = { x64: ['x86', 'x86_64'], arm64: ['arm64', 'aarch64'] } as const;

/** A field at the begin moves all the others; two that change places are read at each other's. */
const changes: readonly (readonly [file: string, from: RegExp, to: string])[] = [
  ['include/records.h', /struct flow \{\n/, 'struct flow {\n\tu64 of_another_build;\n'],
  ['include/records.h', /struct control \{\n/, 'struct control {\n\tu64 of_another_build;\n'],
  ['include/records.h', /\tu64 opened;\n\tu64 adopted;\n/, '\tu64 adopted;\n\tu64 opened;\n'],
  [
    'include/maps.h',
    /\tu32 owner;\n\tu32 netns;\n\tu32 pid;\n\tu32 seq/,
    '\tu32 pid;\n\tu32 netns;\n\tu32 owner;\n\tu32 seq',
  ],
];

/** Compiles them below `folder`, which SONDE_BUILD may then name. */
export function buildOther(folder: string): void {
  const bpf = join(folder, 'sources');
  cpSync(sources, bpf, { recursive: true });
  for (const [file, from, to] of changes) {
    const text = readFileSync(join(bpf, file), 'utf8');
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`${file} has no ${String(from)}`);
    writeFileSync(join(bpf, file), changed);
  }
  const [target, gnu] = machine[process.arch as keyof typeof machine];
  const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', `-D__TARGET_ARCH_${target}`, '-Iinclude'];
  const objects = readdirSync(bpf).flatMap((name) => {
    if (!name.endsWith('.bpf.c')) return [];
    const object = name.replace(/c$/, 'o');
    execFileSync(
      'clang',
      [...flags, '-idirafter', `/usr/include/${gnu}-linux-gnu`, '-c', name, '-o', object],
      {
        cwd: bpf,
      },
    );
    return [object];
  });
  mkdirSync(join(folder, 'bpf'));
  execFileSync('bpftool', ['gen', 'object', join(folder, 'bpf/sonde.bpf.o'), ...objects], { cwd: bpf });
  copyFileSync(artefacts().addon, join(folder, 'sonde.node'));
}
