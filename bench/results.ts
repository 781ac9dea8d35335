/** What a run of the bench found, as it is kept in JSON. */
import type { ChangeFigures } from './changes.ts';
import type { FloodsFigures } from './floods/floods.ts';
import type { ConnectFigures, LineFigures } from './home-line.ts';
import type { Direction } from './measure.ts';
import type { SessionsFigures } from './sessions.ts';
import type { FlowsFigures, SlowFigures } from './sharing.ts';
import type { ManyFigures, SingleFigures, SmallFigures } from './throughput.ts';
import type { StreamFigures } from './tls-alone.ts';

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
    /** Length of each measurement under load, if it was not the usual one. */
    readonly seconds: number | undefined;
  };
  /** Seconds that each scenario took. */
  readonly took: { [scenario: string]: number };
  /** Only in what is kept: not all of it is of one complete run. */
  readonly isPieced?: boolean;
  readonly single: ByVpn<SingleFigures>;
  /** Of what is no VPN, but part of each that is built like ours. */
  readonly floor: ByVpn<Readonly<Record<Direction, StreamFigures>>>;
  readonly many: ByVpn<ManyFigures>;
  readonly small: ByVpn<SmallFigures>;
  readonly connect: ByVpn<ConnectFigures>;
  /** By the name of the line. */
  readonly lines: { [line: string]: ByVpn<LineFigures> };
  /** By the name of the change. */
  readonly changes: { [change: string]: ByVpn<ChangeFigures> };
  readonly flows: ByVpn<FlowsFigures>;
  readonly slow: ByVpn<SlowFigures>;
  sessions?: SessionsFigures;
  floods?: FloodsFigures;
  /** What was not measured, and why. */
  readonly left: {
    readonly scenario: string;
    readonly vpn: string;
    readonly why: string;
    readonly isFailure: boolean;
  }[];
}

/** The build under test, and the same with a server without TUN offload: most clients are not ours. */
export const OURS = 'sstpd';
export const OURS_PLAIN = 'sstpd, no offload';
