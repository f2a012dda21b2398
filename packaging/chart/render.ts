/** What the chart of deploy/helm/sonde becomes, as `helm template sonde --namespace sonde` would show it. */

import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { renderTemplates } from './template.ts';

type Values = Readonly<Record<string, unknown>>;

export const chartFolder = join(import.meta.dirname, '../../deploy/helm/sonde');

/** Helm reads YAML 1.1. */
function readYaml(file: string): Values {
  return parse(readFileSync(join(chartFolder, file), 'utf8'), { version: '1.1' }) as Values;
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As Helm lays what is given over the chart's own values: maps are joined, all else is replaced. */
function joined(under: Values, over: Values): Values {
  const entries = Object.entries(over).map(([key, value]) => {
    const below = under[key];
    return [key, isMap(below) && isMap(value) ? joined(below, value) : value] as const;
  });
  return { ...under, ...Object.fromEntries(entries) };
}

export function chartValues(over: Values = {}): Values {
  return joined(readYaml('values.yaml'), over);
}

export function chartTemplates(): ReadonlyMap<string, string> {
  const paths = globSync(join(chartFolder, 'templates/*')).sort();
  return new Map(paths.map((path) => [basename(path), readFileSync(path, 'utf8')]));
}

/** File to text; files that come out empty are left out. */
export function renderChart(over: Values = {}): ReadonlyMap<string, string> {
  const { name, version, appVersion } = readYaml('Chart.yaml');
  const context = {
    Values: chartValues(over),
    Release: { Name: 'sonde', Namespace: 'sonde', Service: 'Helm' },
    Chart: { Name: name, Version: version, AppVersion: appVersion },
  };
  const all = [...renderTemplates(chartTemplates(), context)];
  return new Map(
    all
      .filter(([file, text]) => !file.startsWith('_') && text.trim() !== '')
      .map(([file, text]) => [file, text.trim()]),
  );
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [key: string]: unknown;
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => {
    const [error] = document.errors;
    if (error) throw error;
    return document.toJS() as Manifest;
  });
}

/** deploy/helm/rendered/defaults.yaml. */
export function renderDefaults(): string {
  const parts = [...renderChart()].filter(([file]) => file.endsWith('.yaml'));
  const texts = parts.map(([file, text]) => `---\n# sonde/templates/${file}\n${text}\n`);
  return `# Made from the chart with its own values by \`npm run docs\`.\n${texts.join('')}`;
}
