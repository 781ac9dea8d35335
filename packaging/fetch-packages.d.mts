/** Program or file, and its package, if there is one. */
export type Missing = readonly (readonly [string, string | undefined])[];
/** What tests replace. */
export interface Machine {
  /** Of the package. */
  readonly root: string;
  /** The folder of apt-get, apt-cache and dpkg. */
  readonly programs: string;
  readonly user: number;
  /** SSTPD_APT. */
  readonly setting: string | undefined;
  /** Where programs may be. */
  readonly folders: readonly string[];
  readonly say: (line: string) => void;
  readonly lockSeconds: number;
}
export function isClone(root?: string): boolean;
export function fetchPackages(missing: Missing, given?: Partial<Machine>): { missing: Missing; why: string };
export function namesOf(missing: Missing): string[];
export function remedy(missing: Missing, given?: Partial<Machine>): string;
