/** IPCP and IPv6CP. The numbers are those of Windows' RAS (raserror.h), which its dialogs show. */

import { userCommand } from '../../../core/index.ts';
import { ENCRYPTION, saidEncryption } from './client-reasons.ts';
import { type AttemptFacts, type Explanation, isIpv4Settled } from './facts.ts';
import { clientError, isGone } from './farewell.ts';
import { hungUp, notConverging, optionsHint } from './negotiation-ends.ts';

export function explainNetwork(facts: AttemptFacts): Explanation {
  const { reason, fault, ipcpFault, clientRejected, detail } = facts;
  if (reason === 'no-address') {
    return {
      text: 'No address is left in the pool.',
      code: '717',
      fix: 'Take a larger pool (--pool), or end sessions that are not needed: sstpd sessions.',
    };
  }
  if (clientRejected.includes('IPCP')) {
    return {
      text: 'The client refused IPv4 (IPCP) and had no other network protocol to use.',
      code: '720',
      fix: 'Turn on IPv4 for the VPN connection of the client; if it is on, repair its WAN Miniport (IP).',
    };
  }
  const known = explainEncryption(facts) ?? explainAddress(facts) ?? explainRefusal(facts);
  if (known !== undefined) return known;
  const given = fault ?? ipcpFault;
  if (given?.problem === 'not-converging') return notConverging(given.protocol, facts);
  if (facts.farewells.IPCP !== undefined) return hungUp('IPCP', facts);
  if (reason === 'ncp-failed' || ipcpFault !== undefined) {
    return {
      text:
        reason === 'ncp-failed'
          ? `No network protocol came up (${detail ?? reason}).`
          : 'IPv4 did not come up: IPCP found no agreement.',
      code: '738',
      fix: optionsHint(facts),
    };
  }
  if (isGone(facts)) return hungUp('IPCP', facts);
  return {
    text: `The connection ended before an address was agreed on (${detail ?? reason}).`,
    code: '721',
    fix: undefined,
  };
}

/**
 * A client that had its IPv4 went on without MPPE, so that it was refused is not why it left.
 *
 * @returns undefined if the client did not leave for the want of MPPE
 */
export function explainEncryption(facts: AttemptFacts): Explanation | undefined {
  const { asksForEncryption, weRejected } = facts;
  const mayHaveLeft = isGone(facts) && !isIpv4Settled(facts) && clientError(facts) === undefined;
  const wasRefused = mayHaveLeft && asksForEncryption && weRejected.includes('CCP');
  return saidEncryption(facts) ?? (wasRefused ? ENCRYPTION : undefined);
}

/** The client wants no address, or another one than it is to have. */
function explainAddress(facts: AttemptFacts): Explanation | undefined {
  const { addressWish, address, user } = facts;
  if (addressWish?.kind === 'none') {
    return {
      text: 'The client asks for no address in IPCP, and this server gives one to each client.',
      code: '738',
      fix: 'Set the client to take its IPv4 address from the server.',
    };
  }
  if (addressWish?.kind !== 'address' || address === undefined || addressWish.address === address) return undefined;
  const command = userCommand('set', user, ` --ip ${addressWish.address}`);
  return {
    text: `The client insisted on the address ${addressWish.address}, and this server gives it ${address}.`,
    code: '735',
    fix: `Let the client take its address from the server, or: ${command}.`,
  };
}

/** The client left after we had refused a protocol. Without keys CCP is compression, which nobody leaves for. */
function explainRefusal(facts: AttemptFacts): Explanation | undefined {
  const refused = facts.weRejected.filter((name) => name !== 'CCP');
  if (!isGone(facts) || refused.length === 0) return undefined;
  return {
    text: `The client hung up after this server refused ${refused.join(', ')}.`,
    code: '733',
    fix: 'Turn that protocol off in the VPN connection of the client.',
  };
}
