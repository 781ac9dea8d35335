/**
 * Starts a server with the flags that the second argument has as JSON, and breaks off right after the start put its N-th step
 * on the undo stack (the first argument); takes back what there is. Prints how many steps there were, what it failed with, and what stayed
 * behind, as one JSON line, and then ends by itself if nothing keeps it.
 */
import { StartError, UndoStack } from '../../core/index.ts';
import { type FlagValues, loadConfig } from '../../server/index.ts';
import { start } from '../../server/start.ts';

class BreakingStack extends UndoStack {
  readonly #at: number;
  steps = 0;

  constructor(at: number) {
    super();
    this.#at = at;
  }

  override push(undo: () => unknown): void {
    super.push(undo);
    this.steps += 1;
    if (this.steps === this.#at) throw new StartError(`broken off at step ${this.#at}`);
  }
}

const [at, flags = ''] = process.argv.slice(2);
const undo = new BreakingStack(Number(at));
let failure: string | undefined;
try {
  const quiet = { write: () => true };
  const fail = (error: Error): void => {
    failure ??= `${error.message} while it ran`;
  };
  await start({ ...loadConfig({ flags: JSON.parse(flags) as FlagValues, env: {} }), stdout: quiet, undo, fail });
} catch (error) {
  failure = error instanceof Error ? error.message : String(error);
}
const left = await undo.run();
process.stdout.write(`${JSON.stringify({ msg: 'taken-back', steps: undo.steps, failure, left })}\n`);
