import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Translations } from '../../../server/host/translations.ts';
import { RecordingLog } from '../support.ts';

/** A network whose commands end when the test says so. */
function slowNetwork() {
  const begun: string[] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const run = (command: string) => (address: number) => {
    begun.push(`${command} ${address & 0xff}`);
    const end = Promise.withResolvers<void>();
    waiting.push(end);
    return end.promise;
  };
  return { begun, waiting, network: { addClient: run('add'), removeClient: run('remove') } };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('routes change one after the other', async () => {
  const { begun, waiting, network } = slowNetwork();
  const routes = new Translations(network, new RecordingLog());
  routes.add(1);
  routes.add(2);
  await turn();
  assert.deepEqual(begun, ['add 1']);
  waiting[0]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 2']);
  routes.remove(1);
  waiting[1]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 2', 'remove 1']);
});

test('an address that comes and goes while another changes costs one command, or none if it ends as it was', async () => {
  const { begun, waiting, network } = slowNetwork();
  const routes = new Translations(network, new RecordingLog());
  routes.add(1);
  await turn();
  for (let i = 0; i < 500; i++) {
    routes.add(2);
    routes.remove(2);
    routes.add(3);
    if (i < 499) routes.remove(3);
  }
  waiting[0]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 3']);
  waiting[1]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 3']);
});

test('an address that comes and goes within a tick costs none', async () => {
  const { begun, network } = slowNetwork();
  const routes = new Translations(network, new RecordingLog());
  routes.add(1);
  routes.remove(1);
  await turn();
  assert.deepEqual(begun, []);
});

test('an address that changes during its own command waits for the others first', async () => {
  const { begun, waiting, network } = slowNetwork();
  const routes = new Translations(network, new RecordingLog());
  routes.add(1);
  await turn();
  routes.add(2);
  routes.remove(1);
  waiting[0]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 2']);
  waiting[1]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 2', 'remove 1']);
});

test('the network is asked once per address, however many hold it: it keeps its route to the last', async () => {
  const asked: string[] = [];
  const network = {
    addClient: async (): Promise<void> => void asked.push('add'),
    removeClient: async (): Promise<void> => void asked.push('remove'),
  };
  const routes = new Translations(network, new RecordingLog());
  const steps = [
    ['remove', []], // never added
    ['add', ['add']],
    ['add', ['add']],
    ['remove', ['add']],
    ['remove', ['add', 'remove']],
    ['add', ['add', 'remove', 'add']],
  ] as const;
  for (const [change, expected] of steps) {
    routes[change](1);
    await routes.settled();
    assert.deepEqual(asked, expected);
  }
});

test('settled waits for all of them', async () => {
  const { waiting, network } = slowNetwork();
  const routes = new Translations(network, new RecordingLog());
  await routes.settled(); // nothing was asked for
  routes.add(1);
  let isSettled = false;
  void routes.settled().then(() => {
    isSettled = true;
  });
  await turn();
  routes.remove(1);
  waiting[0]?.resolve();
  await turn();
  assert.equal(isSettled, false);
  waiting[1]?.resolve();
  await turn();
  assert.equal(isSettled, true);
});

test('a route that fails is an error for the operator and does not keep the next from being made', async () => {
  const { begun, waiting, network } = slowNetwork();
  const log = new RecordingLog();
  const routes = new Translations(network, log);
  routes.add(0x0a0a0007);
  routes.add(0x0a0a0008);
  await turn();
  waiting[0]?.reject(new Error('RTNETLINK answers: Operation not permitted'));
  await turn();
  assert.deepEqual(begun, ['add 7', 'add 8']);
  waiting[1]?.resolve();
  await routes.settled();
  assert.deepEqual(log.lines, [
    {
      level: 'error',
      event: 'network.translation-failed',
      fields: { address: '10.10.0.7', error: 'Error: RTNETLINK answers: Operation not permitted' },
    },
  ]);
});

test('a route that failed is tried again at the next change of its address, and needs no removal', async () => {
  const { begun, waiting, network } = slowNetwork();
  const routes = new Translations(network, new RecordingLog());
  const fail = async (index: number): Promise<void> => {
    await turn();
    waiting[index]?.reject(new Error('no'));
    await turn();
  };
  routes.add(1);
  await fail(0);
  routes.add(1);
  await fail(1);
  routes.remove(1);
  await fail(2);
  routes.remove(1);
  await turn();
  assert.deepEqual(begun, ['add 1', 'add 1', 'add 1']);
});
