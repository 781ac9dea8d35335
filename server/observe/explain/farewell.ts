/** What the client itself says of its end, beside what this server makes of it. */
import type { AttemptFacts, Explanation, Farewell } from './facts.ts';
import { formatRasError } from './ras-errors.ts';

/** In a sentence; the record has the whole. */
const MOST_WORDS = 240;
/** Which protocol's end says most of why. CCP's does not: Windows goes on without it. */
const BY_WEIGHT = ['IPCP', 'LCP', 'IPv6CP'] as const;
/** A client that has IPv4 may do without IPv6 for as long as it likes. */
const BY_WEIGHT_WITH_IPV4 = ['IPCP', 'LCP'] as const;

const HANG_UPS: readonly AttemptFacts['reason'][] = [
  'closed-by-peer',
  'disconnected-by-peer',
  'aborted-by-peer',
  'reset-by-peer',
];

/** The client has left without a word of PPP. */
function isHangUp(reason: AttemptFacts['reason']): boolean {
  return HANG_UPS.includes(reason);
}

/** The client has left, in order or not. */
export function isGone({ reason }: AttemptFacts): boolean {
  return reason === 'terminated-by-peer' || isHangUp(reason);
}

/** The error that Windows ended its protocols with; undefined if it did not, or without an error. */
export function clientError(facts: AttemptFacts): number | undefined {
  return farewellsOf(facts)
    .map(({ rasError }) => rasError)
    .find((error) => error !== undefined && error !== 0);
}

function farewellsOf({ farewells, hadIpv4 }: AttemptFacts): Farewell[] {
  const protocols = hadIpv4 ? BY_WEIGHT_WITH_IPV4 : BY_WEIGHT;
  return protocols.flatMap((protocol) => farewells[protocol] ?? []);
}

/** A client that says why it leaves knows best: its error is what its user saw, its words follow ours. */
export function withFarewell(explanation: Explanation, facts: AttemptFacts): Explanation {
  if (!isGone(facts) && facts.fault === undefined) return explanation;
  const error = clientError(facts);
  if (error !== undefined)
    return { ...add(explanation, `the client's error is ${formatRasError(error)}`), code: String(error) };
  const words = clientWords(facts);
  return words === undefined ? explanation : add(explanation, `the client said ${cut(words)}`);
}

/** What a client that is not Windows gives as its reason. */
export function clientWords(facts: AttemptFacts): string | undefined {
  return farewellsOf(facts).find(({ rasError, words }) => rasError === undefined && words !== undefined)?.words;
}

function add(explanation: Explanation, clause: string): Explanation {
  return { ...explanation, text: `${explanation.text.replace(/\.$/, '')}; ${clause}.` };
}

function cut(words: string): string {
  return words.length <= MOST_WORDS ? words : `${words.slice(0, MOST_WORDS)}…`;
}
