/**
 * Local users in SQLite, with sealed passwords, fixed addresses and sticky leases.
 *
 * Every read asks the file, so what another process (the command line) writes takes effect at once.
 */

import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import {
  type BrowserOf,
  type Credentials,
  checkGroups,
  checkNewPassword,
  checkUserName,
  KnownBrowsers,
  LEAST_TRIED,
  type Meant,
  meantBy,
  ntPasswordHash,
  type Secret,
  type SecretKind,
  strengthOf,
  type User,
  UserStoreError,
} from '../../auth/index.ts';
import { foldUserName, formatIpv4, type Ipv4 } from '../../core/index.ts';
import type { ChangeOfUser, NewUserOptions } from '../ports.ts';
import { blob, text } from './columns.ts';
import { KnownAddresses } from './known-addresses.ts';
import { KnownPlaces } from './known-places.ts';
import { isUser, namesFor, readUsers } from './nobody.ts';
import type { SealedSecret, SecretSeal } from './secret-seal.ts';
import { STORE_FILES } from './store-files.ts';
import { asStoreErrors, openUserDatabase, writeTransaction } from './user-database.ts';
import {
  type LookedUp,
  prepareStatements,
  previousOwner,
  readLease,
  readLookedUp,
  readPrevious,
  readUser,
  type UserRow,
  type UserStatements,
} from './user-rows.ts';

/** How long the password before the present one is kept, sealed as that. */
const KEEP_PREVIOUS_MS = 30 * 86_400_000;

/** What a user has who does not exist. */
interface StandIns {
  readonly present: SealedSecret;
  readonly previous: SealedSecret;
}

export interface UserStoreOptions {
  /** 'nt-hash' forgets the passwords that are there and keeps none of new ones; there is no way back. */
  readonly keep: SecretKind;
  /** For tests. */
  readonly now?: () => Date;
}

/** Methods throw `UserStoreError`: the code each names, and ERR_USER_STORE if the file cannot be read or written. */
export class UserStore {
  /** Names of the files that the store may create in its directory. */
  static readonly files: readonly string[] = STORE_FILES;

