import { lstatSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { join } from 'node:path';

/** The admin socket cannot be opened; one line says why. */
export class AdminSocketError extends Error {
  override readonly name = 'AdminSocketError';
  readonly code = 'ERR_ADMIN_SOCKET';
}

/** sun_path of `unix(7)`, without its closing zero. */
const MOST_PATH_BYTES = 107;

/** The socket of the server that runs on a data directory. */
export function adminSocketPath(dataDirectory: string): string {
  return join(dataDirectory, 'admin.sock');
}

/**
 * Binds a server to a unix socket that only this account and root can open.
 * A socket left by a killed server is replaced; one that still answers is not, nor is any other kind of file.
 *
 * @throws {AdminSocketError}
 */
export async function listenPrivately(server: Server, socketPath: string): Promise<void> {
  if (Buffer.byteLength(socketPath) > MOST_PATH_BYTES) {
    throw new AdminSocketError(
      `${socketPath} is too long for a unix socket (${MOST_PATH_BYTES} bytes at most); choose a shorter --data DIR`,
    );
  }
  await removeStale(socketPath);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: Error): void => reject(new AdminSocketError(error.message));
    server.once('error', onError);
    // bind(2) happens within listen(): the file has mode 0600 from its first moment.
    const umask = process.umask(0o177);
    try {
      server.listen(socketPath, () => {
        server.off('error', onError);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

async function removeStale(socketPath: string): Promise<void> {
  const stat = lstatSync(socketPath, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) {
    throw new AdminSocketError(`${socketPath} is in the way: it is no socket; move it aside`);
  }
  if (await answers(socketPath)) {
    throw new AdminSocketError(`another sstpd is running: ${socketPath} answers`);
  }
  unlinkSync(socketPath);
}

/** Whether a process accepts connections there. A refusal for any other reason than a dead socket counts as an answer. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
