/**
 * The house rules. Each is a function from the tree to what is wrong with it (test/tidy/), and is first shown
 * something bad and something good: a check that cannot fail is not one.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as documents from './tidy/documents.ts';
import * as imports from './tidy/imports.ts';
import * as kernel from './tidy/kernel.ts';
import * as page from './tidy/page.ts';
import * as questions from './tidy/questions.ts';
import * as syntax from './tidy/syntax.ts';
import * as text from './tidy/text.ts';
import { readTree } from './tidy/tree.ts';
import type { Rule } from './tidy/tree.ts';

// A finding says where it is; where it was found says nothing.
Error.stackTraceLimit = 0;

const tree = readTree(join(import.meta.dirname, '..'));

/** Path to text. Each bad one has exactly one fault; the good one has none. */
type Fixture = Readonly<Record<string, string>>;

interface Shown {
  readonly bad: readonly Fixture[];
  readonly good: Fixture;
}

function judge(rule: Rule, fixture: Fixture): readonly string[] {
  return rule(Object.entries(fixture).map(([path, content]) => ({ path, text: content })));
}

function houseRule(name: string, rule: Rule, { bad, good }: Shown): void {
  test(name, () => {
    for (const fixture of bad) assert.equal(judge(rule, fixture).length, 1, JSON.stringify(fixture));
    assert.deepEqual(judge(rule, good), []);
    const findings = rule(tree);
    if (findings.length > 0) throw new Error(`\n${findings.join('\n')}`);
  });
}

describe('imports', () => {
  houseRule('stages never import each other; only main.ts and its twin join them', imports.keepsBorders, {
    bad: [
      { 'src/agent/drain/a.ts': "import { b } from '../window/b.ts';" },
      { 'src/agent/drain/a.ts': "import type { B } from '../window/b.ts';" },
      { 'src/agent/drain/a.ts': "const b = await import('../window/b.ts');" },
      { 'src/agent/drain/a.ts': "export { b } from '../config.ts';" },
      { 'src/agent/config.ts': "import { b } from './drain/ring.ts';" },
      { 'src/agent/control.ts': "import { b } from './drain/ring.ts';" },
      { 'src/agent/main.ts': "import { b } from '../hub/main.ts';" },
      { 'src/agent/drain/a.ts': "import { b } from '../../../lab/stage.ts';" },
      { 'src/hub/ask/a.ts': "import { b } from '../store/b.ts';" },
      { 'src/model/flow.ts': "import { b } from '../lib/clock.ts';" },
      { 'src/lib/ring.ts': "import { b } from '../model/flow.ts';" },
      { 'src/question/contract.ts': "import { b } from '../hub/ask/b.ts';" },
      { 'src/cli/commands/top.ts': "import { b } from './trace.ts';" },
      { 'questions/timeouts/detect.ts': "import { b } from '../reset-bursts/detect.ts';" },
      { 'web/src/page.tsx': "import { b } from '../../src/hub/ask/b.ts';" },
    ],
    good: {
      'src/agent/main.ts': "import { a } from './drain/a.ts'; import { b } from './window/b.ts';",
      'src/agent/agent.ts': "import { a } from './drain/a.ts'; import { b } from './window/b.ts';",
      'src/agent/config.ts':
        "import { a } from './drain/config.ts'; import { b } from './deliver/exporters/otlp.ts';",
      'src/agent/check/main.ts': "import { a } from '../drain/a.ts';",
      'src/agent/drain/a.ts':
        "import { b } from './c/b.ts'; import { c } from '../../model/flow.ts'; import 'zod';",
      'src/agent/drain/a.root.test.ts':
        "import { b } from './a.ts'; import { c } from '../../../lab/stage.ts';",
      'src/lib/ring.ts': "import { clock } from './clock.ts'; import { ok } from 'node:assert';",
      'src/cli/commands/up.ts':
        "import { a } from '../../agent/main.ts'; import { b } from '../terminal.ts';",
      'src/cli/commands/up.test.ts': "import { up } from './up.ts';",
      'src/cli/commands/demo.ts': "import { run } from '../../../lab/run.ts';",
      'questions/timeouts/detect.ts': "import { a } from '../../src/question/contract.ts'; import './b.ts';",
    },
  });

  houseRule('what the agent loads is free of the hub, the command line and the page', imports.agentIsAlone, {
    bad: [
      { 'src/agent/main.ts': "import '../question/a.ts';", 'src/question/a.ts': "import '../hub/ask/b.ts';" },
      { 'src/agent/main.ts': "import '../../web/a.ts';" },
    ],
    good: { 'src/agent/main.ts': "import '../lib/a.ts';", 'src/hub/main.ts': "import '../agent/main.ts';" },
  });

  houseRule('no import cycles', imports.hasNoCycles, {
    bad: [
      { 'a.ts': "import './b.ts';", 'b.ts': "import './c.ts';", 'c.ts': "import type { A } from './a.ts';" },
      { 'a.ts': "import './a.ts';" },
    ],
    good: { 'a.ts': "import './b.ts'; import './c.ts';", 'b.ts': "import './c.ts';", 'c.ts': '' },
  });

  houseRule('imports name files that are there', imports.importsResolve, {
    bad: [{ 'src/a.ts': "import './b.ts';" }, { 'src/a.ts': "import './b';", 'src/b.ts': '' }],
    good: { 'src/a.ts': "import '../lib/b.ts'; import 'zod';", 'lib/b.ts': '// import "./none.ts"' },
  });
});

