import { UserStoreError } from '../auth/index.ts';
import type { Store } from './ports.ts';

/** A client waits some seconds for the answer to a login, and an operator for a page; a healthy store takes milliseconds. */
export const ANSWER_MS = 10_000;

/**
 * A store that answers in time or not at all: where none has come by then the promise is rejected with ERR_USER_STORE. What
 * was asked for may still happen, as with any answer that is lost on its way.
 */
export function answerInTime(store: Store, ms: number = ANSWER_MS): Store {
  const { users, places, leases, admins, tokens, settings } = store;
  const limit = <Part extends object>(part: Part): Part => limited(part, ms);
  return {
    ...{ users: limit(users), places: limit(places), leases: limit(leases) },
    ...{ admins: limit(admins), tokens: limit(tokens), settings: limit(settings) },
    close: () => within(store.close(), ms),
  };
}

/** With what is no method as it is. */
function limited<Part extends object>(part: Part, ms: number): Part {
  const members = Object.entries(part).map(([name, member]) => {
    if (typeof member !== 'function') return [name, member] as const;
    return [name, (...given: unknown[]) => within(member.apply(part, given) as Promise<unknown>, ms)] as const;
  });
  return Object.fromEntries(members) as Part;
}

async function within<Answer>(asked: Promise<Answer>, ms: number): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new UserStoreError('ERR_USER_STORE', `the user store has not answered within ${ms / 1000} s`));
  }, ms);
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
