/**
 * What a session may do and has to bear, besides its addresses: one frozen object per session, which goes with the verdict to
 * the lease, and with that to the link and to the slot of the addon. It may change while the session is up.
 *
 * A key comes in as a line of `PolicyKeys`, for which the compiler wants a row of `FORMS`; verdict, lease, the messages to a
 * worker and what operators are shown carry it from then on. Who acts on it takes it in its own terms: `LinkPolicy` of
 * `datapath/` for what the links and the addon enforce.
 */

/** There is none yet. */
export type PolicyKeys = Record<never, never>;

export type Policy = Readonly<Partial<PolicyKeys>> & {
  /** 0 is what a session logged in with, for the first time where it did so again; each change counts one. */
  readonly revision: number;
};

/** How a key's value is read, which came from another process or another server. @throws {TypeError} */
type Form<Value> = (value: unknown) => Value;

const FORMS: { readonly [Key in keyof PolicyKeys]-?: Form<PolicyKeys[Key]> } = {};

/** Of a session of which nobody said anything. */
export const NO_POLICY: Policy = Object.freeze({ revision: 0 });

/** @throws {TypeError} for a key that there is not, or a value that it can't have */
export function readPolicy(value: unknown): Policy {
  if (typeof value !== 'object' || value === null) throw new TypeError('a policy is an object');
  const { revision, ...keys } = value as Readonly<Record<string, unknown>>;
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision < 0) {
    throw new TypeError('the revision of a policy is a count');
  }
  return Object.freeze({ ...readKeys(keys), revision });
}

/** The policy that takes the place of another one of the same session. @throws {TypeError} as `readPolicy` */
export function changedPolicy(before: Policy, keys: Readonly<Partial<PolicyKeys>>): Policy {
  return Object.freeze({ ...readKeys(keys), revision: before.revision + 1 });
}

function readKeys(keys: object): Partial<PolicyKeys> {
  const forms: Readonly<Record<string, Form<unknown>>> = FORMS;
  return Object.fromEntries(
    Object.entries(keys).map(([key, value]) => {
      const form = Object.hasOwn(forms, key) ? forms[key] : undefined;
      if (form === undefined) throw new TypeError(`there is no key ${JSON.stringify(key.slice(0, 64))} in a policy`);
      return [key, form(value)];
    }),
  );
}
