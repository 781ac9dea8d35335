/** The project's own client, `sstpd connect --json`, in a network namespace. */
import type { Netns } from './netns.ts';
import { type Exit, type Line, SSTPD, SstpdProcess } from './sstpd-process.ts';

export interface ClientOptions {
  /** HOST or HOST:PORT. */
  readonly to: string;
  readonly user: string;
  readonly password: string;
  readonly caFile: string;
  readonly args?: readonly string[];
  /** XDG_CACHE_HOME, with what it had from this server last; this process' own unless given. */
  readonly cacheHome?: string;
}

/** The line that `connect --json` prints when IPCP is up. */
export interface UpLine {
  readonly device: string;
  readonly ipv4: string;
  readonly server: string;
  readonly dns: readonly string[];
  readonly linkLocal?: string;
  readonly timelineMs: Readonly<Record<string, number>>;
}

/** The last line of `connect --json`. */
export interface EndLine {
  readonly reason: string;
  readonly detail: string;
  readonly wasUp: boolean;
}

export class SstpdClient {
  readonly process: SstpdProcess;
  readonly netns: Netns;

  constructor(netns: Netns, { to, user, password, caFile, args = [], cacheHome }: ClientOptions) {
    this.netns = netns;
    const command = [process.execPath, SSTPD, 'connect', to, '--user', user, '--ca', caFile, '--json', ...args];
    this.process = new SstpdProcess(netns, command, {
      SSTPD_PASSWORD: password,
      ...(cacheHome === undefined ? {} : { XDG_CACHE_HOME: cacheHome }),
    });
  }

  /** What IPCP brought. @throws {Error} with all output if it does not come up */
  async up(): Promise<UpLine> {
    return (await this.process.line({ event: 'up', ipv4: /./ })) as unknown as UpLine;
  }

  /** Waits for the end. */
  async ended(): Promise<EndLine & { readonly exit: Exit }> {
    const exit = await this.process.end();
    const line: Line = await this.process.line({ event: 'ended' });
    return { ...(line as unknown as EndLine), exit };
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<EndLine & { readonly exit: Exit }> {
    this.process.child.kill(signal);
    return this.ended();
  }
}
