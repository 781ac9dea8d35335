/**
 * Node's modules, for what `sstpd connect` loads before its first packets: an `import` of one reads every export, and so
 * loads what is behind the lazy ones, 4 ms each for node:fs and node:util. Elsewhere an import does.
 */
export const fs: typeof import('node:fs') = process.getBuiltinModule('node:fs');
export const util: typeof import('node:util') = process.getBuiltinModule('node:util');
