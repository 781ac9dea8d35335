import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostRoutes } from '../../server/host-routes.ts';
import { RecordingLog } from './support.ts';

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
  return { begun, waiting, network: { addHostRoute: run('add'), removeHostRoute: run('remove') } };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('routes change one after the other, in the order asked for: an address may go and come back at once', async () => {
  const { begun, waiting, network } = slowNetwork();
  const routes = new HostRoutes(network, new RecordingLog());
  routes.add(1);
  routes.remove(1);
  routes.add(1);
  await turn();
  assert.deepEqual(begun, ['add 1']);
  waiting[0]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'remove 1']);
  waiting[1]?.resolve();
  await turn();
  assert.deepEqual(begun, ['add 1', 'remove 1', 'add 1']);
});

test('settled waits for all of them', async () => {
  const { waiting, network } = slowNetwork();
  const routes = new HostRoutes(network, new RecordingLog());
  await routes.settled(); // nothing was asked for
  routes.add(1);
  routes.remove(1);
  let isSettled = false;
  void routes.settled().then(() => {
    isSettled = true;
  });
  await turn();
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
  const routes = new HostRoutes(network, log);
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
      event: 'network.route-failed',
      fields: { address: '10.10.0.7', error: 'Error: RTNETLINK answers: Operation not permitted' },
    },
  ]);
});
