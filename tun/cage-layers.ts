/** The two layers that hold from before a worker's first instruction on. */
export interface CageLayers {
  /** The ABI of Landlock; 0 is none. Linux Documentation/userspace-api/landlock.rst. */
  readonly landlock: number;
  readonly seccomp: boolean;
}

export const NO_CAGE: CageLayers = { landlock: 0, seccomp: false };