describe('names and sizes', () => {
  houseRule('no vague names, no barrels', text.namesSayWhat, {
    bad: [
      { 'src/utils/a.ts': '', 'src/utils/b.ts': '' },
      { 'src/agent/helpers.ts': '' },
      { 'bpf/include/common.h': '' },
      { 'src/misc.test.ts': '' },
      { 'src/agent/index.ts': '' },
    ],
    good: { 'src/agent/sharing.ts': '', 'web/index.html': '', 'docs/index.md': '' },
  });

  houseRule('files are at most 400 lines, main.ts at most 120', text.filesAreSmall, {
    bad: [
      { 'src/a.ts': 'x\n'.repeat(401) },
      { 'scripts/setup': `#!/bin/sh\n${'x\n'.repeat(400)}` },
      { 'src/agent/main.ts': 'x\n'.repeat(121) },
    ],
    good: {
      'src/a.ts': 'x\n'.repeat(400),
      'src/hub/main.ts': 'x\n'.repeat(120),
      'docs/a.md': 'x\n'.repeat(900),
    },
  });

  houseRule('lines are at most 110 columns', text.linesAreShort, {
    bad: [{ 'src/a.ts': `ok\n${'x'.repeat(111)}\n` }, { 'bpf/a.h': `\t${'x'.repeat(103)}\n` }],
    good: {
      'src/a.sql': 'x'.repeat(110),
      'src/b.ts': '✔'.repeat(110),
      'src/c.ts': `say(\n  '${'x'.repeat(150)}',\n);`,
      'docs/a.md': 'x'.repeat(200),
    },
  });

  houseRule('units come last in names', syntax.unitsComeLast, {
    bad: [
      { 'src/a.ts': 'const msLatency = 1;' },
      { 'src/a.ts': 'interface A { readonly nsUptime: bigint }' },
      { 'src/a.ts': 'function wait(secondsMax: number) {}' },
    ],
    good: { 'src/a.ts': 'const latencyMs = 1; const bytesSent = 2; const nsPerMs = 3; use(other.msOdd);' },
  });
});

describe('questions', () => {
  const sample = { 'questions/slow-app/manifest.yaml': '' };
  houseRule('nothing outside its folder names a question', questions.questionsAreNotNamed, {
    bad: [
      { ...sample, 'src/hub/ask/a.ts': "if (id === 'slow-app') go();" },
      { ...sample, 'web/src/a.tsx': 'fetch(`/api/v1/questions/slow-app?since=1h`);' },
      { ...sample, 'src/cli/a.ts': "say('see sonde ask slow-app');" },
      { 'questions/connections/manifest.yaml': '', 'src/cli/a.ts': "say('sonde ask connections --new');" },
    ],
    good: {
      ...sample,
      'questions/connections/manifest.yaml': '',
      'questions/slow-app/README.md': 'sonde ask slow-app',
      'src/hub/ask/a.ts': "const a = 'slow-apps'; // a slow-app",
      'src/hub/ask/a.test.ts': "ask('slow-app');",
      'src/agent/config.ts': "const profiles = ['connections'];",
      'docs/a.md': 'sonde ask slow-app',
    },
  });
});

