/** What node:tls costs without a VPN around it: no server that is built on it can cost less. */
import { join } from 'node:path';
import { type Lab, type Place, SERVER_ADDRESS } from './lab.ts';
import { bothWays, type Direction } from './measure.ts';
import { cpuSeconds, LineProcess, run, SERVER_CORE } from './processes.ts';

export interface StreamFigures {
  readonly mbits: number;
  readonly serverCpuPerGb: number;
}

const PROGRAM = join(import.meta.dirname, 'tls-stream.ts');
const PORT = '4433';

/** One connection over the same link as the tunnels', the server on the same core. */
export async function measureTlsAlone(lab: Lab, seconds: number): Promise<Record<Direction, StreamFigures>> {
  const place = await lab.direct(1, 'cubic');
  const words = [process.execPath, PROGRAM, 'serve', SERVER_ADDRESS, PORT];
  const server = new LineProcess(words, { netns: place.server, core: SERVER_CORE });
  try {
    await server.hear((line) => line === 'ready');
    return await bothWays((direction) => measure(place, server, direction, seconds));
  } finally {
    await server.end();
    await place.close();
  }
}

async function measure(
  place: Place,
  server: LineProcess,
  direction: Direction,
  seconds: number,
): Promise<StreamFigures> {
  const before = cpuSeconds(server.pid);
  const words = [process.execPath, PROGRAM, 'connect', SERVER_ADDRESS, PORT, direction, String(seconds)];
  const text = await run(words, { netns: place.clients[0] ?? '' });
  const moved = JSON.parse(text) as { readonly bytes: number; readonly seconds: number };
  return {
    mbits: (moved.bytes * 8) / moved.seconds / 1e6,
    serverCpuPerGb: (cpuSeconds(server.pid) - before) / (moved.bytes / 1e9),
  };
}
