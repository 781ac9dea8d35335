import type { ProfileFacts } from '../../../profile/index.ts';

/** What the portal asks of whoever knows the users. */
export type PortalQuestion =
  | {
      readonly kind: 'sign-in';
      readonly address: string;
      readonly name: string;
      readonly password: string;
      /** The cookie that an earlier sign-in left in the browser, as it came. */
      readonly browser?: string | undefined;
    }
  /** Whether somebody who signed in may still come in; `session` as the welcome said it. */
  | { readonly kind: 'look'; readonly session: string }
  /** Nobody comes in by it any more, wherever it has been copied to. */
  | { readonly kind: 'sign-out'; readonly session: string };

export type PortalAnswer =
  /**
   * `user`: the name as stored. `facts` undefined: there is no name that a client could dial. After a sign-in, `session`
   * stands for it, and `browser` is a cookie to keep.
   */
  | {
      readonly kind: 'welcome';
      readonly user: string;
      readonly facts: ProfileFacts | undefined;
      readonly session?: string | undefined;
      readonly browser?: string | undefined;
    }
  /** Also to whoever is not signed in any more. Only who has the password learns that the account is disabled. */
  | { readonly kind: 'refused'; readonly isDisabled: boolean }
  /** Its turn did not come: nobody looked at it. */
  | { readonly kind: 'later'; readonly seconds: number }
  /** The users can't be read now. */
  | { readonly kind: 'fault' };

/** @param gone aborted once nobody waits for the answer any more */
export type AskPortal = (question: PortalQuestion, gone?: AbortSignal) => Promise<PortalAnswer>;