describe('text', () => {
  houseRule('nothing is left for later', text.leavesNothingForLater, {
    bad: [{ 'src/a.ts': '// TODO: later' }, { 'docs/a.md': 'FIXME' }],
    good: { 'scripts/a.sh': 'mktemp /tmp/sonde.XXXXXX', 'src/a.ts': "const todo = 'TODOs';" },
  });

  houseRule('merges are finished', text.hasNoMergeMarkers, {
    bad: [{ 'src/a.ts': '<<<<<<< HEAD' }, { 'docs/a.md': 'a\n>>>>>>> other' }],
    good: { 'docs/a.md': 'Title\n=======\n>> quoted', 'src/a.c': 'x = a <<<<<<< b' },
  });

  houseRule('facts are stated once', text.statesFactsOnce, {
    bad: [{ 'src/a.ts': '// Keep in sync with a.h' }, { 'bpf/a.h': '/* keep this in sync */' }],
    good: { 'src/a.ts': '// synced by the kernel' },
  });

  // Put together, so that this file names none either.
  const [work, root] = ['work', 'root'].map((name) => `/${name}`) as [string, string];
  houseRule('no path of one machine', text.namesNoMachine, {
    bad: [
      { 'docs/a.md': `see ${work}/a` },
      { 'src/a.ts': `const home = '${root}/a';` },
      { 'scripts/a': '#!/bin/sh\ncd /farm\n' },
    ],
    good: {
      'src/a.ts': `import '..${work}/a.ts'; const a = '${work}loads'; const home = '${root}';`,
      'src/b.ts': `fetch(\`\${base}${work}\`);`,
    },
  });

  houseRule('the lock names no registry host', text.lockNamesNoHost, {
    bad: [{ 'package-lock.json': '      "resolved": "https://registry.example/a.tgz",' }],
    good: { 'package-lock.json': '      "integrity": "sha512-x",' },
  });

  houseRule('texts end their last line', text.everyTextEndsItsLastLine, {
    bad: [{ 'src/a.ts': 'x' }],
    good: { 'src/a.ts': 'x\n', 'docs/a.png': 'x' },
  });
});

describe('TypeScript', () => {
  houseRule('no empty catch', syntax.catchesSomething, {
    bad: [
      { 'src/a.ts': 'try { a(); } catch {}' },
      { 'src/a.ts': 'try { a(); } catch (error) { /* never mind */ }' },
      { 'src/a.ts': 'a().catch(() => {});' },
      { 'native/a.cc': 'try { a(); } catch (...) { }' },
    ],
    good: { 'src/a.ts': 'try { a(); } catch (error) { b(error); }\na().catch((error) => { b(error); });' },
  });

  houseRule('time and chance are given, not taken', syntax.timeAndChanceAreGiven, {
    bad: [
      { 'src/agent/a.ts': 'const now = Date.now();' },
      { 'src/agent/a.test.ts': 'const a = Math.random();' },
      { 'src/agent/a.ts': 'const a = performance.now();' },
      { 'src/agent/a.ts': 'const a = process.hrtime.bigint();' },
      { 'src/agent/a.ts': 'const a = new Date();' },
    ],
    good: {
      'src/lib/clock.ts': 'const now = Date.now();',
      'bench/a.ts': 'const now = performance.now();',
      'src/agent/a.ts': '// not Date.now()\nconst a = new Date(clock.wallMs());',
    },
  });

  houseRule('a class is for what must be closed', syntax.classesAreForClosing, {
    bad: [{ 'src/a.ts': 'class A { close() {} }' }],
    good: {
      'src/a.ts': 'class A { async [Symbol.asyncDispose]() {} }\nclass B extends Error {}',
      'src/b.ts': 'class A { [Symbol.dispose]() {} }',
    },
  });
});

const story = '/* Key: k. Value: v. Inserts: i. Deletes: d. Full: f. */\n';

