import { existsSync, statSync } from 'node:fs';
import { becomeEffectively } from '../core/index.ts';

/**
 * Root becomes the owner of the data directory, if there is one, for the rest of the command: a server that ran before
 * gave it to the user that it had become.
 *
 * The program itself may lie where that user cannot go, as in a clone under /root. So nothing may be loaded afterwards:
 * the files of a command that comes here import what they need at their top. test/architecture.test.ts sees to it.
 */
export function becomeDataOwner(data: string): void {
  if (existsSync(data)) becomeEffectively(statSync(data));
}
