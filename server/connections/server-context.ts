import type { Clock, Log } from '../../core/index.ts';
import type { DataPath } from '../../datapath/index.ts';
import type { MethodRow } from '../../ppp/index.ts';
import type { Config } from '../config/index.ts';
import type { ControlPlane } from '../control/index.ts';
import type { AttemptContext } from '../observe/reported.ts';
import type { WebPage } from '../site/index.ts';
import type { Advertiser } from './advertiser.ts';

/** What all connections of one server share. */
export interface ServerContext {
  readonly config: Config;
  /** How clients may log in, in order of preference. */
  readonly methods: readonly MethodRow[];
  readonly clock: Clock;
  readonly log: Log;
  /** Judges logins and hands out addresses. */
  readonly control: ControlPlane;
  /** From the TUN device to the clients and back. */
  readonly path: DataPath;
  /** For the TCP connections of tunnels; empty: the system's. */
  readonly congestionControl: string;
  /** Router Advertisements; undefined without an IPv6 pool. */
  readonly advertiser: Advertiser | undefined;
  /** For the records of attempts. */
  readonly attempts: AttemptContext;
  /** Takes over the sockets of everybody who does not speak SSTP. */
  readonly web: WebPage;
}
