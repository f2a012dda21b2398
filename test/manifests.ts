/** Kubernetes' own opinion of a manifest, from its OpenAPI schemas (kubernetes-models). */

import { join } from 'node:path';
import ts from 'typescript';
import type { Manifest } from '../packaging/chart/render.ts';

type Kinds = Readonly<Record<string, new (manifest: Manifest) => { validate(): void }>>;

/** Throws for what lacks, or has another type, range or format. Fields that nobody knows it lets pass. */
export async function validateManifest(manifest: Manifest): Promise<void> {
  const kinds = (await import(`kubernetes-models/${manifest.apiVersion}`)) as Kinds;
  const Kind = kinds[manifest.kind];
  if (!Kind) throw new Error(`${manifest.apiVersion} has no ${manifest.kind}`);
  new Kind(manifest).validate();
}

/** What the compiler minds when each manifest is written down as a value of its type: unknown fields, too. */
export function misfitsOf(manifests: readonly Manifest[]): string[] {
  const file = join(import.meta.dirname, 'manifests-as-types.ts');
  const text = manifests
    .map((manifest, index) => {
      const { apiVersion, kind } = manifest;
      const from = `import type { I${kind} as Type${index} } from 'kubernetes-models/${apiVersion}/${kind}';`;
      return `${from}\nexport const manifest${index}: Type${index} = ${JSON.stringify(manifest)};`;
    })
    .join('\n');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const disk = { fileExists: host.fileExists.bind(host), readFile: host.readFile.bind(host) };
  const source = host.getSourceFile.bind(host);
  host.fileExists = (name) => name === file || disk.fileExists(name);
  host.readFile = (name) => (name === file ? text : disk.readFile(name));
  host.getSourceFile = (name, language, ...rest) =>
    name === file ? ts.createSourceFile(name, text, language) : source(name, language, ...rest);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}
