/** By group, of each program or file its package. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>>;
export const SYSTEM_FOLDERS: readonly string[];
export function neededBy(groups: readonly string[]): [string, string][];
export function packagesOf(groups: readonly string[]): string[];
export function missingOf(groups: readonly string[], folders?: readonly string[]): [string, string][];
export function searchedFolders(): string[];
export function isThere(what: string, folders?: readonly string[]): boolean;
