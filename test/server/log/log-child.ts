/**
 * A log on the standard output of a process of its own. To `{lines}` it writes so many lines and answers with what waits
 * for the reader then. Arguments: the format of the log.
 */
import type { Config } from '../../../server/config/index.ts';
import { createLog } from '../../../server/log/log.ts';

export interface Waiting {
  readonly characters: number;
  readonly dropped: number;
  readonly residentBytes: number;
}

const format = process.argv[2] as Config['log']['format'];
const log = createLog({ level: 'info', format }, process.stdout);
let written = 0;
process.on('message', ({ lines }: { readonly lines: number }) => {
  for (let i = 0; i < lines; i += 1) {
    written += 1;
    log.info('tunnel.up', { number: written, note: 'x'.repeat(200) });
  }
  const { rss: residentBytes } = process.memoryUsage();
  const waiting: Waiting = { characters: process.stdout.writableLength, dropped: log.dropped, residentBytes };
  process.send?.(waiting);
});
