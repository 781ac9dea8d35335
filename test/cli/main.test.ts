import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { inProcess, sstpd } from './support.ts';

const COMMANDS = [
  ['serve'],
  ['user', 'add'],
  ['user', 'set'],
  ['user', 'list'],
  ['user', 'passwd'],
  ['user', 'disable'],
  ['user', 'enable'],
  ['user', 'remove'],
  ['admin', 'add'],
  ['admin', 'list'],
  ['admin', 'passwd'],
  ['admin', 'remove'],
  ['token', 'add'],
  ['token', 'list'],
  ['token', 'remove'],
  ['sessions'],
  ['sessions', 'kill'],
  ['ca', 'show'],
  ['ca', 'issue'],
  ['ca', 'renew'],
  ['throttle', 'list'],
  ['throttle', 'lift'],
  ['config'],
  ['connect'],
  ['demo'],
];

test('--version is that of package.json', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  assert.deepEqual(await sstpd(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('each command has help with options and an example, on stdout, exit status 0', async () => {
  for (const command of COMMANDS) {
    const { code, stdout, stderr } = await inProcess([...command, '--help']);
    assert.equal(code, 0, command.join(' '));
    assert.match(stdout, new RegExp(`^Usage: sstpd ${command.join(' ')}`));
    assert.match(stdout, new RegExp(`Examples?:\\n  \\$ sstpd ${command.join(' ')}`));
    assert.equal(stderr, '');
  }
});

test('help of serve has each flag of the configuration with its default', async () => {
  const { stdout } = await inProcess(['serve', '--help']);
  for (const flag of [
    '--data <DIR>',
    '--host <NAME>',
    '--cert <FILE>',
    '--key <FILE>',
    '--listen <[ADDR:]PORT>',
    '--pool <CIDR>',
    '--pool6 <PREFIX>',
    '--dns <IP>',
    '--auth <LIST>',
    '--mtu <N>',
    '--isolate',
    '--no-nat',
    '--workers <N>',
    '--config <FILE>',
  ]) {
    assert.ok(stdout.includes(`  ${flag} `), flag);
  }
  assert.match(stdout, /\(default:\s+\/var\/lib\/sstpd\)/);
});

test('wrong usage is one line that names what was meant, exit status 2', async () => {
  for (const [args, line] of [
    [['srve'], "sstpd: unknown command 'srve' (Did you mean serve?)"],
    [['user', 'lst'], "sstpd: unknown command 'lst' (Did you mean list?)"],
    [['sessions', 'kil'], "sstpd: unknown command 'kil' (Did you mean kill?)"],
    [['serve', '--lisen', '443'], "sstpd: unknown option '--lisen' (Did you mean --listen?)"],
    [['user', 'add'], "sstpd: missing required argument 'NAME'"],
    [['user', 'add', 'a', 'b'], "sstpd: too many arguments for 'add'. Expected 1 argument but got 2."],
    [['serve', '--mtu', '9'], 'sstpd: network.mtu: "9" must be a whole number of bytes from 576 to 1500 (flag --mtu)'],
    [['serve', '--listen'], "sstpd: option '--listen <[ADDR:]PORT>' argument missing"],
  ] as const) {
    const { code, stdout, stderr } = await inProcess(args);
    assert.deepEqual(
      { code, stdout, stderr: stderr.split('\n').filter((text) => text !== '').length },
      { code: 2, stdout: '', stderr: 1 },
      stderr,
    );
    assert.ok(stderr.startsWith(line), `${stderr} / ${line}`);
  }
});

test('words that other programs know lead to ours, in one line, exit status 2', async () => {
  for (const [args, meant] of [
    [['start'], 'sstpd serve'],
    [['help', 'start'], 'sstpd serve'],
    [['status'], 'sstpd doctor'],
    [['useradd', 'bob'], 'sstpd user add'],
    [['version'], 'sstpd --version'],
    [['user', 'del', 'bob'], 'remove'],
    [['user', 'show', 'bob'], 'list'],
    [['admin', 'create', 'bob'], 'add'],
    [['token', 'revoke', 'x'], 'remove'],
    [['sessions', 'rm', '5'], 'kill'],
    [['sessions', 'list'], 'sstpd sessions, without a word'],
    [['serve', '--port', '443'], '--listen'],
    [['serve', '--domain=vpn.example.com'], '--host'],
    [['doctor', '--subnet', '10.0.0.0/24'], '--pool'],
    [['connect', 'h', '--user', 'ann', '--full-tunnel'], '--default-route'],
    [['user', 'add', 'ann', '--address', '10.0.0.2'], '--ip'],
    [['token', 'add', 'x', '--scope', 'read', '--expires', '5'], '--days'],
  ] as const) {
    const { code, stdout, stderr } = await inProcess(args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^sstpd: unknown (?:command|option) '[^\n]*\n$/);
    assert.ok(stderr.endsWith(` (Did you mean ${meant}?)\n`), stderr);
  }
});

test('a password on the command line is not repeated: the line says how to give it', async () => {
  for (const [args, way] of [
    [['user', 'add', 'ann', '--password', 'geheim'], /--password-stdin/],
    [['user', 'add', 'ann', '--pass=geheim'], /--password-stdin/],
    [['user', 'set', 'ann', '--passwd', 'geheim'], /--password-stdin/],
    [['admin', 'add', 'ann', '--password', 'geheim'], /--password-stdin/],
    [['connect', 'h', '--user', 'ann', '--password', 'geheim'], /--password-file FILE, or set SSTPD_PASSWORD/],
  ] as const) {
    const { code, stderr } = await inProcess(args);
    assert.equal(code, 2);
    assert.match(stderr, way);
    assert.doesNotMatch(stderr, /geheim/);
    assert.match(stderr, /^[^\n]+\n$/);
  }
});

test('a name with something around it: what to write stands in the line', async () => {
  for (const [args, remedy] of [
    [['serve', '--host', 'https://vpn.example.com'], 'write vpn.example.com, without https:// (flag --host)'],
    [['doctor', '--host', 'vpn.example.com:443'], 'write vpn.example.com, without the port (flag --host)'],
    [
      ['connect', 'https://vpn.example.com', '--user', 'a'],
      'such as vpn.example.com:443: write vpn.example.com, without https://',
    ],
  ] as const) {
    const { code, stderr } = await inProcess(args);
    assert.equal(code, 2);
    assert.ok(stderr.endsWith(`${remedy}\n`), stderr);
    assert.match(stderr, /^sstpd: [^\n]+\n$/);
  }
});

test('without a command the help goes to stderr, exit status 2', async () => {
  const { code, stdout, stderr } = await inProcess([]);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^Usage: sstpd /);
});

test("a bad configuration that is not the flags' fault is exit status 1, one line", async () => {
  assert.deepEqual(await sstpd(['config'], { env: { SSTPD_NETWORK_MTU: '9' } }), {
    code: 1,
    stdout: '',
    stderr:
      'sstpd: network.mtu: "9" must be a whole number of bytes from 576 to 1500 (environment SSTPD_NETWORK_MTU)\n',
  });
});
