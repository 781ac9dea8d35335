/** The Option Negotiation Automaton that LCP, IPCP and IPv6CP share: the table of RFC 1661 §4.1 and nothing else. */

/** The states in the RFC's order: the index is the RFC's number. */
export const AUTOMATON_STATES = [
  'Initial',
  'Starting',
  'Closed',
  'Stopped',
  'Closing',
  'Stopping',
  'Req-Sent',
  'Ack-Rcvd',
  'Ack-Sent',
  'Opened',
] as const;

export type AutomatonState = (typeof AUTOMATON_STATES)[number];

export const AUTOMATON_EVENTS = [
  'Up',
  'Down',
  'Open',
  'Close',
  'TO+',
  'TO-',
  'RCR+',
  'RCR-',
  'RCA',
  'RCN',
  'RTR',
  'RTA',
  'RUC',
  'RXJ+',
  'RXJ-',
  'RXR',
] as const;

export type AutomatonEvent = (typeof AUTOMATON_EVENTS)[number];

const ACTIONS = ['tlu', 'tld', 'tls', 'tlf', 'irc', 'zrc', 'scr', 'sca', 'scn', 'str', 'sta', 'scj', 'ser'] as const;

export type AutomatonAction = (typeof ACTIONS)[number];

export interface Transition {
  readonly actions: readonly AutomatonAction[];
  readonly next: AutomatonState;
}

type StateNumber = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type Cell = '-' | `${'' | `${string}/`}${StateNumber}${'' | 'p' | 'r' | 'x'}`;
type Row = readonly [Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell, Cell];

/**
 * RFC 1661 §4.1, cell by cell: actions, "/", next state, footnote letter; "-" is an illegal transition.
 * The options behind the footnotes (p: passive, r: restart) are not taken; x is for the log of the reader only.
 */
// biome-ignore format: a reader lays this beside the RFC's page
const TABLE: Readonly<Record<AutomatonEvent, Row>> = {
  //        Initial  Starting     Closed       Stopped          Closing  Stopping Req-Sent     Ack-Rcvd     Ack-Sent     Opened
  'Up':    ['2',     'irc,scr/6', '-',         '-',             '-',     '-',     '-',         '-',         '-',         '-'],
  'Down':  ['-',     '-',         '0',         'tls/1',         '0',     '1',     '1',         '1',         '1',         'tld/1'],
  'Open':  ['tls/1', '1',         'irc,scr/6', '3r',            '5r',    '5r',    '6',         '7',         '8',         '9r'],
  'Close': ['0',     'tlf/0',     '2',         '2',             '4',     '4',     'irc,str/4', 'irc,str/4', 'irc,str/4', 'tld,irc,str/4'],

  'TO+':   ['-',     '-',         '-',         '-',             'str/4', 'str/5', 'scr/6',     'scr/6',     'scr/8',     '-'],
  'TO-':   ['-',     '-',         '-',         '-',             'tlf/2', 'tlf/3', 'tlf/3p',    'tlf/3p',    'tlf/3p',    '-'],

  'RCR+':  ['-',     '-',         'sta/2',     'irc,scr,sca/8', '4',     '5',     'sca/8',     'sca,tlu/9', 'sca/8',     'tld,scr,sca/8'],
  'RCR-':  ['-',     '-',         'sta/2',     'irc,scr,scn/6', '4',     '5',     'scn/6',     'scn/7',     'scn/6',     'tld,scr,scn/6'],
  'RCA':   ['-',     '-',         'sta/2',     'sta/3',         '4',     '5',     'irc/7',     'scr/6x',    'irc,tlu/9', 'tld,scr/6x'],
  'RCN':   ['-',     '-',         'sta/2',     'sta/3',         '4',     '5',     'irc,scr/6', 'scr/6x',    'irc,scr/8', 'tld,scr/6x'],

  'RTR':   ['-',     '-',         'sta/2',     'sta/3',         'sta/4', 'sta/5', 'sta/6',     'sta/6',     'sta/6',     'tld,zrc,sta/5'],
  'RTA':   ['-',     '-',         '2',         '3',             'tlf/2', 'tlf/3', '6',         '6',         '8',         'tld,scr/6'],

  'RUC':   ['-',     '-',         'scj/2',     'scj/3',         'scj/4', 'scj/5', 'scj/6',     'scj/7',     'scj/8',     'scj/9'],
  'RXJ+':  ['-',     '-',         '2',         '3',             '4',     '5',     '6',         '6',         '8',         '9'],
  'RXJ-':  ['-',     '-',         'tlf/2',     'tlf/3',         'tlf/2', 'tlf/3', 'tlf/3',     'tlf/3',     'tlf/3',     'tld,irc,str/5'],

  'RXR':   ['-',     '-',         '2',         '3',             '4',     '5',     '6',         '7',         '8',         'ser/9'],
};

/** @returns what to do and where to go, or undefined where the table has "-": the event is passed over. */
export function transition(state: AutomatonState, event: AutomatonEvent): Transition | undefined {
  return TRANSITIONS[event][AUTOMATON_STATES.indexOf(state)];
}

const TRANSITIONS = Object.fromEntries(
  AUTOMATON_EVENTS.map((event) => [event, TABLE[event].map(parseCell)]),
) as unknown as Readonly<Record<AutomatonEvent, readonly (Transition | undefined)[]>>;

function parseCell(cell: Cell): Transition | undefined {
  if (cell === '-') return undefined;
  const [, names = '', state] = /^(?:([a-z,]+)\/)?(\d)[prx]?$/.exec(cell) ?? [];
  const next = AUTOMATON_STATES[Number(state)];
  const actions = names === '' ? [] : names.split(',');
  if (next === undefined || !actions.every(isAction)) throw new TypeError(`malformed cell ${cell}`);
  return { actions, next };
}

function isAction(name: string): name is AutomatonAction {
  return (ACTIONS as readonly string[]).includes(name);
}
