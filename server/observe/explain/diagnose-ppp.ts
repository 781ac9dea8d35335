/** LCP, the login and the Crypto Binding. The numbers are those of Windows' RAS (raserror.h), which its dialogs show. */

import { explainHold } from '../../../auth/throttle/hold-text.ts';
import { userCommand } from '../../../core/index.ts';
import { METHODS, type MethodRow } from '../../../ppp/index.ts';
import { allowing, explainWords, fixOfError, OUR_LOGIN, saidEncryption } from './client-reasons.ts';
import type { AttemptFacts, Explanation } from './facts.ts';
import { clientError, isGone } from './farewell.ts';
import { hungUp, notConverging, optionsHint } from './negotiation-ends.ts';

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
  if (isGone(facts)) return explainDemand(facts) ?? leftLcp(facts);
  if (facts.fault?.problem === 'not-converging') return notConverging('LCP', facts);
  return {
    text: `LCP found no agreement (${facts.detail ?? reason}).`,
    code: '721',
    fix: optionsHint(facts),
  };
}

/**
 * What the client wanted and did not get. pppd wants us to log in where its options have `auth`; it notices the refusal
 * once LCP is open.
 */
function explainDemand(facts: AttemptFacts): Explanation | undefined {
  const said = saidEncryption(facts) ?? explainWords(facts);
  if (said !== undefined) return said;
  const { wantsOurLogin, reason, hasAnswered } = facts;
  return wantsOurLogin && reason === 'terminated-by-peer' && !hasAnswered ? OUR_LOGIN : undefined;
}

function leftLcp(facts: AttemptFacts): Explanation {
  const error = clientError(facts);
  const left = hungUp('LCP', facts);
  return error === undefined ? left : { ...left, fix: fixOfError(error, methodOf(facts)) };
}

/** What the client is to log in by. */
function methodOf({ authMethod, ourMethods }: AttemptFacts): MethodRow {
  return authMethod ?? ourMethods[0] ?? METHODS.mschapv2;
}

function noMethod({ ourMethods, authWish }: AttemptFacts): Explanation {
  const [first = METHODS.mschapv2] = ourMethods;
  const ours = ourMethods.map(({ text }) => text).join(', ');
  const wish = authWish === undefined ? 'took none of them' : `wants ${authWish}`;
  return {
    text: `No way to log in that both sides allow: this server offers ${ours}, and the client ${wish}.`,
    code: '812',
    fix: `Allow ${first.text} in the client (${allowing(first)}), or change auth.methods.`,
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
    'The password is right, but the client has computed its proof over another form of the name',
    'Leave domain and realm out of the name in the client, or update the client.',
  ],
  'method-needs-password': [
    'Only the hash of this password is kept, and CHAP-MD5 needs the password',
    'Use MS-CHAPv2, or set users.keep to password and the password again.',
  ],
  unfinished: ['The login was not finished', 'Dial again, and answer what the client asks sooner.'],
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
  if (isGone(facts)) return explainDemand(facts) ?? leftLogin(facts);
  return { text: `The login ended early (${facts.detail ?? reason}).`, code: '718', fix: undefined };
}

/** A client that has lost the Challenge waits for the next one, and gives up after 3 s or so. */
const LOST_CHALLENGE_MS = 4_000;

function leftLogin(facts: AttemptFacts): Explanation {
  const { authMethod, hasAnswered, inStageMs } = facts;
  const seconds = (inStageMs / 1000).toFixed(1);
  const error = clientError(facts);
  if (error !== undefined) {
    const when = hasAnswered ? 'before it had the answer to its password' : 'and sent no password';
    return {
      text: `The client ended the login by itself, ${seconds} s after it had begun (${methodOf(facts).text}), ${when}.`,
      code: String(error),
      fix: fixOfError(error, methodOf(facts)),
    };
  }
  if (hasAnswered) {
    return {
      text: `The client hung up ${seconds} s after the login had begun, before it had the answer to its password.`,
      code: '719',
      fix: 'Try again.',
    };
  }
  if (authMethod?.name === 'pap') {
    return {
      text: `The client agreed to PAP and hung up ${seconds} s later, before it sent a password.`,
      code: '719',
      fix: 'Enter name and password in the client.',
    };
  }
  const method = methodOf(facts).text;
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

export function explainBinding(facts: AttemptFacts): Explanation {
  const { binding, reason, detail } = facts;
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
  const demand = isGone(facts) ? saidEncryption(facts) : undefined;
  if (demand !== undefined) return demand;
  return {
    text: `After the login the client sent no Call Connected with its Crypto Binding (${detail ?? reason}).`,
    code: reason === 'terminated-by-peer' ? '734' : '0x80072746',
    fix: 'Update the client, or look at what it says in its own log.',
  };
}
