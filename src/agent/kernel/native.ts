/** The addon's functions, typed. It holds no policy; see native/addon.cc for what each does. */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../lib/errors.ts';

declare const object: unique symbol;
export interface NativeObject {
  readonly [object]: true;
}

export interface RingPositions {
  consumer: ArrayBuffer;
  producer: ArrayBuffer;
}

/**
 * `runs` and `runTimeNs` count only while statistics are on. `skipped`: runs that the kernel left out because
 * they interrupted another run of the same program on that CPU.
 */
export interface ProgramStatistics {
  name: string;
  skipped?: bigint;
  runs?: bigint;
  runTimeNs?: bigint;
}

export interface NetnsVisit {
  cookie: bigint;
  inode: number;
  texts: string[];
}

export interface NetlinkAnswer {
  /** Messages as the kernel sent them. */
  bytes: ArrayBuffer;
  /** There was more than was wanted. */
  cut: boolean;
  /** Of the namespace that answered. */
  inode: number;
}

/** What a program's section names, such as `tp_btf/NAME`, and its enum bpf_attach_type. */
export interface Hook {
  program: string;
  section: string;
  attachType: number;
}

export interface MapSize {
  map: string;
  type: string;
  keySize: number;
  valueSize: number;
  entries: number;
}

/** A program of anybody's in this kernel; the name has 15 characters at most. */
export interface ProgramInfo {
  program: number;
  name: string;
  type: string;
  user: number;
}

/** `tracepoint` without the group that it is in. */
export type LinkedProgram = ProgramInfo & { link: number; tracepoint?: string };

/** Errors carry `errno` and `log`, the end of what libbpf and the verifier said. */
export type NativeError = Error & { errno?: number; log?: string };

export interface Native {
  open(path: string): NativeObject;
  btf(of: NativeObject): ArrayBuffer;
  constants(of: NativeObject, map: string, bytes?: Uint8Array): ArrayBuffer;
  resize(of: NativeObject, map: string, entries: number): void;
  maps(of: NativeObject): string[];
  reuse(of: NativeObject, map: string, path: string): void;
  skip(of: NativeObject, program: string): void;
  load(of: NativeObject): void;
  pinMap(of: NativeObject, map: string, path: string): void;
  pinLink(of: NativeObject, program: string, path: string): void;
  openLink(of: NativeObject, program: string, path: string): void;
  attach(of: NativeObject, program: string, cgroup?: string): void;
  detach(of: NativeObject, program: string): boolean;
  view(of: NativeObject, map: string): ArrayBuffer;
  ring(of: NativeObject, map: string): RingPositions;
  ringData(of: NativeObject, map: string): ArrayBuffer;
  write(of: NativeObject, map: string, key: Uint8Array, value: Uint8Array): void;
  point(of: NativeObject, outer: string, index: number, inner: string): Promise<void>;
  read(of: NativeObject, map: string, keys: Uint8Array, values: Uint8Array): Promise<number>;
  remove(of: NativeObject, map: string, keys: Uint8Array, count: number): Promise<void>;
  run(of: NativeObject, program: string, netns?: string): Promise<void>;
  statistics(of: NativeObject, on: boolean): void;
  programs(of: NativeObject): ProgramStatistics[];
  kernelArguments(type: string): number;
  kernelEnum(name: string): Record<string, number> | undefined;
  tickNs(): number;
  hooks(of: NativeObject): Hook[];
  sizes(of: NativeObject): MapSize[];
  linked(): LinkedProgram[];
  programsOn(cgroup: string, attachType: number): { programs: ProgramInfo[]; flags: number };
  mapType(type: number): boolean;
  netns(path: string, ...files: string[]): Promise<NetnsVisit>;
  netlink(path: string, protocol: number, request: Uint8Array, bytesMax: number): Promise<NetlinkAnswer>;
  close(of: NativeObject): void;
}

export interface Artefacts {
  readonly addon: string;
  readonly object: string;
}

/**
 * Where the build puts the addon and the kernel programs; SONDE_BUILD names another folder (a package's, a
 * test's).
 */
export function artefacts(environment: NodeJS.ProcessEnv = process.env): Artefacts {
  const folder = environment['SONDE_BUILD'] ?? fileURLToPath(new URL('../../../build', import.meta.url));
  return { addon: `${folder}/sonde.node`, object: `${folder}/bpf/sonde.bpf.o` };
}

export function loadNative(paths: Artefacts): Native {
  if (!existsSync(paths.object)) throw new OperatorError('build.missing_object', { file: paths.object });
  if (!existsSync(paths.addon))
    throw new OperatorError('build.missing_addon', { file: paths.addon, reason: 'no such file' });
  try {
    return createRequire(import.meta.url)(paths.addon) as Native;
  } catch (error) {
    throw new OperatorError(
      'build.missing_addon',
      { file: paths.addon, reason: (error as Error).message },
      { cause: error },
    );
  }
}
