/** What an API token may do; an admin account may do all of it. */
export const SCOPES = ['read', 'sessions', 'users', 'admin', 'metrics'] as const;

export type Scope = (typeof SCOPES)[number];

export function isScope(word: string): word is Scope {
  return (SCOPES as readonly string[]).includes(word);
}

/** How long a token lasts of which nobody says it, and the longest that may be asked for over the network, and on the machine. */
export const TOKEN_DAYS = { usual: 90, most: 366, mostHere: 3650 } as const;
