export const SBOM_FILE: string;
// biome-ignore lint/suspicious/noExplicitAny: npm's own form
export function settle(sbom: Record<string, any>, name: string): Record<string, any>;
export function writeSbom(root: string): void;
