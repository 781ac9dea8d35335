/** One session's bytes so far, for whoever wants to know it of each. */
export interface SessionTraffic {
  readonly id: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}
