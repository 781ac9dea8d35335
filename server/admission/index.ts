/** Which connections are let in, and who makes room at a limit. */
export { Admission } from './admission.ts';
export { type Flood, type FloodObserver, FloodWatch, floodView } from './flood-watch.ts';
export type { AdmissionLimit, AdmissionLimits } from './machine.ts';
export type { Doorkeeper, Ticket, TurnedAway } from './ticket.ts';
export { TokenBucket } from './token-bucket.ts';
