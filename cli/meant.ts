/** What words that other programs know are here, and what is closest to those that none does. */

/** By command and word, as others name it; the empty command is `sstpd` itself. */
const COMMANDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    ...named('sstpd serve', 'start', 'run', 'server', 'up', 'daemon', 'listen', 'restart'),
    ...named('sstpd sessions', 'list', 'ps', 'who', 'clients', 'connections', 'session', 'ls'),
    ...named('sstpd doctor', 'status', 'check', 'test', 'health', 'diagnose'),
    ...named('sstpd explain', 'log', 'logs', 'attempts', 'why', 'errors', 'debug'),
    ...named('sstpd user add', 'adduser', 'useradd', 'add-user', 'add', 'account'),
    ...named('sstpd user remove', 'deluser', 'userdel', 'remove', 'delete', 'rm', 'del'),
    ...named('sstpd user passwd', 'passwd', 'password'),
    ...named('sstpd user list', 'users'),
    ...named('sstpd admin add', 'admins'),
    ...named('sstpd token list', 'tokens'),
    ...named('sstpd sessions kill', 'kill', 'disconnect', 'kick'),
    ...named('sstpd connect', 'client', 'dial', 'call'),
    ...named('sstpd ca show', 'cert', 'certs', 'certificate', 'certificates', 'authority', 'pki'),
    ...named('sstpd ca renew', 'renew', 'rotate'),
    ...named('sstpd profile', 'profiles', 'export', 'setup'),
    ...named('sstpd config', 'configuration', 'settings', 'keys', 'show'),
    ...named('sstpd --version', 'version'),
    ...named('Ctrl-C, or systemctl stop sstpd', 'stop', 'shutdown', 'down', 'quit', 'exit'),
  },
  user: {
    ...named('remove', 'rm', 'del', 'delete', 'erase', 'drop'),
    ...named('add', 'create', 'new', 'make', 'insert'),
    ...named('list', 'ls', 'show', 'all', 'users'),
    ...named('passwd', 'password', 'pass', 'pw', 'reset'),
    ...named('set', 'edit', 'change', 'modify', 'mod', 'update'),
    ...named('disable', 'lock', 'block', 'suspend', 'off'),
    ...named('enable', 'unlock', 'unblock', 'on'),
  },
  admin: {
    ...named('remove', 'rm', 'del', 'delete', 'drop'),
    ...named('add', 'create', 'new', 'make'),
    ...named('list', 'ls', 'show', 'all'),
    ...named('passwd', 'password', 'pass', 'pw', 'reset'),
  },
  token: {
    ...named('remove', 'rm', 'del', 'delete', 'revoke', 'drop'),
    ...named('add', 'create', 'new', 'make', 'issue'),
    ...named('list', 'ls', 'show', 'all'),
  },
  sessions: {
    ...named('sstpd sessions, without a word', 'list', 'ls', 'show', 'all'),
    ...named(
      'kill',
      'rm',
      'end',
      'stop',
      'disconnect',
      'close',
      'kick',
      'del',
      'delete',
      'remove',
      'drop',
      'terminate',
    ),
  },
};

/** By flag, what other programs call it; which one is meant depends on what a command has. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  '--listen': ['port', 'bind', 'address', 'addr', 'listen-address', 'listen-port'],
  '--host': ['domain', 'hostname', 'name', 'server-name', 'fqdn', 'server', 'public-ip'],
  '--pool': ['network', 'subnet', 'range', 'ip-range', 'pool4', 'ip-pool', 'cidr'],
  '--pool6': ['ipv6', 'network6', 'subnet6', 'ipv6-pool'],
  '--cert': ['certificate', 'tls-cert', 'crt', 'ssl-cert', 'chain', 'fullchain'],
  '--key': ['private-key', 'tls-key', 'ssl-key', 'privkey'],
  '--data': ['data-dir', 'datadir', 'dir', 'directory', 'state'],
  '--config': ['config-file', 'conf', 'file', 'cfg'],
  '--dns': ['nameserver', 'dns-server', 'resolver'],
  '--ip': ['address', 'addr', 'ipv4', 'fixed-ip', 'static-ip'],
  '--route': ['routes', 'network', 'subnet'],
  '--default-route': ['full-tunnel', 'all', 'gateway', 'redirect-gateway'],
  '--user': ['username', 'login', 'name'],
  '--ca': ['cacert', 'ca-cert', 'ca-file', 'cert', 'trust'],
  '--insecure': ['no-verify', 'skip-verify', 'no-check-certificate', 'ignore-cert'],
  '--days': ['expires', 'expiry', 'ttl', 'valid'],
  '--scope': ['scopes', 'role', 'rights', 'permission'],
  '--out': ['output', 'dir', 'directory', 'folder'],
  '--format': ['type', 'kind', 'for'],
};

/** Whoever can list processes reads the command line. */
const PASSWORD_FLAG = /^--(?:password|passwd|pass|pw|pwd|secret)(?:=|$)/;

function named(meaning: string, ...words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => [word, meaning]));
}

/** @returns what stands behind "Did you mean" */
export function meantCommand(group: string, word: string): string | undefined {
  const words = COMMANDS[group];
  return words !== undefined && Object.hasOwn(words, word) ? words[word] : undefined;
}

/**
 * What to say of a flag that a command does not know, beside that it does not.
 *
 * @param known the command's flags, `--data` and so on
 * @returns undefined: nothing
 */
export function aboutUnknownFlag(flag: string, known: readonly string[]): string | undefined {
  if (PASSWORD_FLAG.test(flag)) {
    const way = known.includes('--password-stdin')
      ? '--password-stdin reads it from standard input, and without that flag it is asked for'
      : known.includes('--password-file')
        ? 'give --password-file FILE, or set SSTPD_PASSWORD, or be asked'
        : undefined;
    return way && `a password on the command line could be read by other users: ${way}`;
  }
  const name = flag.replace(/^--/, '').replace(/=.*$/s, '');
  const meant = Object.entries(FLAGS).find(([meaning, words]) => known.includes(meaning) && words.includes(name))?.[0];
  return meant && `Did you mean ${meant}?`;
}
