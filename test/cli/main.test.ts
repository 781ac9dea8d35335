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
