/** What the supervisor starts. */
import { runWorker } from './worker.ts';

runWorker();
