/**
 * Firewalls of others that would drop what we forward. Accepting in our own table does not help: in nftables a packet
 * passes only if every chain on the hook lets it pass. So such a chain is found, and its owner's own command named.
 */
import { isRecord } from './command.ts';
import { isOfServer } from './firewall.ts';

type Owner = 'docker' | 'ufw' | 'firewalld' | 'other';

export interface DroppingChain {
  /** For the reader: `chain FORWARD of table ip filter (Docker)`. */
  readonly name: string;
  /** The commands that let the tunnel through. */
  readonly remedy: string;
}

interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly drops: boolean;
}

/**
 * The base chains on the forward hook that end in drop or reject and whose table has no rule for each of our devices.
 *
 * @param ruleset what `nft -j list ruleset` printed, parsed
 * @param families which tables matter: `ip6` ones only with an IPv6 pool
 */
export function droppingChains(
  ruleset: unknown,
  options: { readonly ownTable: string; readonly tuns: readonly string[]; readonly families: readonly string[] },
): DroppingChain[] {
  const entries = isRecord(ruleset) && Array.isArray(ruleset.nftables) ? ruleset.nftables.filter(isRecord) : [];
  const rules = entries.map((entry) => entry.rule).filter(isRecord);
  const allChains = entries.map((entry) => entry.chain).filter(isRecord);
  return allChains
    .filter((chain) => chain.hook === 'forward')
    .flatMap((entry) => {
      const chain = describe(entry, rules);
      if (!chain.drops || chain.table === options.ownTable || !options.families.includes(chain.family)) return [];
      const inTable = (item: Record<string, unknown>) => item.family === chain.family && item.table === chain.table;
      const ofTable = rules.filter(inTable);
      const stopped = options.tuns.filter((tun) => !ofTable.some((rule) => letsThrough(rule, tun)));
      if (stopped.length === 0) return [];
      const owner = ownerOf(
        chain.table,
        allChains.filter(inTable).map((item) => String(item.name)),
      );
      const name = `chain ${chain.name} of table ${chain.family} ${chain.table}${TITLES[owner]}`;
      return [{ name, remedy: stopped.map((tun) => remedy(owner, chain, tun)).join('; ') }];
    });
}

/** Whether somebody's chain on the forward hook, or one that its table has for it, refuses anything: a policy, of whatever kind. */
export function refusesForwarded(ruleset: unknown): boolean {
  const entries = isRecord(ruleset) && Array.isArray(ruleset.nftables) ? ruleset.nftables.filter(isRecord) : [];
  const rules = entries.map((entry) => entry.rule).filter(isRecord);
  return entries
    .map((entry) => entry.chain)
    .filter(isRecord)
    .filter(({ hook, table }) => hook === 'forward' && !isOfServer(String(table)))
    .some(
      (chain) =>
        chain.policy === 'drop' ||
        rules.some((rule) => rule.family === chain.family && rule.table === chain.table && refuses(rule)),
    );
}

/**
 * The same for a host that still has the older iptables in the kernel, which nft does not show.
 *
 * @param listing what `iptables-legacy -S` printed
 */
export function droppingLegacyChain(listing: string, tuns: readonly string[]): DroppingChain | undefined {
  const lines = listing.split('\n').map((line) => line.trim());
  const last = lines.findLast((line) => line.startsWith('-A FORWARD '));
  const drops = lines.includes('-P FORWARD DROP') || /^-A FORWARD -j (DROP|REJECT)\b/.test(last ?? '');
  const isAllowed = (tun: string): boolean =>
    lines.some((line) => new RegExp(`-i ${escapeForRegExp(tun)}( .*)? -j ACCEPT`).test(line));
  const stopped = tuns.filter((tun) => !isAllowed(tun));
  if (!drops || stopped.length === 0) return undefined;
  const names = lines.map((line) => /^-[NP] (\S+)/.exec(line)?.[1] ?? '');
  const owner = ownerOf('filter', names);
  const chain = { family: 'ip', table: 'filter', name: 'FORWARD', drops };
  const mend = (tun: string): string =>
    owner === 'other' ? iptablesRules('iptables-legacy', 'FORWARD', tun) : remedy(owner, chain, tun);
  return { name: `chain FORWARD of iptables-legacy${TITLES[owner]}`, remedy: stopped.map(mend).join('; ') };
}

