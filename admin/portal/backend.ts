import type { ProfileFacts } from '../../profile/index.ts';

/** Who has signed in to the portal, and with which password: the version is another one after each change of it. */
export interface PortalUser {
  readonly name: string;
  readonly version: string;
}

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
  /** Whether somebody who signed in may still come in. */
  | { readonly kind: 'look'; readonly user: PortalUser };

export type PortalAnswer =
  /** `facts` undefined: there is no name that a client could dial. `browser`: a cookie to keep, after a sign-in. */
  | {
      readonly kind: 'welcome';
      readonly user: PortalUser;
      readonly facts: ProfileFacts | undefined;
      readonly browser?: string | undefined;
    }
  /** Only who has the password learns that the account is disabled. */
  | { readonly kind: 'refused'; readonly isDisabled: boolean }
  /** Its turn did not come: nobody looked at it. */
  | { readonly kind: 'later'; readonly seconds: number }
  /** The users can't be read now. */
  | { readonly kind: 'fault' };

/** @param gone aborted once nobody waits for the answer any more */
export type AskPortal = (question: PortalQuestion, gone?: AbortSignal) => Promise<PortalAnswer>;
