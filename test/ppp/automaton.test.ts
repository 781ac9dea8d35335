import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUTOMATON_EVENTS, AUTOMATON_STATES, type Transition, transition } from '../../ppp/automaton.ts';

/** RFC 1661 §4.1 as the page has it, in its two halves. */
const RFC_TABLE = [
  `
        0         1         2         3         4         5
 Up   |    2     irc,scr/6     -         -         -         -
 Down |    -         -         0       tls/1       0         1
 Open |  tls/1       1     irc,scr/6     3r        5r        5r
 Close|    0       tlf/0       2         2         4         4
  TO+ |    -         -         -         -       str/4     str/5
  TO- |    -         -         -         -       tlf/2     tlf/3
 RCR+ |    -         -       sta/2 irc,scr,sca/8   4         5
 RCR- |    -         -       sta/2 irc,scr,scn/6   4         5
 RCA  |    -         -       sta/2     sta/3       4         5
 RCN  |    -         -       sta/2     sta/3       4         5
 RTR  |    -         -       sta/2     sta/3     sta/4     sta/5
 RTA  |    -         -         2         3       tlf/2     tlf/3
 RUC  |    -         -       scj/2     scj/3     scj/4     scj/5
 RXJ+ |    -         -         2         3         4         5
 RXJ- |    -         -       tlf/2     tlf/3     tlf/2     tlf/3
 RXR  |    -         -         2         3         4         5
`,
  `
        6         7         8           9
 Up   |    -         -         -           -
 Down |    1         1         1         tld/1
 Open |    6         7         8           9r
 Close|irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
  TO+ |  scr/6     scr/6     scr/8         -
  TO- | tlf/3p    tlf/3p    tlf/3p         -
 RCR+ |  sca/8   sca,tlu/9   sca/8   tld,scr,sca/8
 RCR- |  scn/6     scn/7     scn/6   tld,scr,scn/6
 RCA  |  irc/7     scr/6x  irc,tlu/9   tld,scr/6x
 RCN  |irc,scr/6   scr/6x  irc,scr/8   tld,scr/6x
 RTR  |  sta/6     sta/6     sta/6   tld,zrc,sta/5
 RTA  |    6         6         8       tld,scr/6
 RUC  |  scj/6     scj/7     scj/8       scj/9
 RXJ+ |    6         6         8           9
 RXJ- |  tlf/3     tlf/3     tlf/3   tld,irc,str/5
 RXR  |    6         7         8         ser/9
`,
];

const rfc = new Map<string, string>();
for (const [half, text] of RFC_TABLE.entries()) {
  for (const line of text.trim().split('\n').slice(1)) {
    const [event = '', cells = ''] = line.split('|');
    for (const [column, cell] of cells.trim().split(/\s+/).entries()) {
      rfc.set(`${event.trim()} ${column + half * 6}`, cell);
    }
  }
}

test('the RFC has 160 cells', () => {
  assert.equal(rfc.size, AUTOMATON_EVENTS.length * AUTOMATON_STATES.length);
  assert.equal(rfc.size, 160);
});

for (const event of AUTOMATON_EVENTS) {
  for (const [number, state] of AUTOMATON_STATES.entries()) {
    const cell = rfc.get(`${event} ${number}`);
    test(`${event} in ${state}: ${cell} (RFC 1661 §4.1)`, () => {
      assert.equal(write(transition(state, event)), cell?.replace(/[prx]$/, ''));
    });
  }
}

test("the names of the states are the RFC's, in its order", () => {
  assert.equal(
    AUTOMATON_STATES.join(' '),
    'Initial Starting Closed Stopped Closing Stopping Req-Sent Ack-Rcvd Ack-Sent Opened',
  );
});

function write(cell: Transition | undefined): string {
  if (cell === undefined) return '-';
  const next = AUTOMATON_STATES.indexOf(cell.next);
  return cell.actions.length === 0 ? `${next}` : `${cell.actions.join(',')}/${next}`;
}
