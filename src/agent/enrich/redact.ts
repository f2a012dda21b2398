/**
 * A command line without what is secret in it. It can only know spellings, and what looks like chance: what
 * neither says so nor looks so stays. So command lines are off unless somebody wants them, and of two
 * readings the one that hides more is taken.
 */

import { basename } from 'node:path';

export const hidden = '***';

/** A name that holds one of these, whatever else: PGPASSWORD, client_secret_post. */
const secretParts =
  /passw(?:or)?d|passphrase|passcode|secret|token|credential|(?:api|access|private|secret|account|shared|signing|encryption|license)[-_.]?key|authorization|connection[-_.]?string/i;
/** A name that has one of these as a word: --pass, db.pass, X-Auth. */
const secretWords: ReadonlySet<string> = new Set(
  'pass passin passout pwd pw auth key sig signature sas cookie bearer pin otp dsn'.split(' '),
);
/** The value of such a name is where the secret lies, or a property of it. */
const harmlessEnds: ReadonlySet<string> = new Set(
  'file path dir folder stdin prompt ttl length policy'.split(' '),
);

function wordsOf(name: string): string[] {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
  return spaced.split(/[-_.]+/).filter((word) => word !== '');
}

function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  if (harmlessEnds.has(words.at(-1) ?? '') || words[0] === 'no') return false;
  return secretParts.test(name) || words.some((word) => secretWords.has(word));
}

/** Short options whose value is secret, by the program that has them: behind the option, or in the same word. */
const secretOptions: readonly (readonly [programs: string, options: readonly string[]])[] = [
  ['mysql mysqldump mysqladmin mysqlimport mysqlshow mysqlcheck mysqlpump mysqlsh', ['-p']],
  ['mariadb mariadb-dump mariadb-admin mariadb-import mariadb-check', ['-p']],
  ['redis-cli valkey-cli keydb-cli', ['-a']],
  ['sshpass mongo mongosh mongodump mongorestore mongoexport mongoimport cqlsh rabbitmqadmin login', ['-p']],
  ['curl', ['-u', '-U', '-b', '-E', '--user', '--proxy-user', '--cert']],
  ['ldapsearch ldapadd ldapmodify ldapdelete ldapwhoami ldappasswd', ['-w', '-s', '-a']],
  ['sqlcmd bcp ipmitool zip unzip', ['-P']],
  ['snmpget snmpgetnext snmpset snmpwalk snmpbulkwalk snmptrap', ['-c', '-A', '-X']],
  ['smbclient rpcclient smbget net', ['-U']],
  ['7z 7za 7zr 7zz rar unrar', ['-p']],
  ['openssl', ['-k', '-K']],
  ['xfreerdp xfreerdp3', ['/p:']],
];
const optionsOf: ReadonlyMap<string, readonly string[]> = new Map(
  secretOptions.flatMap(([programs, options]) => programs.split(' ').map((of) => [of, options] as const)),
);
/** Of these the value is never in a word of its own: `-p` alone asks for it. */
const attachedOnly = /^(?:mysql|mariadb|7z|rar|unrar)/;

/** Tokens that say what they are; the rest of each is chance. */
const knownTokens =
  /\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk[-_]|pk_|rk_|AKIA|ASIA|AIza|ya29\.|hvs\.|hvb\.|dop_v1_|npm_|pypi-|dckr_pat_|shpat_|SG\.|eyJ)[\w.~+/=-]{8,}/g;

/** How often neighbours are of different kinds: words have one, or begin with a capital; chance mixes them. */
function changes(text: string): number {
  const kinds = text.replace(/[a-z]/g, 'a').replace(/[A-Z]/g, 'A').replace(/\d/g, '0');
  return Array.from(kinds).filter((kind, at) => at > 0 && kind !== kinds[at - 1]).length;
}

function looksRandom(text: string): boolean {
  if (/^[0-9a-f-]{32,}$/i.test(text) && /\d/.test(text)) return true;
  const plain = text.replace(/[^A-Za-z0-9]/g, '');
  const [digits, letters] = [/\d/.test(plain), /[A-Za-z]/.test(plain)];
  if (digits && letters && plain === text) return changes(text) >= 4;
  return letters && plain.length >= 20 && changes(plain) >= 0.3 * (plain.length - 1);
}

/** Base 64 has slashes, as paths have: of these chance changes more often than any name. */
function isMixed(text: string): boolean {
  return /[a-z]/.test(text) && /[A-Z]/.test(text) && changes(text) >= 0.45 * (text.length - 1);
}

function withoutTokens(text: string): string {
  return text
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*/g, hidden)
    .replace(knownTokens, hidden)
    .replace(/[A-Za-z0-9+/]{40,}={0,2}/g, (run) => (isMixed(run) ? hidden : run))
    .replace(/[A-Za-z0-9][A-Za-z0-9_+-]{19,}={0,2}/g, (run) => (looksRandom(run) ? hidden : run));
}

