/**
 * A table of nftables that others can't take away: `nft` makes it, its parts are read, and handed to the kernel once more
 * as those of a table that a socket of this process owns (NFT_TABLE_F_OWNER, Linux 5.12). `nft flush ruleset` passes such a
 * table over, and it goes with this process, however that ends.
 */
import { createHash } from 'node:crypto';
import { loadNative } from './native.ts';
import {
  type Attribute,
  batch,
  bytesOf,
  dumpRequest,
  EBADMSG,
  EINTR,
  type Message,
  NftMessage,
  nested,
  number,
  numberOf,
  readAttributes,
  readMessages,
  TABLE,
  text,
  textOf,
} from './nft-messages.ts';

const TABLE_FLAGS = 2;
const OWNER = 0x2;
const SET_NAME = 2;
const SET_FLAGS = 3;
const SET_ID = 10;
/** NFT_SET_ANONYMOUS, NFT_SET_EVAL: filled by packets. */
const DYNAMIC = 0x20;
const ELEM_LIST_SET = 2;
const ELEM_LIST_ELEMENTS = 3;
const LIST_ELEM = 1;
const ELEM_KEY = 1;
const ELEM_FLAGS = 3;
const DATA_VALUE = 1;
const INTERVAL_END = 1;

/** What of a message makes the thing that it describes; handles, users and counts are the kernel's. */
const LASTING: ReadonlyMap<number, readonly number[]> = new Map([
  [NftMessage.NewObj, [1, 2, 3, 4]],
  [NftMessage.NewSet, [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 17, 18]],
  [NftMessage.NewSetElem, [1, 2, 3]],
  [NftMessage.NewChain, [1, 3, 4, 5, 7, 10]],
  [NftMessage.NewRule, [1, 2, 4, 7]],
]);

/** A table as it was read. */
export interface TableParts {
  readonly table: string;
  readonly messages: readonly Message[];
}

/** Methods throw `Error` with `code` and `syscall`: what the kernel answers. */
export class TableHolder {
  readonly #fd = loadNative().netfilterOpen();
  /** Counters go on where they were. */
  #isOpen = true;

