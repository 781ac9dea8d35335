/**
 * What lasts: users, groups, administrators, tokens, leases, and who logged in from where. `ports.ts` is how it is asked;
 * SQLite is the one engine.
 */
export type {
  AdminAccount,
  Admins,
  ApiToken,
  ChangeOfUser,
  KnownOrigins,
  LeaseBook,
  Places,
  Settings,
  Store,
  Tokens,
  Users,
} from './ports.ts';
export { openStore } from './sqlite/sqlite-store.ts';