/** Repetitions have bounds, so that a long argument takes time with its length only. */
const pairHead = /([A-Za-z][\w.-]{0,100})["']?\s{0,9}[=:](?!\/\/)\s{0,9}/g;
const pairValue = /"[^"]*"|'[^']*'|(?:(?:Basic|Bearer|Digest|Negotiate|Token)\s+)?[^\s&;,]*[^\s&;,"']/y;
/** What was hidden before, with brackets that close behind it. */
const isHidden = /^\*{3}[)}\]]*$/;

/** Of `"Name: value"`, quoted as a whole: all of the value. */
function quotedRest(text: string, { at, head }: { at: number; head: string }): string | undefined {
  const quote = text[at - 1];
  if ((quote !== '"' && quote !== "'") || /["']/.test(head)) return undefined;
  const rest = text.slice(at + head.length);
  const end = rest.indexOf(quote);
  return end > 0 ? rest.slice(0, end) : undefined;
}

/** The value of one that is not secret may be pairs again. */
function withoutSecretPairs(text: string): string {
  let [result, done] = ['', 0];
  for (const { 0: head, 1: name = '', index } of text.matchAll(pairHead)) {
    const from = index + head.length;
    if (index < done || !isSecretName(name)) continue;
    pairValue.lastIndex = from;
    const value = quotedRest(text, { at: index, head }) ?? pairValue.exec(text)?.[0];
    if (value === undefined || isHidden.test(value)) continue;
    result += text.slice(done, from) + hidden;
    done = from + value.length;
  }
  return result + text.slice(done);
}

/** What may stand anywhere in a text: addresses with a password, and pairs such as those of a query. */
function withoutPairs(text: string): string {
  return withoutSecretPairs(
    text
      .replace(/([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:@/?#]{0,256}):\S+@/gi, `$1:${hidden}@`)
      .replace(/(https?:\/\/)[^\s:@/?#]+@/gi, `$1${hidden}@`)
      .replace(
        /(^|[\s"'=])([\w.+-]+):(?:[^\s@/]+@(?=[\w([])|(?!\/\/)\S+@(?=(?:tcp|unix)\())/g,
        `$1$2:${hidden}@`,
      ),
  );
}

interface Words {
  /** The newest that is a program with options of its own. */
  program: string;
  /** The word before is an option whose value is secret. */
  follows: boolean;
}

/** `-x` or `--long`: no value, though one is awaited. */
const anotherOption = /^(?:-[A-Za-z]|--[a-z][a-z0-9-]*(?:=.*)?)$/;

/** `--name=…`, `NAME=…`, `/name:…`, `Name: …`: all behind it, whatever it holds. */
function withoutValue(text: string): string | undefined {
  const [, head, name = ''] = /^((?:--?|\/)?([A-Za-z][\w.-]*)(?:=|:(?!\/\/)\s*))./s.exec(text) ?? [];
  return head !== undefined && isSecretName(name) ? `${head}${hidden}` : undefined;
}

function redactWord(word: string, state: Words): string {
  const awaited = state.follows && !anotherOption.test(word);
  state.follows = false;
  if (awaited) return hidden;
  const named = withoutValue(word);
  if (named !== undefined) return named;
  const program = basename(word);
  if (optionsOf.has(program)) state.program = program;
  const option = optionsOf.get(state.program)?.find((of) => isOption(word, of));
  if (option !== undefined && word !== option) return `${option}${word.startsWith('--') ? '=' : ''}${hidden}`;
  state.follows = option === undefined ? isFlagOfSecret(word) : !attachedOnly.test(state.program);
  return withoutTokens(withoutPairs(word));
}

/** A long one stands alone or has its value behind a `=`, a short one may have it in the same word. */
function isOption(word: string, option: string): boolean {
  if (option.startsWith('--')) return word === option || word.startsWith(`${option}=`);
  return word.startsWith(option) && !word.startsWith('--');
}

function isFlagOfSecret(word: string): boolean {
  const name = /^--?([A-Za-z][\w.-]+)$/.exec(word)?.[1];
  return name !== undefined && isSecretName(name);
}

/** Quoted parts, as far as quotes are closed, belong to one word. */
const shellWord = /(?:[^\s"']|"[^"]*"|'[^']*')+(?=\s|$)|\S+/g;

/** An argument with blanks is looked at as a whole, and then as the words of a command in a shell. */
function redactArgument(argument: string, state: Words): string {
  if (!/\s/.test(argument) || state.follows) return redactWord(argument, state);
  const inner: Words = { program: state.program, follows: false };
  const asWords = (text: string) => text.replace(shellWord, (word) => redactWord(word, inner));
  return withoutValue(argument) ?? asWords(withoutTokens(withoutPairs(argument)));
}

function quoted(argument: string): string {
  return /^[^\s"'\\$`]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

/** One line, as a shell would take it; secrets are `***`. */
export function redacted(argv: readonly string[]): string {
  const state: Words = { program: '', follows: false };
  // A process that writes its own title leaves one text.
  if (argv.length === 1) return redactArgument(argv[0] ?? '', state);
  return argv.map((argument) => quoted(redactArgument(argument, state))).join(' ');
}
