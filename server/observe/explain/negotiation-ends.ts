/** How a negotiation ends without an agreement, of LCP and of IPCP alike. */
import type { AttemptFacts, Explanation } from './facts.ts';

/** What a Terminate-Request says beside that is in the farewell. */
export function hungUp(protocol: 'LCP' | 'IPCP', facts: AttemptFacts): Explanation {
  const isOrderly = facts.reason === 'terminated-by-peer' || facts.farewells[protocol] !== undefined;
  return {
    text: `The client ended the link while ${protocol} was going on.`,
    code: isOrderly ? (protocol === 'LCP' ? '734' : '736') : '719',
    fix: optionsHint(facts),
  };
}

export function notConverging(protocol: string, facts: AttemptFacts): Explanation {
  const { lastClientOptions, lastServerOptions } = facts;
  return {
    text: `${protocol} went round in circles: the client asks for ${lastClientOptions ?? 'nothing'}, this server for ${lastServerOptions ?? 'nothing'}.`,
    code: '732',
    fix: 'Reset the VPN connection of the client to its defaults.',
  };
}

export function optionsHint({ lastClientOptions }: AttemptFacts): string {
  const asked = lastClientOptions === undefined ? '' : `; it asked for ${lastClientOptions}`;
  return `Look at what the client says in its own log${asked}.`;
}
