/**
 * A user id for a server that has no account: one for each data directory, so that two servers of one machine can't read
 * each other's files or signal each other. It is kept as the owner of the directory, so it is the same at each start.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { USUAL_DATA } from '../../core/index.ts';
import { realDirectory } from './data-directory.ts';

/** No Debian account has one of these: above the dynamic accounts of systemd, below the subordinate ids of containers. */
const FIRST_ID = 70_000;
const LAST_ID = 99_999;
/** What every data directory got before each had its own. */
const SHARED_ID = 88_443;
/** A folder with more entries holds no handful of data directories. */
const MOST_ENTRIES = 2_000;

/** The numbers that are taken, by whom we could look at. */
export interface Taken {
  readonly passwd: string;
  readonly owners: ReadonlySet<number>;
}

/** @param data the data directory, which may be yet to be made */
export function spareId(data: string, taken: () => Taken = lookAround(data)): number {
  const owner = statSync(data, { throwIfNoEntry: false })?.uid;
  if (owner !== undefined && owner >= FIRST_ID && owner <= LAST_ID) return owner;
  const { passwd, owners } = taken();
  const accounts = new Set(passwd.split('\n').flatMap((line) => line.split(':').slice(2, 4).map(Number)));
  const count = LAST_ID - FIRST_ID + 1;
  const from = createHash('sha256').update(realDirectory(data)).digest().readUInt32BE(0) % count;
  const isFree = (id: number): boolean => id !== SHARED_ID && !accounts.has(id) && !owners.has(id);
  for (let step = 0; step < count; step += 1) {
    const id = FIRST_ID + ((from + step) % count);
    if (isFree(id)) return id;
  }
  return SHARED_ID;
}

/** Who runs, and whose the directories around this one are: a server that does not run has its id all the same. */
function lookAround(data: string): () => Taken {
  return () => {
    // Others are likely to be around ours, and where it is usual.
    const places = new Set([dirname(realDirectory(data)), dirname(USUAL_DATA)]);
    const directories = [...places].flatMap((place) => entriesOf(place).map((name) => join(place, name)));
    const processes = entriesOf('/proc').filter((name) => /^\d+$/.test(name));
    const paths = [...directories, ...processes.map((pid) => join('/proc', pid))];
    const owners = paths.flatMap((path) => ownerOf(path) ?? []);
    return { passwd: readFileSync('/etc/passwd', 'utf8'), owners: new Set(owners) };
  };
}

function entriesOf(folder: string): string[] {
  try {
    const names = readdirSync(folder);
    return names.length > MOST_ENTRIES && folder !== '/proc' ? [] : names;
  } catch {
    return [];
  }
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined; // gone, or nothing of ours to see
  }
}
