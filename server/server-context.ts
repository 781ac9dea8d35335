import type { WebPage } from '../admin/index.ts';
import type { Authenticator, LoginThrottle } from '../auth/index.ts';
import type { Clock, Log } from '../core/index.ts';
import type { ChunkPool, PacketRouter } from '../datapath/index.ts';
import type { TunDevice } from '../tun/index.ts';
import type { Advertiser } from './advertiser.ts';
import type { Config } from './config.ts';
import type { LeaseDesk } from './lease-desk.ts';

/** What all connections of one server share. */
export interface ServerContext {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly authenticator: Authenticator;
  readonly throttle: LoginThrottle;
  readonly leases: LeaseDesk;
  readonly router: PacketRouter;
  readonly tun: TunDevice;
  /** Memory for what waits to be sent, shared by all clients. */
  readonly chunks: ChunkPool;
  /** Router Advertisements; undefined without an IPv6 pool. */
  readonly advertiser: Advertiser | undefined;
  /** Takes over the sockets of everybody who does not speak SSTP. */
  readonly web: WebPage;
}
