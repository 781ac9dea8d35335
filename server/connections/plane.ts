import type { SessionView } from '../../admin/index.ts';
import type { ListenAddress } from '../../tls/index.ts';
import type { TlsMaterial } from '../certificates/material.ts';
import type { Report } from '../observe/reported.ts';

/** What carries the connections of a server: its one process, or a pool of workers. */
export interface Plane {
  /** Takes connections from now on. @throws {ListenError} @throws {StartError} if a worker does not start */
  listen(): Promise<readonly ListenAddress[]>;
  /** Resolved when new connections get it, in each process; the others keep theirs. */
  setTls(material: TlsMaterial): Promise<void>;
  /** All that are there, oldest first; without those of a process that does not answer. */
  sessions(): Promise<SessionView[]>;
  /** Of each process by its name: `MAIN` is this one. */
  reports(): Promise<ReadonlyMap<string, Report>>;
  /** Takes no more connections, disconnects everybody in order, and resolves when all are gone. */
  stop(): Promise<void>;
}