  /** @returns undefined if there is no such table */
  read(table: string): TableParts | undefined {
    const chains = this.#list(NftMessage.GetChain, NftMessage.NewChain, table);
    if (chains.length === 0) return undefined;
    const sets = this.#list(NftMessage.GetSet, NftMessage.NewSet, table);
    const elements = sets
      .filter((set) => (numberOf(set, SET_FLAGS) & DYNAMIC) === 0)
      .flatMap((set) => this.#list(NftMessage.GetSetElem, NftMessage.NewSetElem, table, textOf(set, SET_NAME)))
      .filter(({ attributes }) =>
        attributes.some(({ type, value }) => type === ELEM_LIST_ELEMENTS && value.length > 0),
      );
    const objects = this.#list(NftMessage.GetObj, NftMessage.NewObj, table);
    const rules = this.#list(NftMessage.GetRule, NftMessage.NewRule, table);
    // Elements may name chains, and those of a set without a name can't come once a rule has it.
    return { table, messages: [...objects, ...sets, ...chains, ...elements, ...rules] };
  }

  /** Puts a table in place, in the stead of one of that name; nobody else can change it if it is owned. */
  put({ table, messages }: TableParts, options: { readonly owned: boolean }): void {
    const name = text(TABLE, table);
    const isThere = this.#list(NftMessage.GetChain, NftMessage.NewChain, table).length > 0;
    this.#change([
      ...(isThere ? [{ type: NftMessage.DelTable, attributes: [name] }] : []),
      { type: NftMessage.NewTable, attributes: options.owned ? [name, number(TABLE_FLAGS, OWNER)] : [name] },
      ...messages.map((message, i) =>
        message.type === NftMessage.NewSet
          ? { ...message, attributes: [...message.attributes, number(SET_ID, i + 1)] }
          : message,
      ),
    ]);
  }

  /** One address more or less in a set of IPv4 networks. Without effect if a removed one is not there. */
  changeAddress(change: 'add' | 'delete', table: string, set: string, address: number): void {
    const key = (value: number): Attribute => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return nested(ELEM_KEY, [bytesOf(DATA_VALUE, bytes)]);
    };
    const elements = [
      nested(LIST_ELEM, [key(address)]),
      ...(address === 0xffffffff ? [] : [nested(LIST_ELEM, [key(address + 1), number(ELEM_FLAGS, INTERVAL_END)])]),
    ];
    const attributes = [text(TABLE, table), text(ELEM_LIST_SET, set), nested(ELEM_LIST_ELEMENTS, elements)];
    this.#change([{ type: change === 'add' ? NftMessage.NewSetElem : NftMessage.DelSetElem, attributes }]);
  }

  /** What it owns is gone then. */
  close(): void {
    if (this.#isOpen) loadNative().netfilterClose(this.#fd);
    this.#isOpen = false;
  }

  #list(question: NftMessage, answer: NftMessage, table: string, set?: string): Message[] {
    const of = set === undefined ? [] : [text(ELEM_LIST_SET, set)];
    const request = dumpRequest(question, [text(TABLE, table), ...of]);
    const read = (): ReturnType<typeof readMessages> => readMessages(loadNative().netfilterAsk(this.#fd, request));
    let { messages, errno, isEnded } = read();
    for (let again = 0; errno === EINTR && again < MOST_AGAIN; again += 1) ({ messages, errno, isEnded } = read());
    if (errno === ENOENT) return [];
    if (errno !== 0 || !isEnded) throw failure(errno || EBADMSG);
    const lasting = LASTING.get(answer) ?? [];
    return messages
      .filter((message) => message.type === answer && textOf(message, TABLE) === table)
      .map(({ type, attributes }) => ({ type, attributes: attributes.filter((one) => lasting.includes(one.type)) }))
      .map((message) => (message.type === NftMessage.NewRule ? asWritten(message) : message));
  }

  #change(messages: readonly Message[]): void {
    const { errno } = readMessages(loadNative().netfilterAsk(this.#fd, batch(messages)));
    if (errno !== 0) throw failure(errno);
  }
}

const ENOENT = 2;
/** Somebody who changes rules all the time has the list begin anew so often. */
const MOST_AGAIN = 20;

const RULE_EXPRESSIONS = 4;
const EXPRESSION_NAME = 1;
/**
 * By expression, what the kernel tells as 0 where nothing was given, and then refuses to take: NFTA_DYNSET_TIMEOUT for a set
 * without timeouts, NFTA_EXTHDR_FLAGS where an option is written and not read.
 */
const TOLD_AS_ZERO: ReadonlyMap<string, number> = new Map([
  ['dynset', 6],
  ['exthdr', 5],
]);

function asWritten({ type, attributes }: Message): Message {
  const mended = attributes.map((one) =>
    one.type === RULE_EXPRESSIONS
      ? { ...one, value: nested(0, readAttributes(one.value).map(mendExpression)).value }
      : one,
  );
  return { type, attributes: mended };
}

function mendExpression(item: Attribute): Attribute {
  const expression = readAttributes(item.value);
  const name = textOf({ type: 0, attributes: expression }, EXPRESSION_NAME);
  const needless = TOLD_AS_ZERO.get(name);
  if (needless === undefined) return item;
  const isNone = ({ type, value }: Attribute): boolean => type === needless && value.every((byte) => byte === 0);
  const mended = expression.map((part) => {
    if (part.type === EXPRESSION_NAME) return part;
    return {
      ...part,
      value: nested(
        0,
        readAttributes(part.value).filter((each) => !isNone(each)),
      ).value,
    };
  });
  return { ...item, value: nested(0, mended).value };
}

function failure(errno: number): Error {
  return Object.assign(new Error(`nftables: error ${errno} (nfnetlink)`), { errno: -errno, syscall: 'nfnetlink' });
}

/** The same for tables that do the same; counts and the order of elements make no difference. */
export function digestOf({ messages }: TableParts): string {
  const lines = messages
    .filter(({ type }) => type !== NftMessage.NewObj)
    .flatMap((message) => (message.type === NftMessage.NewSetElem ? elementsOf(message) : [message]))
    .map(({ type, attributes }) => `${type} ${attributes.map((one) => `${one.type}:${one.value.toString('hex')}`)}`);
  const rules = lines.filter((line) => line.startsWith(`${NftMessage.NewRule} `));
  const others = lines.filter((line) => !line.startsWith(`${NftMessage.NewRule} `)).sort();
  return createHash('sha256')
    .update([...others, ...rules].join('\n'))
    .digest('hex');
}

/** One message for each element. */
function elementsOf({ type, attributes }: Message): Message[] {
  const list = attributes.find((one) => one.type === ELEM_LIST_ELEMENTS);
  const others = attributes.filter((one) => one !== list);
  return readAttributes(list?.value ?? Buffer.alloc(0)).map((element) => ({ type, attributes: [...others, element] }));
}
