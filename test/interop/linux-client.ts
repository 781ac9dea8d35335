import { LabRun } from './lab-run.ts';

export interface LinuxClientOptions {
  /** Name of the network namespace that the server is in. */
  readonly netns: string;
  /** Where the logs of sstpc and pppd go. */
  readonly logFile: string;
  /** NAME:PORT */
  readonly server: string;
  readonly caFile: string;
  readonly user: string;
  readonly password: string;
  readonly auth: 'mschapv2' | 'chap' | 'pap';
  readonly via?: 'sstpc' | 'pppd' | 'sniff' | 'script';
  /** The file that `via: 'script'` runs. */
  readonly script?: string;
  readonly guestCommand?: string;
  /** How long the tunnel is held once the guest command has ended; 0 unless said. */
  readonly holdSeconds?: number;
  readonly hangUp?: 'sstpc' | 'pppd' | 'none';
  readonly pppdOption?: string;
  readonly sstpcOption?: string;
}

/** Starts `sstpc-lab`: sstp-client with pppd. */
export function startLinuxClient(options: LinuxClientOptions): LabRun {
  return new LabRun('sstpc-lab', labArguments(options), options.logFile);
}

function labArguments(options: LinuxClientOptions): string[] {
  return [
    ...['--netns', options.netns, '--server', options.server, '--ca', options.caFile],
    ...['--user', options.user, '--password', options.password, '--auth', options.auth],
    ...['--via', options.via ?? 'sstpc', '--hang-up', options.hangUp ?? 'sstpc'],
    ...['--guest-cmd', options.guestCommand ?? '', '--hold', String(options.holdSeconds ?? 0)],
    ...(options.script === undefined ? [] : ['--script', options.script]),
    ...(options.pppdOption === undefined ? [] : ['--pppd-option', options.pppdOption]),
    ...(options.sstpcOption === undefined ? [] : ['--sstpc-option', options.sstpcOption]),
  ];
}
