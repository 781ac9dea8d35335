/** What lasts: users, groups, administrators, tokens, leases, and who logged in from where. SQLite is the one engine. */
export type { AdminAccount } from './sqlite/admin-accounts.ts';
export { AdminStore } from './sqlite/admin-store.ts';
export type { ApiToken } from './sqlite/api-tokens.ts';
export { UserStore } from './sqlite/user-store.ts';
