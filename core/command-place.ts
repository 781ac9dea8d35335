/** Commands in texts for the operator, said so that they work as they are printed. */
import type { Finding } from './finding.ts';
import type { LogFields } from './log.ts';
import { shellWord } from './quoted-text.ts';

/** Where commands look without `--data`. */
export const USUAL_DATA = '/var/lib/sstpd';

/** Each command that takes `--data`, with the commands below it. */
export const COMMANDS_WITH_DATA: Readonly<Record<string, readonly string[]>> = {
  serve: [],
  user: ['add', 'set', 'list', 'passwd', 'disable', 'enable', 'remove'],
  admin: ['add', 'list', 'passwd', 'remove'],
  token: ['list', 'add', 'remove'],
  ca: ['show', 'renew', 'issue'],
  profile: [],
  sessions: ['kill'],
  throttle: ['list', 'lift'],
  explain: [],
  doctor: [],
  metrics: [],
  config: [],
};

const WORDS = Object.entries(COMMANDS_WITH_DATA)
  .map(([command, below]) => {
    const words = ` (?:${below.join('|')})\\b`;
    return below.length === 0 ? command : `${command}(?:${words}|(?!${words}))`;
  })
  .join('|');
/** A word that a shell would take whole, as the name of a user, or a command that says its place already, stays as it is. */
const QUOTED_OR_COMMAND = new RegExp(
  `(?<=[ =])'(?:[^']|'\\\\'')*'(?=[ .,;:)]|$)|\\bsstpd (?:${WORDS})(?![\\w-])(?! --data\\b)`,
  'g',
);

/**
 * Texts name commands as if there were no other data directory than the usual one: `sstpd ca issue`, in whichever layer
 * they come from. Where they reach the operator, each command gets the directory that they are about.
 *
 * @param data the data directory
 */
export function placeCommands(text: string, data: string): string {
  if (data === USUAL_DATA || !text.includes('sstpd ')) return text;
  return text.replace(QUOTED_OR_COMMAND, (match) => (match.startsWith("'") ? match : `${match}${placeWords(data)}`));
}

/** ` --data DIR`, or nothing for the usual one. */
export function placeWords(data: string): string {
  return data === USUAL_DATA ? '' : ` --data ${shellWord(data)}`;
}

export function placeFinding(finding: Finding, data: string): Finding {
  return { ...finding, text: placeCommands(finding.text, data), ...placedFix(finding, data) };
}

/** Of an attempt. */
interface Explained {
  readonly explanation?: { readonly fix: string | undefined } | undefined;
}

/** What mends it alone: the sentence before has words of the peer. */
export function placeExplanation<Attempt extends Explained>(attempt: Attempt, data: string): Attempt {
  const { explanation } = attempt;
  if (explanation === undefined) return attempt;
  return { ...attempt, explanation: { ...explanation, ...placedFix(explanation, data) } };
}

function placedFix({ fix }: { readonly fix?: string | undefined }, data: string): { fix?: string } {
  return fix === undefined ? {} : { fix: placeCommands(fix, data) };
}

/** Fields of a log line in which we say what mends something. */
const REMEDIES: ReadonlySet<string> = new Set(['fix', 'mend', 'text', 'remark', 'warning', 'error']);

export function placeFields(fields: LogFields, data: string): LogFields {
  if (data === USUAL_DATA) return fields;
  const placed = Object.entries(fields).map(([name, value]) => [
    name,
    REMEDIES.has(name) && typeof value === 'string' ? placeCommands(value, data) : value,
  ]);
  return Object.fromEntries(placed) as LogFields;
}