describe('C', () => {
  houseRule('sources say their licence in the first line', kernel.sourcesSayTheirLicence, {
    bad: [
      { 'bpf/a.bpf.c': '// SPDX-License-Identifier: Apache-2.0\n' },
      { 'bpf/include/a.h': '#pragma once\n' },
      { 'native/a.cc': '\n// SPDX-License-Identifier: Apache-2.0\n' },
      { 'lab/a.c': '// SPDX-License-Identifier: MIT\n' },
    ],
    good: {
      'bpf/include/a.h': '/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */\n',
      'native/a.cc': '// SPDX-License-Identifier: Apache-2.0\n',
    },
  });

  houseRule('the kernel side uses stable hooks and typed reads', kernel.kernelUsesStableHooks, {
    bad: [
      { 'bpf/a.bpf.c': 'bpf_probe_read_kernel(&a, sizeof(a), b);' },
      { 'bpf/a.bpf.c': 'int a = BPF_CORE_READ(sk, a);' },
      { 'bpf/a.bpf.c': 'SEC("kprobe/tcp_connect")' },
      { 'bpf/include/a.h': 'SEC("fentry/tcp_connect")' },
    ],
    good: {
      'bpf/a.bpf.c':
        '#include <bpf/bpf_core_read.h>\n// no kprobe\n/* nor\n bpf_probe_read */ SEC("tp_btf/tcp_x")',
    },
  });

  houseRule('every map tells its life: Key, Value, Inserts, Deletes, Full', kernel.mapsTellTheirLife, {
    bad: [
      { 'bpf/a.bpf.c': 'struct {\n int x;\n} flows SEC(".maps");' },
      { 'bpf/a.bpf.c': `${story.replace('Full', 'else')}struct { int x; } flows SEC(".maps");` },
      { 'bpf/a.bpf.c': `${story}struct { int x; } a SEC(".maps");\nstruct { int x; } b SEC(".maps");` },
      { 'bpf/a.bpf.c': `${story}int f(void)\n{\n}\nstruct flow_map b SEC(".maps");` },
    ],
    good: {
      'bpf/a.bpf.c': `int f(void) { }\n${story}struct {\n struct { int x; } y; /* { */\n} a SEC(".maps");`,
      'bpf/b.bpf.c': '// Key, Value\n// Inserts, Deletes, Full\nstruct outer {\n int x;\n} a SEC(".maps");',
      'bpf/c.bpf.c': `${story}struct flow_map a SEC(".maps");`,
      'bpf/d.bpf.c': `${story}struct { int x; } a SEC(".maps") __weak, b SEC(".maps") __weak;`,
    },
  });
});

describe('the page', () => {
  houseRule('text is never markup or code', page.textIsNeverMarkup, {
    bad: [
      { 'web/a.tsx': '<p dangerouslySetInnerHTML={{ __html: name }} />' },
      { 'web/show/a.ts': 'cell.innerHTML = name;' },
      { 'web/a.ts': 'eval (text);' },
      { 'web/a.tsx': "<a href={'javascript:' + name}>" },
    ],
    good: { 'web/a.tsx': '<p>{name}</p>', 'src/a.ts': "say('innerHTML');", 'web/b.ts': 'medieval(text);' },
  });

  houseRule('nothing is inline in its HTML', page.nothingIsInline, {
    bad: [
      { 'web/index.html': '<p style="color: red">' },
      { 'web/index.html': '<script>go()</script>' },
      { 'web/index.html': '<body onload="go()">' },
    ],
    good: { 'web/index.html': '<script type="module" src="/main.tsx"></script>' },
  });
});

describe('papers', () => {
  houseRule('links lead somewhere', documents.linksLeadSomewhere, {
    bad: [
      { 'docs/a.md': 'see [b](b.md)' },
      { 'docs/a.md': 'see [b](../src/none.ts#L1)' },
      { 'docs/a.md': '[b]: none.md\n' },
    ],
    good: {
      'docs/a.md': '[b](b.md#part) [c](../src) [d](https://example.org/x) [e](#here) `[f](none.md)`',
      'docs/b.md': '```\n[a](none.md)\n```\n[root](/docs/a.md)',
      'src/a.ts': '',
    },
  });

  houseRule('every runtime dependency has a decision', documents.dependenciesWereChosen, {
    bad: [
      { 'package.json': '{"dependencies": {"left-pad": "1.0.0"}}' },
      { 'package.json': '{"optionalDependencies": {"a": "1"}}', 'docs/internals/decisions/0001-a.md': 'a' },
    ],
    good: {
      'package.json': '{"dependencies": {"zod": "1.0.0"}, "devDependencies": {"eslint": "1"}}',
      'docs/internals/decisions/0001-schemas.md': '`zod`: why',
    },
  });

  houseRule('decisions and change fragments are named NNNN-title.md', documents.papersAreNumbered, {
    bad: [
      { 'docs/internals/decisions/toolchain.md': '' },
      { 'docs/internals/decisions/0001-a.md': '', 'docs/internals/decisions/0001-b.md': '' },
      { '.changes/first.md': '' },
    ],
    good: {
      'docs/internals/decisions/README.md': '',
      'docs/internals/decisions/0001-a.md': '',
      '.changes/0001-a.md': '',
      '.changes/0001-b.md': '',
    },
  });
});
