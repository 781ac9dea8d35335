/** LCP, the login and the Crypto Binding. The numbers are those of Windows' RAS (raserror.h), which its dialogs show. */
import { explainHold } from '../hold-text.ts';
import type { AttemptFacts, Explanation } from './facts.ts';
import { isGone } from './farewell.ts';
import { hungUp, notConverging, optionsHint } from './negotiation-ends.ts';
import { userCommand } from './remedies.ts';

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
  const login = explainOurLogin(facts);
  if (login !== undefined) return login;
  if (isGone(facts)) return hungUp('LCP', facts);
  if (facts.fault?.problem === 'not-converging') return notConverging('LCP', facts);
  return {
    text: `LCP found no agreement (${facts.detail ?? reason}).`,
    code: '721',
    fix: optionsHint(facts),
  };
}

/** pppd does that where its options have `auth`; it notices the refusal once LCP is open. */
function explainOurLogin(facts: AttemptFacts): Explanation | undefined {
  if (!facts.wantsOurLogin || facts.reason !== 'terminated-by-peer' || facts.hasAnswered) return undefined;
  return {
    text: 'The client demanded that this server log in to it, which an SSTP server does not.',
    code: '734',
    fix: 'Put noauth among the options of pppd in the client (its peers file or /etc/ppp/options).',
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
const FAILURES: Readonly<
  Record<number, readonly [text: string, fix: string | ((user: string | undefined) => string)]>
> = {
  646: ['The account may not log in at this time of day.', 'Ask the administrator for other hours.'],
  647: ['The account is disabled.', (user) => userCommand('enable', user)],
  648: ['The password has expired.', (user) => userCommand('passwd', user)],
  649: ['The account has no permission to dial in.', 'Ask the administrator for it.'],
};

const LOGINS = {
  'unknown-user': ['There is no such user', 'Check the spelling, and a domain in front of it: sstpd user list.'],
  'wrong-password': [
    'The password is wrong',
    (user: string | undefined) => `Type it again, or set another: ${userCommand('passwd', user)}.`,
  ],
  'domain-hashed': [
    'The password is right, but the client has computed its proof over the name with the domain in front',
    'Leave the domain out of the name in the client, or update the client.',
  ],
  'method-needs-password': [
    'Only the hash of this password is kept, and CHAP-MD5 needs the password',
    'Use MS-CHAPv2, or set users.keep to password and the password again.',
  ],
} as const;

export function explainAuthentication(facts: AttemptFacts): Explanation {
  const { auth, held, reason } = facts;
  if (reason === 'no-auth-method') return noMethod(facts);
  if (held !== undefined) {
    return { ...explainHold(held), code: held.hasLeft ? '718' : '629' };
  }
  if (auth !== undefined) {
    const [text, fix] = FAILURES[auth.errorCode] ?? [];
    if (text !== undefined) return { text, code: String(auth.errorCode), fix: filled(fix, facts) };
    const [login, mend] = LOGINS[auth.reason as keyof typeof LOGINS] ?? LOGINS['wrong-password'];
    const remark = auth.remark === undefined ? '' : ` ${auth.remark}`;
    return { text: `${login}.${remark}`, code: '691', fix: filled(mend, facts) };
  }
  if (reason === 'auth-timeout') {
    return {
      text: 'The client did not answer the login in time.',
      code: '718',
      fix: 'Try again, and answer a prompt for the password sooner.',
    };
  }
  if (isGone(facts)) return explainOurLogin(facts) ?? leftLogin(facts);
  return { text: `The login ended early (${facts.detail ?? reason}).`, code: '718', fix: undefined };
}

/** A client that has lost the Challenge waits for the next one, and gives up after 3 s or so. */
const LOST_CHALLENGE_MS = 4_000;

function leftLogin({ authMethod, hasAnswered, inStageMs }: AttemptFacts): Explanation {
  const seconds = (inStageMs / 1000).toFixed(1);
  if (hasAnswered) {
    return {
      text: `The client hung up ${seconds} s after the login had begun, before it had the answer to its password.`,
      code: '719',
      fix: 'Try again.',
    };
  }
  if (authMethod === 'pap') {
    return {
      text: `The client agreed to PAP and hung up ${seconds} s later, before it sent a password.`,
      code: '719',
      fix: 'Enter name and password in the client.',
    };
  }
  const method = METHOD_NAMES[authMethod ?? 'mschapv2'];
  if (inStageMs <= LOST_CHALLENGE_MS) {
    return {
      text: `The client hung up ${seconds} s after this server's Challenge (${method}), in the middle of the login, and sent no password: it may have missed the Challenge, or has no password to answer with.`,
      code: '719',
      fix: `Dial again; if it stays so, enter name and password in the client and see that it allows ${method}, or look at what it says in its own log.`,
    };
  }
  return {
    text: `The client hung up in the middle of the login, ${seconds} s after this server's Challenge (${method}), before it sent a password.`,
    code: '719',
    fix: `Enter name and password in the client, and see that it allows ${method}.`,
  };
}

function filled(fix: string | ((user: string | undefined) => string) | undefined, { user }: AttemptFacts) {
  return typeof fix === 'function' ? fix(user) : fix;
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
