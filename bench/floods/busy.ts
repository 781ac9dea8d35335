/** Whether a measurement beside a flood says something of the server, or of the machine that it ran on. */
import type { CleanReport } from './clean-load.ts';

/** What else was going on while it was measured. */
export interface Circumstances {
  /** New connections a second: what there was to be, and what the flood came to. */
  readonly rate: number;
  readonly openedPerSecond: number;
  /** Share of the server's processor that other programs and the hypervisor took at most, 0 to 1. */
  readonly serverCoreTaken: number;
  readonly reports: readonly Pick<CleanReport, 'tries' | 'inAtFirst' | 'ownDelayMs'>[];
}

export interface Busy {
  /** In a few words. */
  readonly with: string;
  /**
   * The figures say nothing: there was less of a flood, or clients failed where the machine may be the reason. Who got in
   * although the machine was busy got in; how long that took is an upper bound.
   */
  readonly tooBusyToSay: boolean;
}

/** Less of a flood is another one. */
const LEAST_OF_RATE = 0.9;
const MOST_TAKEN = 0.15;
/** Clients that are themselves so late, p99, have lost more time than they could tell of a server. */
const MOST_OWN_DELAY_MS = 250;

/** @returns undefined if the machine did little else */
export function busyWith({ rate, openedPerSecond, serverCoreTaken, reports }: Circumstances): Busy | undefined {
  if (openedPerSecond < rate * LEAST_OF_RATE) {
    return { with: `the flood came to ${Math.round(openedPerSecond)} a second`, tooBusyToSay: true };
  }
  const tooBusyToSay = reports.some(({ tries, inAtFirst }) => inAtFirst < tries);
  if (serverCoreTaken > MOST_TAKEN) {
    const percent = Math.round(serverCoreTaken * 100);
    return { with: `something else took ${percent} % of the server's core`, tooBusyToSay };
  }
  const ownDelayMs = Math.max(...reports.map((report) => report.ownDelayMs));
  if (ownDelayMs <= MOST_OWN_DELAY_MS) return undefined;
  return { with: `the clients were late by ${ownDelayMs} ms themselves`, tooBusyToSay };
}
