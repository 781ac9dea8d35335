/** Sets up the host's network around TUN devices that exist, and takes back what it set up. */
import {
  formatIpv4,
  formatIpv4Cidr,
  formatIpv6,
  formatIpv6Cidr,
  type Ipv4,
  type Ipv4Cidr,
  type Ipv6,
  type Ipv6Cidr,
  ipv4InCidr,
  type Log,
} from '../../../core/index.ts';
import { type CommandResult, ip, runCommand } from './command.ts';
import { CLIENTS_SET, type FirewallOptions, firewallRules, isUniqueLocal, removeTable, tableName } from './firewall.ts';
import { IPV4_FORWARDING, IPV6_FORWARDING, turnOnForwarding } from './forwarding.ts';
import { guardDevice } from './guard-device.ts';
import { localNetworks, resolvers } from './local.ts';
import { NetworkError } from './network-error.ts';
import { DEVICE_ALIAS } from './own-devices.ts';
import { findDetour, findForeignChains } from './survey.ts';
import { readSysctl, sysctlName, writeSysctl } from './sysctl.ts';
import { TableKeeper } from './table-keeper.ts';

/** IPv6 needs links of at least so many bytes (RFC 8200 5). */
const IPV6_LEAST_MTU = 1280;

export interface NetworkOptions {
  /** The devices' names; they exist before `up`. The route to the pool leads to the first. */
  readonly tuns: readonly string[];
  /** Keep clients of different devices apart. */
  readonly isolate: boolean;
  readonly mtu: number;
  readonly ipv4: { readonly address: Ipv4; readonly cidr: Ipv4Cidr };
  /** The address is PREFIX::1. */
  readonly ipv6: { readonly address: Ipv6; readonly cidr: Ipv6Cidr } | undefined;
  /** Ours on the device, also without an IPv6 pool. */
  readonly linkLocal: Ipv6;
  /** Translate what clients send to other networks into the host's own addresses. */
  readonly nat: boolean;
  /** See `FirewallOptions`. */
  readonly flowsPerClient: number;
  readonly reach: FirewallOptions['reach'];
  /** Keep table and forwarding as they were set up until `down`, or the end of this process, with which the table goes. */
  readonly keeps?: boolean;
  /** Letters, digits and `_`: tells the nftables tables of several servers apart. */
  readonly instance: string;
  readonly log: Log;
}

/**
 * The lines that `up`, `down` and `cleanStale` return are for the operator; those that name something missing start
 * with `WARNING: ` and end with the command that mends it. Every method may be called again: it leaves what is right.
 */
export class HostNetwork {
  readonly #options: NetworkOptions;
  readonly #table: string;
  /** Addresses outside the pool that are translated, and for how many sessions. */
  readonly #clients = new Map<Ipv4, number>();
  /** Settings under /proc/sys that we turned on. */
  readonly #written = new Set<string>();
  #hasFirewall = false;
  #keeper: TableKeeper | undefined;
  /** What of the table this kernel takes. */
  #abilities: { readonly flowsPerClient: number; readonly hasFib: boolean };
  /** The IPv6 pool, unless IPv6 stays off for the devices. */
  #servedIpv6: Ipv6Cidr | undefined;
  /** Settles when the last change that was asked for is done: changes never overlap. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @throws {NetworkError} if the device's name or the instance is none that `ip` and `nft` take */
  constructor(options: NetworkOptions) {
    for (const tun of options.tuns) {
      if (!/^[A-Za-z0-9_.-]{1,15}$/.test(tun) || /^\.+$/.test(tun)) {
        throw new NetworkError(
          `${JSON.stringify(tun)} is no name for a network device: 1 to 15 letters, digits, . _ -`,
        );
      }
    }
    if (!/^[A-Za-z0-9_]{1,64}$/.test(options.instance)) {
      throw new NetworkError(
        `${JSON.stringify(options.instance)} is no name for an instance: 1 to 64 letters, digits, _`,
      );
    }
    if (options.ipv6 !== undefined && options.mtu < IPV6_LEAST_MTU) {
      throw new NetworkError(
        `an IPv6 pool needs an MTU of at least ${IPV6_LEAST_MTU}, not ${options.mtu}: --mtu ${IPV6_LEAST_MTU}`,
      );
    }
    this.#options = options;
    this.#abilities = { flowsPerClient: options.flowsPerClient, hasFib: true };
    this.#table = tableName(options.instance);
  }

