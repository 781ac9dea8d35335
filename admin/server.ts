import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Log } from '../core/index.ts';
import { type AdminNetwork, createAdminApp } from './app.ts';
import type { AdminBackend } from './backend.ts';
import { listenPrivately } from './socket.ts';

export interface AdminServer {
  /** Stops answering, ends open requests' connections and removes the socket. */
  close(): Promise<void>;
}

/** An admin API that is not open yet: all of its code is loaded, so that it can open once the rights to load are gone. */
export interface PreparedAdminServer {
  /**
   * Opens the unix socket; whoever made the server of the network opens that.
   *
   * @throws {AdminSocketError} if the socket cannot be opened, or another server has it
   */
  listen(socketPath: string): Promise<AdminServer>;
}

export interface AdminServerOptions {
  readonly backend: AdminBackend;
  readonly log: Log;
  /** Undefined: on the unix socket only. */
  readonly network?: AdminNetwork | undefined;
}

/**
 * Opens the admin API. Who may open the socket may do everything: its mode is 0600, in a directory with mode 0700.
 * Errors are `{ error: <code>, message }`.
 *
 * @throws {AdminSocketError} if the socket cannot be opened, or another server has it
 */
export async function startAdminServer(
  options: AdminServerOptions & { readonly socketPath: string },
): Promise<AdminServer> {
  return (await prepareAdminServer(options)).listen(options.socketPath);
}

export async function prepareAdminServer(options: AdminServerOptions): Promise<PreparedAdminServer> {
  const { backend, log, network } = options;
  const local = await createAdminApp({ backend, log, network: undefined });
  const apps = network === undefined ? [local] : [local, await createAdminApp({ backend, log, network })];
  const closers = apps.map(closer);
  for (const { server } of apps) {
    // Of those that listen, and can't accept: out of descriptors, say. Node would end the process.
    server.once('listening', () =>
      server.on('error', (error) => log.error('admin.accept-failed', { error: error.message })),
    );
  }
  const close = async (): Promise<void> => {
    await Promise.all(closers.map((one) => one()));
  };
  return {
    async listen(socketPath) {
      await listenPrivately(local.server, socketPath);
      return { close };
    },
  };
}

/** @returns what ends the app with all its connections */
function closer(app: FastifyInstance): () => Promise<void> {
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return async () => {
    // Fastify closes only a server that it has opened itself.
    const closed = app.server.listening && new Promise((resolve) => app.server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    await app.close();
  };
}
