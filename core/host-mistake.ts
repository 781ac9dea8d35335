/** What people write where the bare name of a host is asked for: an address bar's content, or a name with its port. */

/**
 * What is wrong with a name that was refused, if it is a name with something around it: `write vpn.example.com, without
 * https:// and the port`.
 *
 * @param mayHavePort whether HOST:PORT is as good
 * @returns undefined if that is not what is wrong
 */
export function hostMistake(text: string, mayHavePort = false): string | undefined {
  const without: string[] = [];
  let rest = text.trim();
  const cut = (pattern: RegExp, what: (found: string) => string): void => {
    const found = pattern.exec(rest)?.[0];
    if (found === undefined) return;
    rest = rest.replace(pattern, '');
    without.push(what(found));
  };
  cut(/^[a-z][a-z\d+.-]*:\/\//i, (scheme) => scheme.toLowerCase());
  cut(/^\/\//, () => 'the slashes');
  cut(/[/?#].*$/s, () => 'what stands behind the name');
  cut(/^[^@]*@/, () => 'the user name');
  const [, bracketed, port] = /^\[([^\]]*)\](:\d+)?$/.exec(rest) ?? [];
  const isPlain = bracketed === undefined;
  const [, name = '', ownPort] = /^([^:]*)(:\d*)?$/.exec(isPlain ? rest : '') ?? [];
  const host = isPlain ? (name === '' ? rest : name) : bracketed;
  const found = port ?? (isPlain ? ownPort : undefined);
  if (found !== undefined && !mayHavePort) without.push('the port');
  if (!isPlain && !mayHavePort) without.push('the brackets');
  if (without.length === 0 || host === '' || /[\s,]/.test(host)) return undefined;
  const shown = mayHavePort && (found !== undefined || !isPlain) ? rest : host;
  const last = without.pop();
  return `write ${shown}, without ${without.length === 0 ? last : `${without.join(', ')} and ${last}`}`;
}