  /** See `localNetworks` in local.ts. */
  static localNetworks(): Promise<Ipv4Cidr[]> {
    return localNetworks();
  }

  /** See `resolvers` in local.ts. */
  static resolvers(): Promise<Ipv4[]> {
    return resolvers();
  }

  /**
   * Brings the devices up with their addresses, turns forwarding on, and translates. Needs CAP_NET_ADMIN, for sysctls root.
   *
   * @throws {NetworkError} if a device can't be configured; everything less becomes a line
   */
  async up(): Promise<string[]> {
    const device = await this.#configureDevices();
    const forwarding = await turnOnForwarding(this.#options.ipv6 !== undefined);
    for (const path of forwarding.written) this.#written.add(path);
    this.#keeper?.close();
    this.#keeper = undefined;
    const firewall = [...(await this.#installFirewall()), ...(this.#options.keeps === true ? this.#keep() : [])];
    return [...device, ...forwarding.lines, ...firewall, ...(await this.#foreignChains()), ...(await this.#detours())];
  }

  /**
   * Translates a fixed address outside the pool; one inside the pool is translated already. Each call wants its
   * `removeClient`: an address that moves from one session to the next is added before it is removed.
   */
  addClient(address: Ipv4): Promise<void> {
    return this.#inTurn(async () => {
      if (ipv4InCidr(address, this.#options.ipv4.cidr)) return;
      const holders = this.#clients.get(address) ?? 0;
      this.#clients.set(address, holders + 1);
      if (holders === 0) await this.#translate(address);
    });
  }

  /** Takes back one `addClient`; without effect for any other address. */
  removeClient(address: Ipv4): Promise<void> {
    return this.#inTurn(async () => {
      const holders = this.#clients.get(address) ?? 0;
      if (holders > 1) this.#clients.set(address, holders - 1);
      if (holders !== 1) return;
      this.#clients.delete(address);
      await this.#leaveAlone(address);
    });
  }

  /** Removes addresses and the nftables table. Never rejects, so that the rest of a shutdown goes on. */
  down(): Promise<string[]> {
    return this.#inTurn(() => this.#takeDown());
  }

  /** From now on nobody but us changes the table, or not for long. */
  #keep(): string[] {
    if (!this.#hasFirewall) return [];
    const { log, ipv6 } = this.#options;
    const forwarding = [IPV4_FORWARDING, ...(ipv6 === undefined ? [] : [IPV6_FORWARDING])];
    try {
      this.#keeper = new TableKeeper({ table: this.#table, log, forwarding });
      return this.#keeper.take();
    } catch (error) {
      this.#keeper?.close();
      this.#keeper = undefined;
      return [
        `nobody watches the nftables table ${this.#table}, so who flushes it ends NAT and the guard: ${String(error)}`,
      ];
    }
  }

  async #takeDown(): Promise<string[]> {
    this.#clients.clear();
    // Down, a device has no routes any more. One that is gone has taken its addresses with it.
    for (const tun of this.#options.tuns) {
      if (!(await deviceExists(tun))) continue;
      const lines = [...this.#addresses(tun).map((address) => `address delete ${address}`), `link set dev ${tun} down`];
      const result = await runCommand('ip', ['-force', '-batch', '-'], batch(lines));
      if (result.kind === 'failed') this.#note(result.message);
    }
    return [...(await this.#removeTable()), ...this.#staysOn()];
  }

  /** Removes the table that a killed run of this instance left behind; it would go on translating. */
  async cleanStale(): Promise<string[]> {
    const listed = await runCommand('nft', ['-j', 'list', 'tables']);
    if (listed.kind !== 'ok' || !listed.stdout.includes(`"${this.#table}"`)) return [];
    const removed = await runCommand('nft', ['-f', '-'], removeTable(this.#table));
    if (removed.kind === 'ok')
      return [`removed the nftables table ${this.#table} of an earlier run that did not end in order`];
    return [
      `WARNING: the nftables table ${this.#table} of an earlier run is still there: nft delete table inet ${this.#table}`,
    ];
  }

  async #configureDevices(): Promise<string[]> {
    const { tuns, mtu, ipv4, ipv6 } = this.#options;
    const states = new Map<string, { isOn: boolean; lines: string[] }>();
    for (const tun of tuns) states.set(tun, await this.#enableIpv6(tun));
    const isOn = [...states.values()].every((state) => state.isOn);
    this.#servedIpv6 = isOn ? ipv6?.cidr : undefined;
    const commands = tuns.flatMap((tun) => {
      const hasIpv6 = states.get(tun)?.isOn === true;
      const addresses = this.#addresses(tun).filter((address) => hasIpv6 || !address.includes(':'));
      return [
        `link set dev ${tun} mtu ${mtu} alias ${DEVICE_ALIAS}`,
        ...(hasIpv6 ? [`link set dev ${tun} addrgenmode none`] : []),
        `link set dev ${tun} up`,
        ...addresses.map((address) => `address replace ${address}${address.includes(':') ? ' nodad' : ''}`),
      ];
    });
    const unguarded = (await Promise.all(tuns.map(guardDevice))).flat();
    await ip(['-batch', '-'], batch(commands));
    const pools = [formatIpv4Cidr(ipv4.cidr), ...(this.#servedIpv6 ? [formatIpv6Cidr(this.#servedIpv6)] : [])];
    const devices = `${tuns.length === 1 ? 'device' : 'devices'} ${tuns.join(', ')}`;
    return [
      `${devices}: MTU ${mtu}, clients in ${pools.join(' and ')}`,
      ...new Set([...states.values()].flatMap(({ lines }) => lines)),
      ...unguarded,
    ];
  }

  /**
   * Ours on a device, as `ip address` takes them. On the first one the prefix length makes the route to the pool; on
   * the others the address is there for the answers of this host, such as ICMP errors, and clients have routes each.
   */
  #addresses(tun: string): string[] {
    const { tuns, ipv4, ipv6, linkLocal } = this.#options;
    const isFirst = tun === tuns[0];
    return [
      `${formatIpv4(ipv4.address)}/${isFirst ? ipv4.cidr.prefixLength : 32} dev ${tun}`,
      `${formatIpv6(linkLocal)}/64 dev ${tun}`,
      ...(ipv6 ? [`${formatIpv6(ipv6.address)}/${isFirst ? ipv6.cidr.prefixLength : 128} dev ${tun}`] : []),
    ];
  }

  /** Containers often start with IPv6 off on every interface; on our own device it can be turned on. */
  async #enableIpv6(tun: string): Promise<{ isOn: boolean; lines: string[] }> {
    const { mtu, ipv6 } = this.#options;
    const path = `net/ipv6/conf/${tun}/disable_ipv6`;
    if (mtu < IPV6_LEAST_MTU) return { isOn: false, lines: [] };
    const outcome = await writeSysctl(path, '0');
    switch (outcome) {
      case 'unchanged':
      case 'written':
        return { isOn: true, lines: [] };
      case 'absent':
        if (ipv6 && (await readSysctl('net/ipv6/conf/all/disable_ipv6')) === undefined) {
          throw new NetworkError('this kernel has no IPv6 (ipv6.disable=1?): start without --pool6, or boot with IPv6');
        }
        return { isOn: false, lines: [] };
      case 'refused': {
        const warning = `WARNING: IPv6 is off for ${tun}, so clients get no IPv6; outside: sysctl -w ${sysctlName('net/ipv6/conf/default/disable_ipv6')}=0`;
        return { isOn: false, lines: ipv6 ? [warning] : [] };
      }
      default:
        return outcome satisfies never;
    }
  }

  /** A small kernel may lack what parts of the table need: without them it goes in all the same. */
  async #installFirewall(): Promise<string[]> {
    const { nat, flowsPerClient } = this.#options;
    let fault: string | undefined;
    for (const hasFib of [true, false]) {
      for (const flows of new Set([flowsPerClient, 0])) {
        this.#abilities = { flowsPerClient: flows, hasFib };
        const result = await this.#putTable();
        if (result.kind === 'missing') return this.#withoutNft();
        if (result.kind === 'ok') return [...this.#ways(), ...this.#lacking(fault ?? '')];
        fault ??= result.message;
      }
    }
    if (nat) return [this.#withoutNat(`nft: ${fault}`, 'see what nft list ruleset says')];
    return [`WARNING: no guard of what clients reach (nft: ${fault})`, ...this.#ways()];
  }

  #withoutNft(): string[] {
    return [
      ...(this.#options.nat
        ? [this.#withoutNat('nft is not installed', 'apt install nftables and start again')]
        : this.#ways()),
      'WARNING: without nft clients reach all of this host, the firewalls of others that may drop what clients send are not found, and the second guard of the loopback addresses is off: apt install nftables',
    ];
  }

  #lacking(message: string): string[] {
    const { flowsPerClient, hasFib } = this.#abilities;
    return [
      ...(flowsPerClient < this.#options.flowsPerClient
        ? [
            `WARNING: one client can use up the connections that this host can track (nft: ${message}): use a kernel with CONFIG_NFT_CONNLIMIT, or set limits.flowsPerClient to 0`,
          ]
        : []),
      ...(hasFib
        ? []
        : [
            `WARNING: clients reach ports of this host that lead into containers (nft: ${message}): use a kernel with CONFIG_NFT_FIB_INET`,
          ]),
    ];
  }

  async #putTable(): Promise<CommandResult> {
    const { tuns, isolate, ipv4, ipv6, nat, reach } = this.#options;
    const table = this.#table;
    const inside = { ipv4: ipv4.address, ipv6: ipv6?.address };
    const places = { table, tuns, isolate, ipv4: ipv4.cidr, ipv6: ipv6?.cidr, inside };
    const rules = firewallRules({ ...places, nat, reach, ...this.#abilities });
    const extra = [...this.#clients.keys()].map((address) => element('add', table, address));
    const result = await runCommand('nft', ['-f', '-'], [rules, ...extra].join(''));
    this.#hasFirewall = result.kind === 'ok';
    return result;
  }

  /** How packets of clients get to other networks and back. */
  #ways(): string[] {
    return [...this.#translation(), ...this.#routedPrefix()];
  }

  #translation(): string[] {
    const { ipv4, nat } = this.#options;
    const ipv6 = this.#servedIpv6;
    if (!nat) return [`no NAT: ${formatIpv4Cidr(ipv4.cidr)} must be routed to this host by the network behind it`];
    const translated = [formatIpv4Cidr(ipv4.cidr), ...(ipv6 && isUniqueLocal(ipv6) ? [formatIpv6Cidr(ipv6)] : [])];
    return [`NAT for ${translated.join(' and ')} (nftables table ${this.#table})`];
  }

  #routedPrefix(): string[] {
    const ipv6 = this.#servedIpv6;
    if (ipv6 === undefined || (this.#options.nat && isUniqueLocal(ipv6))) return [];
    return [`no NAT for ${formatIpv6Cidr(ipv6)}: it must be routed to this host by the network behind it`];
  }

  #withoutNat(cause: string, remedy: string): string {
    const pool = formatIpv4Cidr(this.#options.ipv4.cidr);
    return `WARNING: ${cause}, so there is no NAT and clients get no further than this server: ${remedy}, or start with --no-nat and route ${pool} to this host`;
  }

  /** Firewalls of others on the way of what we forward. */
  async #foreignChains(): Promise<string[]> {
    const { tuns, ipv6 } = this.#options;
    const { chains } = await findForeignChains({ ownTable: this.#table, tuns, withIpv6: ipv6 !== undefined });
    return chains.map((chain) => `WARNING: ${chain.name} drops what ${tuns.join(', ')} forwards; run: ${chain.remedy}`);
  }

  /** A routing rule of another VPN can take packets for clients elsewhere; reverse path filtering then drops theirs too. */
  async #detours(): Promise<string[]> {
    const [tun = ''] = this.#options.tuns;
    const detour = await findDetour(this.#options.ipv4.cidr, tun);
    if (detour === undefined) return [];
    const consequence = detour.isStrict ? ', and strict rp_filter drops what clients send' : '';
    return [
      `WARNING: the kernel sends packets for clients to ${detour.device}, not ${tun}${consequence}; see: ip rule show; ip route get ${detour.address}`,
    ];
  }

  async #translate(address: Ipv4): Promise<void> {
    if (!this.#hasFirewall) return;
    if (this.#keeper !== undefined) return this.#changeKept('add', address);
    const result = await runCommand('nft', ['-f', '-'], element('add', this.#table, address));
    if (result.kind === 'ok') return;
    // Somebody may have flushed all tables, ours too; the whole of it has the address in it.
    if (result.kind === 'failed' && (await this.#putTable()).kind === 'ok') return;
    const message = result.kind === 'missing' ? 'nft is missing' : result.message;
    this.#options.log.error('network.not-translated', { address: formatIpv4(address), message });
  }

  async #leaveAlone(address: Ipv4): Promise<void> {
    if (!this.#hasFirewall) return;
    if (this.#keeper !== undefined) return this.#changeKept('delete', address);
    const result = await runCommand('nft', ['-f', '-'], element('delete', this.#table, address));
    if (result.kind === 'failed') this.#note(result.message);
  }

  #changeKept(change: 'add' | 'delete', address: Ipv4): void {
    try {
      this.#keeper?.changeAddress(change, CLIENTS_SET, address);
    } catch (error) {
      const message = String(error);
      if (change === 'delete') this.#note(message);
      else this.#options.log.error('network.not-translated', { address: formatIpv4(address), message });
    }
  }

  async #removeTable(): Promise<string[]> {
    if (!this.#hasFirewall) return [];
    this.#keeper?.close();
    this.#keeper = undefined;
    const result = await runCommand('nft', ['-f', '-'], removeTable(this.#table));
    if (result.kind === 'ok') {
      this.#hasFirewall = false;
      return [`removed the nftables table ${this.#table}`];
    }
    return [`WARNING: the nftables table ${this.#table} is still there: nft delete table inet ${this.#table}`];
  }

  #staysOn(): string[] {
    if (this.#written.size === 0) return [];
    const settings = [...this.#written].map(sysctlName).join(', ');
    return [`stays as it is, because others may rely on it by now: ${settings}`];
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined); // whoever asked for the change hears of its failure
    return done;
  }

  /** What a command complained about and nobody needs to mend. */
  #note(message: string): void {
    this.#options.log.debug('network.command-failed', { message });
  }
}

async function deviceExists(tun: string): Promise<boolean> {
  return (await runCommand('ip', ['link', 'show', 'dev', tun])).kind === 'ok';
}

/** One command per line, as `ip -batch` reads them. */
function batch(commands: readonly string[]): string {
  return `${commands.join('\n')}\n`;
}

function element(change: 'add' | 'delete', table: string, address: Ipv4): string {
  return `${change} element inet ${table} ${CLIENTS_SET} { ${formatIpv4(address)} }\n`;
}
