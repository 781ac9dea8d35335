/** What a run of the bench found, as it is kept in JSON. */
import type { ConnectFigures, LineFigures } from './home-line.ts';
import type { SessionsFigures } from './sessions.ts';
import type { ManyFigures, SingleFigures, SmallFigures } from './throughput.ts';

/** By the name of the VPN. */
export type ByVpn<T> = { [vpn: string]: T };

export interface Results {
  readonly date: string;
  readonly machine: {
    readonly node: string;
    readonly kernel: string;
    readonly cpu: string;
    readonly cores: number;
    /** Share of the processors that something else used before the first measurement. */
    busyBefore: number;
  };
  readonly options: {
    readonly quick: boolean;
    readonly tunOffload: string | undefined;
    readonly programs: ByVpn<string>;
  };
  readonly single: ByVpn<SingleFigures>;
  readonly many: ByVpn<ManyFigures>;
  readonly small: ByVpn<SmallFigures>;
  readonly connect: ByVpn<ConnectFigures>;
  /** By the name of the line. */
  readonly lines: { [line: string]: ByVpn<LineFigures> };
  sessions?: SessionsFigures;
  /** What was not measured, and why. */
  readonly left: {
    readonly scenario: string;
    readonly vpn: string;
    readonly why: string;
    readonly isFailure: boolean;
  }[];
}

/** The build under test, and the same without TUN offload. */
export const OURS = 'sstpd';
export const OURS_PLAIN = 'sstpd, no offload';
