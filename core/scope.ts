/** What an API token may do; an admin account may do all of it. */
export const SCOPES = ['read', 'sessions', 'users', 'admin', 'metrics'] as const;

export type Scope = (typeof SCOPES)[number];

export function isScope(word: string): word is Scope {
  return (SCOPES as readonly string[]).includes(word);
}
