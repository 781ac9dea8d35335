/** What the kernel tells of changes of nftables and of forwarding, by whomever. */
import { loadNative } from './native.ts';
import { NftMessage, readMessages, TABLE, textOf } from './nft-messages.ts';

/** Who changed something in nftables, and in which tables; what was lost may have been anything. */
export interface NetworkChange {
  readonly tables: ReadonlySet<string>;
  /** The program, or '' if that is not told. */
  readonly by: string;
  readonly isLost: boolean;
  readonly hasForwardingChanged: boolean;
}

/** NFTA_GEN_PROC_NAME */
const PROGRAM = 3;

/**
 * Puts transactions together. Who made one is told in its last message, which need not have come with the others.
 *
 * @returns what takes messages as they were read, and gives a change when one is complete
 */
export function transactions(): (
  bytes: Buffer,
  isLost: boolean,
) => Omit<NetworkChange, 'hasForwardingChanged'> | undefined {
  const begun = new Set<string>();
  return (bytes, wasLost) => {
    const { messages, errno } = readMessages(bytes);
    const isLost = wasLost || errno !== 0;
    const tables = new Set<string>();
    const by = new Set<string>();
    for (const message of messages) {
      if (message.type !== NftMessage.NewGen) begun.add(textOf(message, TABLE));
      else {
        by.add(textOf(message, PROGRAM));
        for (const table of begun) tables.add(table);
        begun.clear();
      }
    }
    if (isLost) begun.clear();
    return by.size > 0 || isLost ? { tables, by: [...by].join(', '), isLost } : undefined;
  };
}

/**
 * Tells of each change of nftables, and of forwarding, in this process' network namespace, until the function that it
 * gives is called. One at a time.
 *
 * @throws {Error} with `code`: EPERM without CAP_NET_ADMIN
 */
export function watchNetwork(changed: (change: NetworkChange) => void): () => void {
  const take = transactions();
  loadNative().networkWatch((bytes, isLost, forwarding) => {
    const hasForwardingChanged = forwarding === 1;
    const change = take(bytes, isLost === 1);
    if (change !== undefined) changed({ ...change, hasForwardingChanged });
    else if (hasForwardingChanged) changed({ tables: new Set(), by: '', isLost: false, hasForwardingChanged });
  });
  return () => loadNative().networkUnwatch();
}
