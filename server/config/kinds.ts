/**
 * What a schema is made of: single values in groups, lists of objects (`radius.servers[0].host`), and objects by name
 * (`pools.NAME.network`). The last two hold plain fields, come from the file or as JSON in one variable, and have no flag.
 */
import type { Format } from './format.ts';

/**
 * When a change takes effect: with the next start, or once the configuration is read again, be it for the connections that
 * begin after that or for those that are there too.
 */
export type Applies = 'start' | 'new-connections' | 'now';

/** A value as it stands in the file. */
export type Written = string | number | boolean | readonly string[];

/** One value: how it is written, and what is said about it in the documentation. */
export interface Leaf<T> {
  readonly format: Format<T>;
  readonly default: Written;
  readonly doc: string;
  readonly applies: Applies;
  readonly flag?: Flag;
}

/** A command-line flag: one that takes a value (several times if the key is a list), or one that sets a fixed value. */
export type Flag =
  | { readonly name: string; readonly value: string; readonly repeat?: true }
  | { readonly name: string; readonly sets: boolean; readonly doc?: string };

/** One value of an object in a list, or of one with a name. */
export interface Field<T> {
  readonly format: Format<T>;
  /** Without it the field must be given. */
  readonly default?: Written;
  readonly doc: string;
}

export type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

/** Objects in an order. Nothing is their default. */
export interface ListOf<T> {
  readonly kind: 'list';
  readonly fields: Fields<T>;
  /** How many there may be. */
  readonly most: number;
  /** No two objects have the same in all of these. */
  readonly unique?: readonly (keyof T & string)[];
  readonly doc: string;
  readonly applies: Applies;
}

/** Objects by name. Nothing is their default. */
export interface MapOf<T> {
  readonly kind: 'map';
  readonly fields: Fields<T>;
  /** How many there may be. */
  readonly most: number;
  /** What their names may be. */
  readonly names: NameRule;
  readonly doc: string;
  readonly applies: Applies;
}

export interface NameRule {
  /** Worded to follow "must be". */
  readonly allowed: string;
  /** Bounds the length too. */
  readonly pattern: RegExp;
}

/** A node for each key of a configuration `C`, of its type: a key without one does not compile. */
export type Schema<C> = { readonly [K in keyof C]: Node<C[K]> };

// In brackets, so that a union is one type and not several.
type Node<T> =
  | Leaf<T>
  | ([T] extends [readonly unknown[]]
      ? [T] extends [readonly (infer E extends object)[]]
        ? ListOf<E>
        : never
      : [T] extends [ReadonlyMap<string, infer E>]
        ? MapOf<E>
        : [T] extends [object]
          ? Schema<T>
          : never);
