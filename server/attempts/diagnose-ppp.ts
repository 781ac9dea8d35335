/** The stages of PPP. The numbers are those of Windows' RAS (raserror.h), which its dialogs show. */
import type { AttemptFacts, Explanation } from './facts.ts';

const METHOD_NAMES = { mschapv2: 'MS-CHAPv2', chap: 'CHAP-MD5', pap: 'PAP' } as const;
const METHOD_SWITCHES = { mschapv2: 'MSChapv2', chap: 'Chap', pap: 'Pap' } as const;

export function explainLcp(facts: AttemptFacts): Explanation {
  const { reason, hasPpp } = facts;
  switch (reason) {
    case 'no-auth-method':
      return noMethod(facts);
    case 'loopback':
      return {
        text: 'The server heard only its own LCP packets.',
        code: '718',
        fix: 'Something on the way sends them back.',
      };
    default:
      break;
  }
  if (!hasPpp) {
    return {
      text: 'SSTP came up, and then the client sent nothing of PPP.',
      code: '718',
      fix: 'Try again; if it stays so, repair the WAN Miniport (SSTP) of the client.',
    };
  }
  if (reason === 'terminated-by-peer' || isHangUp(reason)) return hungUp('LCP', facts);
  if (facts.detail?.includes('converge') === true) return notConverging('LCP', facts);
  return {
    text: `LCP found no agreement (${facts.detail ?? reason}).`,
    code: '721',
    fix: optionsHint(facts),
  };
}

function noMethod({ ourMethods, authWish }: AttemptFacts): Explanation {
  const [first = 'mschapv2'] = ourMethods;
  const ours = ourMethods.map((method) => METHOD_NAMES[method]).join(', ');
  const wish = authWish === undefined ? 'took none of them' : `wants ${authWish}`;
  return {
    text: `No way to log in that both sides allow: this server offers ${ours}, and the client ${wish}.`,
    code: '812',
    fix: `Allow ${METHOD_NAMES[first]} in the client (Set-VpnConnection -AuthenticationMethod ${METHOD_SWITCHES[first]}), or change auth.methods.`,
  };
}

/** RFC 2759 6. */
const FAILURES: Readonly<Record<number, readonly [string, string]>> = {
  646: ['The account may not log in at this time of day.', 'Ask the administrator for other hours.'],
  647: ['The account is disabled.', 'sstpd user enable NAME'],
  648: ['The password has expired.', 'sstpd user passwd NAME'],
  649: ['The account has no permission to dial in.', 'Ask the administrator for it.'],
};

const LOGINS = {
  'unknown-user': ['There is no such user', 'Check the spelling, and a domain in front of it: sstpd user list.'],
  'wrong-password': ['The password is wrong', 'Type it again, or set another: sstpd user passwd NAME.'],
  'method-needs-password': [
    'Only the hash of this password is kept, and CHAP-MD5 needs the password',
    'Use MS-CHAPv2, or set users.keep to password and the password again.',
  ],
} as const;

export function explainAuthentication(facts: AttemptFacts): Explanation {
  const { auth, reason } = facts;
  if (reason === 'no-auth-method') return noMethod(facts);
  if (auth !== undefined) {
    const [text, fix] = FAILURES[auth.errorCode] ?? [];
    if (text !== undefined) return { text, code: String(auth.errorCode), fix };
    const [login, mend] = LOGINS[auth.reason as keyof typeof LOGINS] ?? LOGINS['wrong-password'];
    return { text: `${login}.`, code: '691', fix: mend };
  }
  if (reason === 'auth-timeout') {
    return {
      text: 'The client did not answer the login in time.',
      code: '718',
      fix: 'Try again, and answer a prompt for the password sooner.',
    };
  }
  if (reason === 'terminated-by-peer' || isHangUp(reason)) {
    return {
      text: 'The client hung up in the middle of the login, before it sent a password.',
      code: '719',
      fix: 'Allow MS-CHAPv2 in the client, and enter the password.',
    };
  }
  return { text: `The login ended early (${facts.detail ?? reason}).`, code: '718', fix: undefined };
}

