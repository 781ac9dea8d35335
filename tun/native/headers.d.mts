/** The folder with node_api.h. @throws {Error} */
export function findIncludeFolder(): string;
