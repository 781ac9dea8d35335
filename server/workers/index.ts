/** The worker processes, as the supervisor sees them. What they run is worker-main.ts. */
export { locateWorker, type WorkerProgram } from './program.ts';
export { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';