export function explainBinding({ binding, reason, detail }: AttemptFacts): Explanation {
  if (binding !== undefined) {
    const isOther = binding.length === 1 && binding[0] === 'certificate-hash';
    return {
      text: isOther
        ? 'The client saw another certificate than this server shows: something in between opens TLS and makes its own.'
        : `The Crypto Binding of the client does not fit this connection (${binding.join(', ')}).`,
      code: 'RasSstp event 6',
      fix: isOther
        ? "Except this server from TLS inspection; behind a TLS terminator, configure the terminator's certificate hash."
        : 'Update the client; if all clients have this, something in between alters the connection.',
    };
  }
  return {
    text: `After the login the client sent no Call Connected with its Crypto Binding (${detail ?? reason}).`,
    code: reason === 'terminated-by-peer' ? '734' : '0x80072746',
    fix: 'Update the client, or look at what it says in its own log.',
  };
}

export function explainNetwork(facts: AttemptFacts): Explanation {
  const { reason, weRejected, clientRejected, addressWish, address, detail } = facts;
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
  if (addressWish !== undefined && address !== undefined && addressWish !== address) {
    return {
      text: `The client insisted on the address ${addressWish}, and this server gives it ${address}.`,
      code: '735',
      fix: `Let the client take its address from the server, or: sstpd user set NAME --ip ${addressWish}.`,
    };
  }
  const isGone = reason === 'terminated-by-peer' || isHangUp(reason);
  if (isGone && weRejected.includes('CCP')) {
    return {
      text: 'The client demanded a second encryption inside TLS (MPPE by CCP), which SSTP does not have.',
      code: '741',
      fix: 'Set the data encryption of the connection to optional: Set-VpnConnection -EncryptionLevel Optional.',
    };
  }
  if (isGone && weRejected.length > 0) {
    return {
      text: `The client hung up after this server refused ${weRejected.join(', ')}.`,
      code: '733',
      fix: 'Turn that protocol off in the VPN connection of the client.',
    };
  }
  if (detail?.includes('converging') === true) return notConverging('IPCP', facts);
  if (reason === 'ncp-failed') {
    return {
      text: `No network protocol came up (${detail ?? reason}).`,
      code: '738',
      fix: optionsHint(facts),
    };
  }
  if (isGone) return hungUp('IPCP', facts);
  return {
    text: `The connection ended before an address was agreed on (${detail ?? reason}).`,
    code: '721',
    fix: undefined,
  };
}

function isHangUp(reason: string): boolean {
  return ['closed-by-peer', 'disconnected-by-peer', 'aborted-by-peer', 'reset-by-peer'].includes(reason);
}

/** RFC 1661 5.5: a Terminate-Request says no more than that. */
function hungUp(protocol: 'LCP' | 'IPCP', facts: AttemptFacts): Explanation {
  const isOrderly = facts.reason === 'terminated-by-peer';
  return {
    text: `The client ended the link while ${protocol} was going on${facts.detail === undefined ? '' : ` (${facts.detail})`}.`,
    code: isOrderly ? (protocol === 'LCP' ? '734' : '736') : '719',
    fix: optionsHint(facts),
  };
}

function notConverging(protocol: string, facts: AttemptFacts): Explanation {
  const { lastClientOptions, lastServerOptions } = facts;
  return {
    text: `${protocol} went round in circles: the client asks for ${lastClientOptions ?? 'nothing'}, this server for ${lastServerOptions ?? 'nothing'}.`,
    code: '732',
    fix: 'Reset the VPN connection of the client to its defaults.',
  };
}

function optionsHint({ lastClientOptions }: AttemptFacts): string {
  const asked = lastClientOptions === undefined ? '' : `; it asked for ${lastClientOptions}`;
  return `Look at what the client says in its own log${asked}.`;
}
