import { androidText } from './android.ts';
import type { ProfileFacts } from './facts.ts';
import { networkManagerFile } from './network-manager.ts';
import { phonebook } from './phonebook.ts';
import { routerosCommands } from './routeros.ts';
import { setupScript } from './setup-script.ts';
import { sstpcScript } from './sstpc.ts';

/** A file for one kind of client. */
export interface ProfileFile {
  readonly name: string;
  readonly mediaType: string;
  readonly text: string;
}

interface Maker {
  readonly name: string;
  readonly mediaType: string;
  readonly make: (facts: ProfileFacts) => string;
}

const PLAIN = 'text/plain; charset=utf-8';
const BINARY = 'application/octet-stream';

export type ProfileFormat = 'ps1' | 'pbk' | 'nm' | 'sstpc' | 'android' | 'routeros';

const MAKERS: Readonly<Record<ProfileFormat, Maker>> = {
  ps1: { name: 'setup.ps1', mediaType: BINARY, make: setupScript },
  pbk: { name: 'sstpd.pbk', mediaType: BINARY, make: phonebook },
  nm: { name: 'sstpd.nmconnection', mediaType: BINARY, make: networkManagerFile },
  sstpc: { name: 'sstpc.sh', mediaType: BINARY, make: sstpcScript },
  android: { name: 'android.txt', mediaType: PLAIN, make: androidText },
  routeros: { name: 'routeros.rsc', mediaType: PLAIN, make: routerosCommands },
};

export const PROFILE_FORMATS: readonly ProfileFormat[] = Object.keys(MAKERS) as ProfileFormat[];

export function fileName(format: ProfileFormat): string {
  return MAKERS[format].name;
}

export function profileFile(format: ProfileFormat, facts: ProfileFacts): ProfileFile {
  const { name, mediaType, make } = MAKERS[format];
  return { name, mediaType, text: make(facts) };
}

/** The certificate of our own authority, which all but Windows take as a file. */
export function caFile({ caPem }: ProfileFacts): ProfileFile | undefined {
  return caPem === undefined ? undefined : { name: 'ca.pem', mediaType: 'application/x-pem-file', text: caPem };
}

/** @returns undefined if no file of this user has that name */
export function fileNamed(name: string, facts: ProfileFacts): ProfileFile | undefined {
  const format = PROFILE_FORMATS.find((each) => fileName(each) === name);
  if (format !== undefined) return profileFile(format, facts);
  const ca = caFile(facts);
  return ca?.name === name ? ca : undefined;
}

/** All files for a user. */
export function profileFiles(facts: ProfileFacts): ProfileFile[] {
  const ca = caFile(facts);
  return [...PROFILE_FORMATS.map((format) => profileFile(format, facts)), ...(ca === undefined ? [] : [ca])];
}
