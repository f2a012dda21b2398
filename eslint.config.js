/**
 * Lint says what types and control flow can show; test/tidy.test.ts has the rules that need the whole tree.
 * Every rule that is changed here has its reason beside it.
 */
import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Files where talking on the console is the job.
const scriptFiles = ['lab/**', 'bench/**', 'scripts/**', 'packaging/**', 'test/**'];
const consoleFiles = ['src/cli/**', ...scriptFiles, '**/*.test.ts'];

export default defineConfig(
  { ignores: ['build/', 'node_modules/', '**/dist/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { files: ['**/*.js'], extends: [eslint.configs.recommended] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [
      eslint.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // House rule 12: functions and readonly data.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: 'ExportDefaultDeclaration',
          message: 'Export by name; only tools want a default export.',
        },
        { selector: 'TSEnumDeclaration', message: 'Use a const array and a union type.' },
        { selector: 'TSModuleDeclaration[kind="namespace"]', message: 'Use a module.' },
        { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that has it.' },
        {
          selector: 'ImportDeclaration[source.value=/^\\..*\\.jsx?$/]',
          message: 'Import the .ts file: nothing is compiled.',
        },
        {
          selector: 'CatchClause > BlockStatement[body.length=0]',
          message: 'No empty catch: handle, name or rethrow.',
        },
      ],
      'no-console': 'error',
      eqeqeq: 'error',

      // House rule 13: small. Comments and blank lines are free.
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      complexity: ['error', { max: 15 }],
      'max-depth': ['error', 4],
      'max-params': ['error', 4],

      // Numbers are exact in a template; anything else must say how it is written.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `while (true)` and `for (;;)` are how a loop that ends by return is written.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // An async function without await is often an interface that others await.
      '@typescript-eslint/require-await': 'off',
      // `() => stream.end()` is clear.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // Text from the network is escaped: patterns with control characters are the point.
      'no-control-regex': 'off',
      // `type` and `interface` say the same of a shape.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // A Map's type on the left or the right reads the same.
      '@typescript-eslint/consistent-generic-constructors': 'off',
      // process.env['X'] and record['x'] are the same thing to a reader.
      '@typescript-eslint/dot-notation': 'off',
      // `??` everywhere would change what an empty string does; `||` on strings is on purpose.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
    },
  },
  // zod says what a schema makes better than a person could; a typed table gives its functions their types.
  {
    files: ['**/schema.ts', '**/config.ts', 'lab/demo.ts'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  { files: consoleFiles, rules: { 'no-console': 'off' } },
  {
    // Read by those who write them, and bounded by their own runs.
    files: ['lab/**', 'test/**', 'bench/**', '**/*.test.ts'],
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
    },
  },
  {
    files: ['**/*.test.ts', 'test/**', 'lab/scenarios/**'],
    rules: {
      // A describe() is a list of cases.
      'max-lines-per-function': 'off',
      // node:test's test() returns a promise that the runner itself awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['describe', 'it', 'suite', 'test'] },
          ],
        },
      ],
      // A test that indexes wrongly fails by itself.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['**/vite.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
