/**
 * Which of several certificates a client is shown that asks for `serverName` (SNI, RFC 6066 3): the one that has the
 * name, else one with a wildcard for it, which stands for one label (RFC 6125 6.4.3), else the first.
 *
 * @param certificates.names DNS names in lower case
 * @param serverName in lower case; undefined: the client named none
 * @returns an index into `certificates`
 */
export function chooseByName(
  certificates: readonly { readonly names: readonly string[] }[],
  serverName: string | undefined,
): number {
  if (serverName === undefined) return 0;
  const dot = serverName.indexOf('.');
  const wildcard = dot > 0 ? `*${serverName.slice(dot)}` : undefined;
  for (const wanted of [serverName, wildcard]) {
    const index = certificates.findIndex(({ names }) => wanted !== undefined && names.includes(wanted));
    if (index !== -1) return index;
  }
  return 0;
}
