/**
 * What a value has to look like, as functions that read it: each returns a new value of its type, made of nothing but what
 * it knows, or throws. For what comes as JSON from a program that may say anything.
 */
import { isIP } from 'node:net';

/** What was said has not the form that an honest program's words have. */
export class FormError extends Error {
  override readonly name = 'FormError';
  readonly code = 'ERR_FORM';
}

/** @throws {FormError} */
export type Form<Value> = (value: unknown) => Value;

/** Text of so many UTF-16 units at most. */
export function text(most: number): Form<string> {
  return (value) => {
    if (typeof value !== 'string' || value.length > most) throw wrong(value, `text of ${most} units at most`);
    return value;
  };
}

/** Text that `pattern` matches, which has to bound its length. */
export function textLike(pattern: RegExp): Form<string> {
  return (value) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw wrong(value, String(pattern));
    return value;
  };
}

/** A whole number from 0 to `most`. */
export function count(most: number = Number.MAX_SAFE_INTEGER): Form<number> {
  return (value) => {
    if (!Number.isSafeInteger(value) || Number(value) < 0 || Number(value) > most) throw wrong(value, `0 to ${most}`);
    return Number(value) + 0; // -0 is 0
  };
}

/** Any number that is one. */
export const quantity: Form<number> = (value) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(value, 'a number');
  return value;
};

/** As base64 on the way, for JSON has no bytes. @param least how many bytes at least @param most and at most */
export function bytes(least: number, most: number = least): Form<Uint8Array> {
  return (value) => {
    const fits = typeof value === 'string' && value.length <= Math.ceil(most / 3) * 4 && BASE64.test(value);
    const read = fits ? Buffer.from(value, 'base64') : undefined;
    if (read === undefined || read.length < least || read.length > most)
      throw wrong(value, `${least} to ${most} bytes`);
    return new Uint8Array(read);
  };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** In a message, which stands in the log. */
const MOST_WORDS = 8;

export function word<Word extends string>(...words: readonly Word[]): Form<Word> {
  const allowed = words.length > MOST_WORDS ? `one of ${words.length} words` : words.join(', ');
  return (value) => {
    const found = words.find((one) => one === value);
    if (found === undefined) throw wrong(value, allowed);
    return found;
  };
}

/** An IP address, of IPv6 with its zone. */
export const address: Form<string> = (value) => {
  const match = typeof value === 'string' ? /^([0-9A-Fa-f.:]{2,45})(%[\w.@-]{1,32})?$/.exec(value) : null;
  if (match === null || isIP(match[1] ?? '') === 0) throw wrong(value, 'an IP address');
  return match[0];
};

/** `192.0.2.1:5000` or `[2001:db8::1]:5000`. */
export const endpoint: Form<string> = (value) => {
  const match = typeof value === 'string' ? /^(?:\[([^\]]{2,80})\]|([^:[\]]{2,45})):(\d{1,5})$/.exec(value) : null;
  if (match === null) throw wrong(value, 'ADDRESS:PORT');
  address(match[1] ?? match[2]);
  count(65_535)(Number(match[3]));
  return match[0];
};

/** A time as `Date.toISOString` writes it, of a year with four digits; there is no 31st of February. */
export const isoTime: Form<string> = (value) => {
  const read = textLike(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)(value);
  const ms = Date.parse(read);
  if (Number.isNaN(ms) || new Date(ms).toISOString() !== read) throw wrong(value, 'a time');
  return read;
};

/** In an object: the field may be absent. */
export function maybe<Value>(form: Form<Value>): Form<Value | undefined> {
  return (value) => (value === undefined ? undefined : form(value));
}

export function list<Value>(form: Form<Value>, most: number): Form<Value[]> {
  return (value) => {
    if (!Array.isArray(value) || value.length > most) throw wrong(value, `a list of ${most} at most`);
    return value.map((each) => form(each));
  };
}

/** These fields, and no others. A field of `maybe` that is absent is absent in what is read, too. */
export function object<Fields extends Readonly<Record<string, unknown>>>(
  forms: {
    readonly [Name in keyof Fields]: Form<Fields[Name]>;
  },
): Form<Fields> {
  const known = new Map<string, Form<unknown>>(Object.entries(forms));
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(value, 'an object');
    const given = Object.keys(value);
    const strange = given.find((name) => !known.has(name));
    if (strange !== undefined) throw new FormError(`there is no field ${shown(strange)}`);
    const read: [string, unknown][] = [];
    for (const [name, form] of known) {
      const field = Object.hasOwn(value, name) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
      try {
        const result = form(field);
        if (result !== undefined) read.push([name, result]);
      } catch (error) {
        throw error instanceof FormError ? new FormError(`${name}: ${error.message}`) : error;
      }
    }
    return Object.fromEntries(read) as Fields;
  };
}

/** The form is the one that is named by a field. */
export function byField<Value>(field: string, forms: Readonly<Record<string, Form<Value>>>): Form<Value> {
  const known = new Map(Object.entries(forms));
  return (value) => {
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, field);
    const name = isObject ? (value as Readonly<Record<string, unknown>>)[field] : undefined;
    const form = typeof name === 'string' ? known.get(name) : undefined;
    if (form === undefined) throw wrong(name, `a ${field} that there is`);
    return form(value);
  };
}

function wrong(value: unknown, wanted: string): FormError {
  return new FormError(`${shown(value)} instead of ${wanted}`);
}

const MOST_SHOWN = 60;

/** A few letters for the log, whatever it is. */
function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, MOST_SHOWN));
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    default:
      return Array.isArray(value) ? 'a list' : value === null ? 'null' : 'an object';
  }
}
