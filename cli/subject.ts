import type { Command } from 'commander';
import type { AdminClient, AttemptView, StatusView, TokenView, UserView } from '../admin/index.ts';
import type { Config } from '../server/config/index.ts';
import { configFile, givenFlags, loadGiven, loadShown } from './options.ts';
import type { Terminal } from './terminal.ts';

/** A server as it runs, or as one would start. */
export interface Subject {
  readonly config: Config;
  readonly running:
    | (StatusView & {
        readonly tokens: readonly TokenView[];
        readonly users: readonly UserView[];
        readonly attempts: readonly AttemptView[];
      })
    | undefined;
}

/** What a command is about: a running server as it is, unless the flags speak of another one. */
export async function subjectOf(command: Command, terminal: Terminal): Promise<Subject> {
  const { config } = loadGiven(command, terminal.env);
  const { AdminClient } = await import('../admin/index.ts');
  const asksRunning =
    configFile(command) === undefined && Object.keys(givenFlags(command)).every((key) => key === 'data');
  const client = asksRunning ? await AdminClient.connect(config.data) : undefined;
  if (client === undefined) return { config, running: undefined };
  terminal.stderr.write(`sstpd: as the running server has it (pid ${client.status.pid})\n`);
  const { attempts } = await client.attempts();
  const running = { ...client.status, tokens: await client.tokens(), users: await client.users(), attempts };
  return { config: await configOfRunning(client, config.data), running };
}

/** What a server that runs was started with. */
export async function configOfRunning(client: AdminClient, data: string): Promise<Config> {
  return loadShown(await client.config(), { data }).config;
}
