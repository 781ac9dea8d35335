/** Connections and what carries them: listeners, the shell of the machines, one data plane for each process. */
export { DataPlane, type DataPlaneOptions } from './data-plane.ts';
export { probeListeners } from './listeners.ts';
export type { Plane } from './plane.ts';
