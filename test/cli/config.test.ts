import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beginningWith, describeKeys, describes, formatRows } from '../../cli/config.ts';
import { CliError } from '../../cli/terminal.ts';
import { loadKeys } from '../../server/config/load.ts';
import { describedRows, shownKeys } from '../../server/config/show.ts';
import { TABLE } from '../server/config/tried-schema.ts';
import { inProcess } from './support.ts';

const env = {
  SSTPD_RADIUS_SERVERS: '[{"host":"one","secret":"s3cret"}]',
  SSTPD_POOLS: '{"office":{"network":"10.9.0.0/24"}}',
};

test('--keys says of each key when a change takes effect, for people and for scripts', async () => {
  assert.equal(
    (await inProcess(['config', '--keys', 'log.level'])).stdout,
    `log.level
    Least severe lines that are written.
    'debug', 'info', 'warn' or 'error'; default info
    takes effect at the next start
    SSTPD_LOG_LEVEL, --log-level LEVEL
`,
  );
  const keys: { key: string; applies: string }[] = JSON.parse((await inProcess(['config', '--keys', '--json'])).stdout);
  assert.ok(keys.length > 70);
  assert.deepEqual(new Set(keys.map(({ applies }) => applies)), new Set(['start']));
});

test('of a list of objects, --keys has the whole, which is JSON in a variable, and each field', () => {
  assert.equal(
    describeKeys(
      describedRows(TABLE).filter(({ key }) => /^(?:radius\.servers(?:\[\]\.host)?|pools\.NAME\.nat)$/.test(key)),
    ),
    `radius.servers
    Whom to ask, in this order.
    'none' or a list of 0..16 objects, none twice with the same host and port; in SSTPD_RADIUS_SERVERS as JSON; default none
    takes effect for new connections once it is read again
    SSTPD_RADIUS_SERVERS
radius.servers[].host
    Where it is.
    a host; must be given
    takes effect for new connections once it is read again
pools.NAME.nat
    Masquerade.
    true or false; default true
    takes effect once it is read again
`,
  );
});

test('config shows one line for each field, with its origin and without secrets', () => {
  const { config, origins } = loadKeys(TABLE, { flags: {}, env });
  const lines = formatRows(shownKeys(TABLE, config, origins)).split('\n');
  const line = (key: string): string[] => lines.find((each) => each.startsWith(`${key} `))?.split(/ {2,}/) ?? [];
  assert.deepEqual(line('radius.servers[0].host').slice(1), ['one', 'environment SSTPD_RADIUS_SERVERS']);
  assert.deepEqual(line('radius.servers[0].port').slice(1), ['1812', 'default']);
  assert.deepEqual(line('radius.servers[0].secret').slice(1), ['(a secret)', 'environment SSTPD_RADIUS_SERVERS']);
  assert.deepEqual(line('pools.office.network').slice(1), ['10.9.0.0/24', 'environment SSTPD_POOLS']);
  const empty = loadKeys(TABLE, { flags: {}, env: {} });
  const none = formatRows(shownKeys(TABLE, empty.config, empty.origins));
  assert.match(none, /^radius\.servers +none +default$/m);
  assert.match(none, /^pools +none +default$/m);
});

test('keys can be asked for by the beginning of their names, with a place or name of an object too', () => {
  const keys = describedRows(TABLE);
  const found = (typed: string): string[] => beginningWith(typed, keys, describes).map(({ key }) => key);
  assert.deepEqual(found('radius.servers[0].ho'), ['radius.servers[].host']);
  assert.equal(found('radius.servers[12]').length, 5);
  assert.equal(found('radius.servers').length, 6);
  assert.deepEqual(found('pools.office'), ['pools.NAME.network', 'pools.NAME.nat']);
  assert.deepEqual(found('pools["a.b"].nat'), ['pools.NAME.nat']);
  assert.deepEqual(found('pools.NAME.nat'), ['pools.NAME.nat']);
  for (const [typed, meant] of [
    ['radius.servers[0].hsot', 'radius.servers[].host'],
    ['pools.office.natt', 'pools.NAME.nat'],
    ['mtuu', 'network.mtu'],
  ]) {
    assert.throws(
      () => found(typed ?? ''),
      (error) => error instanceof CliError && error.message.endsWith(`is ${meant}`),
    );
  }
});