const TITLES: Readonly<Record<Owner, string>> = {
  docker: ' (Docker)',
  ufw: ' (ufw)',
  firewalld: ' (firewalld)',
  other: '',
};

function ownerOf(table: string, chains: readonly string[]): Owner {
  if (table === 'firewalld') return 'firewalld';
  if (chains.some((name) => name.startsWith('ufw-') || name.startsWith('ufw6-'))) return 'ufw';
  if (chains.includes('DOCKER-USER')) return 'docker';
  return 'other';
}

function remedy(owner: Owner, chain: Chain, tun: string): string {
  switch (owner) {
    case 'docker':
      return iptablesRules(chain.family === 'ip6' ? 'ip6tables' : 'iptables', 'DOCKER-USER', tun);
    case 'ufw':
      return `ufw route allow in on ${tun}`;
    case 'firewalld':
      return `firewall-cmd --zone=trusted --add-interface=${tun}`;
    case 'other': {
      const insert = `nft insert rule ${chain.family} ${chain.table} ${chain.name}`;
      return `${insert} iifname ${tun} accept; ${insert} oifname ${tun} ct state established,related accept`;
    }
    default:
      return owner satisfies never;
  }
}

function iptablesRules(command: string, chain: string, tun: string): string {
  const answers = '-m conntrack --ctstate RELATED,ESTABLISHED';
  return `${command} -I ${chain} -i ${tun} -j ACCEPT; ${command} -I ${chain} -o ${tun} ${answers} -j ACCEPT`;
}

function describe(entry: Record<string, unknown>, rules: readonly Record<string, unknown>[]): Chain {
  const [family, table, name] = [String(entry.family), String(entry.table), String(entry.name)];
  const own = rules.filter((rule) => rule.family === family && rule.table === table && rule.chain === name);
  const last = own.at(-1);
  const endsInDrop = last !== undefined && isUnconditional(last) && refuses(last);
  return { family, table, name, drops: entry.policy === 'drop' || endsInDrop };
}

function expressions(rule: Record<string, unknown>): Record<string, unknown>[] {
  return Array.isArray(rule.expr) ? rule.expr.filter(isRecord) : [];
}

/** Nothing in it that chooses packets: counters and logs do not. */
function isUnconditional(rule: Record<string, unknown>): boolean {
  const harmless = new Set(['counter', 'log', 'drop', 'reject', 'xt']);
  return expressions(rule).every((expression) => {
    const { xt } = expression;
    const isTarget = !isRecord(xt) || xt.type === 'target';
    return isTarget && Object.keys(expression).every((key) => harmless.has(key));
  });
}

/** iptables-nft stores REJECT as a foreign ("xt") target. */
function refuses(rule: Record<string, unknown>): boolean {
  return expressions(rule).some((expression) => {
    const { xt } = expression;
    return (
      'drop' in expression || 'reject' in expression || (isRecord(xt) && ['DROP', 'REJECT'].includes(String(xt.name)))
    );
  });
}

/** A rule that names our device and does not refuse: an accept, or a jump to where the operator deals with it. */
function letsThrough(rule: Record<string, unknown>, tun: string): boolean {
  return !refuses(rule) && mentions(rule.expr, tun);
}

function mentions(value: unknown, text: string): boolean {
  if (typeof value === 'string') return value === text || (value.endsWith('*') && text.startsWith(value.slice(0, -1)));
  if (Array.isArray(value)) return value.some((item) => mentions(item, text));
  return isRecord(value) && Object.values(value).some((item) => mentions(item, text));
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
