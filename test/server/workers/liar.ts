/** A worker that lies: it says what is in a file, as it is, and then stays. Run by lying-worker.test.ts. */
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';

const [file = ''] = process.argv.slice(2);
const channel = new Socket({ fd: 3, readable: true, writable: true });
channel.on('error', () => {});
// Whoever ends it has to do so himself.
channel.on('close', () => setInterval(() => {}, 60_000));
channel.resume();
channel.write(readFileSync(file));
