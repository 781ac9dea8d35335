import assert from 'node:assert/strict';
import type { Instant } from '../../core/index.ts';
import { type PppServerAction, type PppServerEvent, PppServerLink, type PppServerOptions } from '../../ppp/index.ts';
import { assertDeadline, hex, SERVER_OPTIONS } from './support.ts';

export interface Play {
  readonly actions: readonly PppServerAction[];
  /** Time that passed because the server waited for a timer of its own. */
  readonly waitedMs: number;
  readonly now: Instant;
  readonly link: PppServerLink;
}

/**
 * Plays a written session against the server. `> hex` is a frame of the client and `< hex` one that the server must
 * send next; `# text` is for the reader; `* name` gives the server the event of that name; `+ ms` lets time pass.
 * A frame that is not there yet makes the clock jump to the server's deadline, and a frame too many is an error.
 */
export function play(
  script: string,
  events: Readonly<Record<string, PppServerEvent>>,
  options: Partial<PppServerOptions> = {},
): Play {
  const link = new PppServerLink({ ...SERVER_OPTIONS, ...options });
  const actions: PppServerAction[] = [];
  const sent: Buffer[] = [];
  let now: Instant = 0;
  let waitedMs = 0;
  const give = (event: PppServerEvent) => {
    for (const action of link.handle(event, now)) {
      if (action.kind === 'send') sent.push(action.frame);
      else actions.push(action);
    }
    assertDeadline(link, now);
  };
  for (const line of script.split('\n').map((text) => text.trim())) {
    const rest = line.slice(1).trim();
    if (line.startsWith('>')) {
      assert.deepEqual(sent.map(String), [], 'the server sent more than the script has');
      give({ kind: 'frame', frame: hex(rest) });
    } else if (line.startsWith('<')) {
      while (sent.length === 0) {
        assert.ok(link.deadline !== undefined, `the server has nothing to say: ${rest}`);
        waitedMs += link.deadline - now;
        now = link.deadline;
        give({ kind: 'timeout' });
      }
      assert.equal(sent.shift()?.toString('hex'), hex(rest).toString('hex'));
    } else if (line.startsWith('*')) {
      const event = events[rest];
      assert.ok(event !== undefined, rest);
      give(event);
    } else if (line.startsWith('+')) {
      const until = now + Number(rest);
      while (link.deadline !== undefined && link.deadline <= until) {
        now = link.deadline;
        give({ kind: 'timeout' });
      }
      now = until;
    } else {
      assert.ok(line === '' || line.startsWith('#'), line);
    }
  }
  assert.deepEqual(
    sent.map((frame) => frame.toString('hex')),
    [],
    'the server sent more than the script has',
  );
  return { actions, waitedMs, now, link };
}
