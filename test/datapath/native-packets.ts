/** The offloaded path for tests: a device in memory, links on it, and what they wrote. */
import type { LinkOptions } from '../../datapath/index.ts';
import { NativePath } from '../../datapath/index.ts';
import { type MemoryNetwork, openMemoryPath, type TunPath } from '../../tun/index.ts';
import { SERVER_LINK_LOCAL, TestOwner } from './packets.ts';

export interface NativeLab {
  readonly path: NativePath;
  readonly tun: TunPath;
  readonly network: MemoryNetwork;
  makeLink(options?: Partial<LinkOptions>): { link: ReturnType<NativePath['makeLink']>; owner: TestOwner };
  /** Resolves when what was injected or received has gone its way. */
  settle(): Promise<void>;
  close(): void;
}

export function makeNativeLab(options: Parameters<typeof openMemoryPath>[0] = {}): NativeLab {
  const { path: tun, network } = openMemoryPath(options);
  const path = new NativePath(tun);
  return {
    path,
    tun,
    network,
    makeLink: (linkOptions = {}) => {
      const owner = new TestOwner();
      const link = path.makeLink(owner, {
        ingress: 'from-client',
        serverLinkLocal: SERVER_LINK_LOCAL,
        ...linkOptions,
      });
      return { link, owner };
    },
    // A turn for the check phase, one for the poll phase, one for what those asked for.
    settle: async () => {
      for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
    },
    close: () => {
      path.close();
      network.close();
    },
  };
}

export { isSanitized } from '../support/sanitized.ts';