  /**
   * Opens the store, or makes it: directory 0700, files 0600.
   *
   * @throws {UserStoreError} ERR_USER_STORE, or ERR_USER_STORE_MODE if other users can read a file
   */
  static open(directory: string, options: UserStoreOptions): UserStore {
    const { database, seal } = openUserDatabase(directory);
    try {
      return new UserStore(directory, database, seal, options);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  readonly #directory: string;
  readonly #database: DatabaseSync;
  readonly #seal: SecretSeal;
  readonly #keep: SecretKind;
  readonly #now: () => Date;
  readonly #statements: UserStatements;
  /**
   * For the secrets of users that do not exist, so that looking for one costs what finding one costs: one each, since the
   * same one over and over is opened, and written in other code pages, faster than others.
   */
  readonly #standIns: readonly StandIns[];
  readonly #places: KnownPlaces;
  readonly #addresses: KnownAddresses;
  /** Cookies of those who have signed in to the portal. */
  readonly browsers: KnownBrowsers;

  private constructor(directory: string, database: DatabaseSync, seal: SecretSeal, options: UserStoreOptions) {
    this.#directory = directory;
    this.#database = database;
    this.#seal = seal;
    this.#keep = options.keep;
    this.#now = options.now ?? (() => new Date());
    this.#standIns = Array.from({ length: LEAST_TRIED }, () => this.#sealStandIns());
    this.#statements = asStoreErrors(directory, () => prepareStatements(database));
    this.#places = asStoreErrors(directory, () => new KnownPlaces(database, seal.derive('known places')));
    this.#addresses = asStoreErrors(directory, () => new KnownAddresses(database, seal.derive('known addresses')));
    this.browsers = new KnownBrowsers(seal.derive('known browsers of users'));
    if (this.#keep === 'nt-hash') this.#forgetPasswords();
    this.forgetOldPasswords();
    this.#examinePasswords();
  }

  /**
   * @param options.weak takes a password too that guessers try first
   * @throws {UserStoreError} ERR_USER_NAME, ERR_USER_PASSWORD, ERR_USER_PASSWORD_WEAK, ERR_USER_ADDRESS, ERR_USER_GROUP,
   *   ERR_USER_EXISTS
   */
  add(name: string, password: string, options: NewUserOptions = {}): User {
    checkUserName(name);
    const { ipv4, groups = [], weak } = options;
    const strength = checkNewPassword(password, { name, weak });
    const secret = this.#secretOf(password);
    checkGroups(groups);
    if (ipv4 !== undefined) checkFixedAddress(ipv4);
    return this.#change(() => {
      const existing = this.#find(name);
      if (existing !== undefined) throw new UserStoreError('ERR_USER_EXISTS', `user '${existing.name}' exists already`);
      if (ipv4 !== undefined) this.#checkAddressFree(ipv4, undefined);
      const sealed = this.#seal.close(randomUUID(), secret);
      this.#statements.insert.run({
        id: sealed.owner,
        name,
        folded: foldUserName(name),
        ipv4: ipv4 ?? null,
        secret_kind: sealed.kind,
        secret: sealed.bytes,
        strength,
        created_at: this.#now().getTime(),
      });
      this.#joinGroups(sealed.owner, groups);
      return this.#existing(name).user;
    });
  }

  /** As `Users.change`: all of it or nothing. That there is no such user is said before what is wrong with the change. */
  change(name: string, { password, weak, ipv4, groups, enabled }: ChangeOfUser): User {
    return this.#change(() => {
      const row = this.#existing(name);
      const id = row.sealed.owner;
      if (groups !== undefined) checkGroups(groups);
      if (typeof ipv4 === 'number') checkFixedAddress(ipv4);
      if (password !== undefined) this.#setPassword(row, password, weak);
      if (typeof ipv4 === 'number') this.#checkAddressFree(ipv4, id);
      if (ipv4 !== undefined) this.#statements.setAddress.run({ id, ipv4 });
      if (enabled !== undefined) this.#statements.setEnabled.run({ id, enabled: enabled ? 1 : 0 });
      if (groups !== undefined) {
        this.#statements.leaveGroups.run({ id });
        this.#joinGroups(id, groups);
      }
      return this.#existing(name).user;
    });
  }

  #setPassword({ sealed, user }: UserRow, password: string, weak: boolean | undefined): void {
    const strength = checkNewPassword(password, { name: user.name, weak });
    const secret = this.#secretOf(password);
    this.#keepPrevious(sealed, secret);
    this.#storeSecret(sealed.owner, secret);
    this.#statements.setStrength.run({ id: sealed.owner, strength });
    this.#statements.forgetPlaces.run({ id: sealed.owner });
  }

  /** Forgets previous passwords whose time is over. They are of no use any more, but they are still there. */
  forgetOldPasswords(): void {
    const { changes } = this.#run(() => this.#statements.forgetPrevious.run({ before: this.#previousSince() }));
    if (changes > 0) this.#forgetLog();
  }

  /** @returns the user that was @throws {UserStoreError} ERR_USER_UNKNOWN */
  remove(name: string): User {
    return this.#change(() => {
      const row = this.#existing(name);
      this.#statements.remove.run({ id: row.sealed.owner });
      this.#statements.forgetLease.run({ folded: row.folded });
      return row.user;
    });
  }

  /** All users by name. */
  list(): User[] {
    return this.#run(() => this.#statements.list.all().map((columns) => readUser(columns).user));
  }

  /** Whether there are any. */
  exist(): boolean {
    return this.#run(() => this.#statements.any.get() !== undefined);
  }

  /** The user of exactly this name, without regard to case. */
  find(name: string): User | undefined {
    return this.#run(() => this.#find(name));
  }

  /**
   * Another text after each change of the password, and for another user of the same name; it tells nothing of either.
   *
   * @returns undefined if there is no such user
   */
  passwordVersion(name: string): string | undefined {
    return this.#run(() => {
      const columns = this.#statements.find.get({ folded: foldUserName(name) });
      if (columns === undefined) return undefined;
      return versionOf(readUser(columns).sealed);
    });
  }

  /** Whom a name from the wire means, as `lookupAny`. */
  lookup(nameFromWire: string): Credentials {
    const [found] = this.lookupAny([nameFromWire], 1);
    if (found === undefined) throw new Error('a look-up gave nothing');
    return found;
  }

  /**
   * Whom a name from the wire means that may be read in several ways, the first of which is the likeliest: in each the
   * whole name, then without `DOMAIN\`, then also without `@realm`. Takes the same steps whether or not there are such users.
   *
   * @param least so many come in any case, those that are missing with secrets that nobody has. All users come, if they
   *   are more: who would be left out for others tells, by his own password, whether there are those others.
   * @param only folded names of users; no others come. If it is empty, all do
   * @returns the likeliest first
   * @throws {UserStoreError} ERR_USER_STORE also if a stored secret was tampered with
   */
  lookupAny(readings: readonly string[], least: number, only: readonly string[] = []): Credentials[] {
    return this.#run(() => {
      const found = this.#meant(readings).filter(({ row }) => only.length === 0 || only.includes(row.folded));
      return Array.from({ length: Math.max(least, found.length) }, (_, i) => {
        const { row, reading } = found[i] ?? { row: undefined, reading: undefined };
        const standIns = this.#standInsOf(i);
        const secret = this.#openSecret(row?.sealed ?? standIns.present, row?.user.name ?? '');
        const previous = this.#seal.open(row?.previous ?? standIns.previous);
        // A damaged one is as good as none: nobody can log in by it.
        return {
          ...{ user: row?.user, reading, secret, previous: previous ?? this.#openSecret(standIns.previous, '') },
          version: versionOf(row?.sealed ?? standIns.present),
        };
      });
    });
  }

  /** The name of whom `lookupAny` finds first; undefined if there is nobody. */
  nameOf(readings: readonly string[]): string | undefined {
    return this.#run(() => {
      const rows = this.#statements.names.all(namesFor(readings));
      const names = readUsers(rows, (row) => [text(row, 'folded'), text(row, 'name')] as const);
      return meantBy(readings, new Map(names))[0]?.row;
    });
  }

  /** One user for each reading, without repetitions. */
  #meant(readings: readonly string[]): Meant<LookedUp>[] {
    const options = { since: this.#previousSince(), no_secret: this.#standInsOf(0).present.bytes };
    const rows = this.#statements.lookup.all({ ...namesFor(readings), ...options });
    return meantBy(readings, new Map(readUsers(rows, readLookedUp).map((row) => [row.folded, row])));
  }

  /** Notes a successful login now. A user who was removed meanwhile is passed over. */
  recordLogin(name: string): void {
    this.#run(() => {
      this.#statements.recordLogin.run({ folded: foldUserName(name), last_login_at: this.#now().getTime() });
    });
  }

  /**
   * Of the users whom a name from the wire may mean, those who have logged in from there within 30 days, with the password
   * of now.
   *
   * @param readings of the name, the likeliest first
   * @param place the address as `originOf` counts it
   * @returns folded names
   */
  usersKnownAt(readings: readonly string[], place: string): string[] {
    return this.#run(() => this.#places.usersAt(readings, place, this.#now().getTime()));
  }

  /** The user has logged in from there: see `Places.rememberPlace`. */
  rememberPlace(name: string, place: string, version?: string): void {
    this.#run(() => {
      if (version !== undefined && this.passwordVersion(name) !== version) return;
      const now = this.#now().getTime();
      this.#places.remember(foldUserName(name), place, now);
      this.#addresses.remember(place, now);
    });
  }

  /** See `Places.addresses`. */
  loadAddresses(): void {
    this.#run(() => this.#addresses.load(this.#now().getTime()));
  }

  /** Whether anybody has logged in from there within 30 days. Looks in memory alone. @param place the address as `originOf` counts it */
  isKnownAddress(place: string): boolean {
    return this.#run(() => this.#addresses.isKnown(place, this.#now().getTime()));
  }

  /**
   * For whom a cookie has to be made that comes with this name: for the user whom the login is about, and not for one of
   * another realm, who may be somebody else.
   */
  browserOfMeant(nameFromWire: string): BrowserOf {
    return this.browserOf(foldUserName(this.nameOf([nameFromWire]) ?? ''));
  }

  /** Takes the same steps for a name that nobody has. @param folded as `foldUserName` writes it */
  browserOf(folded: string): BrowserOf {
    const columns =
      this.#run(() => this.#statements.secretOf.get({ folded, no_secret: this.#standInsOf(0).present.bytes })) ?? {};
    const version = versionOf({ owner: text(columns, 'id'), bytes: blob(columns, 'secret') });
    return { realm: 'vpn', name: folded, version: isUser(columns) ? version : undefined };
  }

  /** Remembers the address a user got last. Whoever had it before loses the claim, so there are never more than addresses. */
  rememberLease(name: string, ipv4: Ipv4): void {
    this.#run(() => {
      const leased_at = this.#now().getTime();
      this.#statements.rememberLease.run({ folded: foldUserName(name), ipv4, leased_at });
    });
  }

  /** The address each user got last, by folded name, the oldest first. */
  leases(): ReadonlyMap<string, Ipv4> {
    return this.#run(() => {
      return new Map(this.#statements.leases.all().map(readLease));
    });
  }

  /** What the server noted under this name. */
  setting(name: string): string | undefined {
    return this.#run(() => {
      const columns = this.#statements.setting.get({ name });
      return columns === undefined ? undefined : text(columns, 'value');
    });
  }

  /** Notes it for this and later starts. */
  setSetting(name: string, value: string): void {
    this.#run(() => this.#statements.setSetting.run({ name, value }));
  }

  /** The store must not be used afterwards; closing it again does nothing. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #find(name: string): User | undefined {
    const columns = this.#statements.find.get({ folded: foldUserName(name) });
    return columns === undefined ? undefined : readUser(columns).user;
  }

  #existing(name: string): UserRow {
    const columns = this.#statements.find.get({ folded: foldUserName(name) });
    if (columns === undefined) throw new UserStoreError('ERR_USER_UNKNOWN', `there is no user '${name}'`);
    return readUser(columns);
  }

  #joinGroups(id: string, groups: readonly string[]): void {
    for (const name of new Set(groups)) this.#statements.joinGroup.run({ id, name });
  }

  #checkAddressFree(ipv4: Ipv4, exceptId: string | undefined): void {
    const columns = this.#statements.findByAddress.get({ ipv4 });
    if (columns === undefined) return;
    const holder = readUser(columns);
    if (holder.sealed.owner === exceptId) return;
    throw new UserStoreError(
      'ERR_USER_ADDRESS',
      `${formatIpv4(ipv4)} is already the fixed address of '${holder.user.name}'`,
    );
  }

  #secretOf(password: string): Secret {
    return { ntHash: ntPasswordHash(password), password: this.#keep === 'password' ? password : undefined };
  }

  /** The same password once more is no change: what was before it stays. */
  #keepPrevious(sealed: SealedSecret, next: Secret): void {
    const secret = this.#seal.open(sealed);
    if (secret === undefined || timingSafeEqual(secret.ntHash, next.ntHash)) return;
    const password = this.#keep === 'password' ? secret.password : undefined;
    const { kind, bytes } = this.#seal.close(previousOwner(sealed.owner), { ...secret, password });
    const replaced_at = this.#now().getTime();
    this.#statements.setPrevious.run({ id: sealed.owner, secret_kind: kind, secret: bytes, replaced_at });
  }

  #previousSince(): number {
    return this.#now().getTime() - KEEP_PREVIOUS_MS;
  }

  #storeSecret(id: string, secret: Secret): void {
    const { kind, bytes } = this.#seal.close(id, secret);
    this.#statements.setSecret.run({ id, secret_kind: kind, secret: bytes });
  }

  #openSecret(sealed: SealedSecret, name: string): Secret {
    const secret = this.#seal.open(sealed);
    if (secret === undefined) {
      throw new UserStoreError('ERR_USER_STORE', `the stored password of '${name}' is damaged: set it again`);
    }
    return secret;
  }

  #sealStandIns(): StandIns {
    const seal = (): SealedSecret => this.#seal.close(randomUUID(), this.#secretOf(randomBytes(9).toString('base64')));
    return { present: seal(), previous: seal() };
  }

  /** @param index of the user whom a name may mean */
  #standInsOf(index: number): StandIns {
    return this.#standIns[index % this.#standIns.length] ?? this.#sealStandIns();
  }

  #forgetPasswords(): void {
    const isPassword = ({ sealed }: { readonly sealed: SealedSecret }): boolean => sealed.kind === 'password';
    const present = (): UserRow[] => this.#statements.list.all().map(readUser).filter(isPassword);
    const previous = () => this.#statements.listPrevious.all().map(readPrevious).filter(isPassword);
    if (this.#run(() => present().length + previous().length) === 0) return;
    this.#change(() => {
      // A damaged one holds no password that anybody could read; the store must open so that it can be set again.
      for (const { sealed } of present()) {
        const secret = this.#seal.open(sealed);
        if (secret !== undefined) this.#storeSecret(sealed.owner, { ...secret, password: undefined });
      }
      for (const { id, sealed } of previous()) {
        const secret = this.#seal.open(sealed);
        if (secret === undefined) continue;
        const { kind, bytes } = this.#seal.close(sealed.owner, { ...secret, password: undefined });
        this.#statements.reseal.run({ id, secret_kind: kind, secret: bytes });
      }
    });
    this.#forgetLog();
  }

  /** The write-ahead log may still hold rows as they were before. */
  #forgetLog(): void {
    this.#run(() => this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
  }

  /** Looks once at passwords that were set before anybody asked what they are like. */
  #examinePasswords(): void {
    const unexamined = (): UserRow[] => this.#statements.unexamined.all().map(readUser);
    if (this.#run(unexamined).length === 0) return;
    this.#change(() => {
      for (const { user, sealed } of unexamined()) {
        const secret = this.#seal.open(sealed);
        const strength = secret === undefined ? 'unknown' : strengthOf(secret, user.name);
        this.#statements.setStrength.run({ id: sealed.owner, strength });
      }
    });
  }

  /** A change that an operator made is on the disk when it returns; logins and leases may be lost with the power. */
  #change<Result>(change: () => Result): Result {
    return this.#run(() => {
      this.#database.exec('PRAGMA synchronous = FULL');
      try {
        return writeTransaction(this.#database, change);
      } finally {
        this.#database.exec('PRAGMA synchronous = NORMAL');
      }
    });
  }

  #run<Result>(action: () => Result): Result {
    return asStoreErrors(this.#directory, action);
  }
}

/** Whether the address is inside the pool is the server's to say; here only what no host can ever have is refused. */
function checkFixedAddress(ipv4: Ipv4): void {
  const network = ipv4 >>> 24;
  if (!Number.isInteger(ipv4) || ipv4 !== ipv4 >>> 0 || network === 0 || network === 127 || network >= 224) {
    throw new UserStoreError('ERR_USER_ADDRESS', `${formatIpv4(ipv4)} is not an address that a client can have`);
  }
}

/** Each sealing has a nonce of its own, and so a version. */
function versionOf({ owner, bytes }: Pick<SealedSecret, 'owner' | 'bytes'>): string {
  return createHash('sha256').update(owner).update(bytes).digest('base64url').slice(0, 22);
}
