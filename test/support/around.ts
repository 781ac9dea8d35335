import { after, before } from 'node:test';

/**
 * What all tests of a file share: made before the first of them, taken down when they are over. Where none of them is to run
 * (`--test-name-pattern`), Node calls the hook for the end while that for the beginning is under way, so the end waits for
 * it: what it makes later would be nobody's, and a server among it would keep the file from ending.
 *
 * @param takeDown is called also if `setUp` failed, with what there is until then
 */
export function around(setUp: () => Promise<void>, takeDown: () => Promise<void> | void): void {
  let ready: Promise<void> = Promise.resolve();
  before(() => {
    ready = setUp();
    return ready;
  });
  after(async () => {
    // Node has told of it.
    await ready.catch(() => {});
    await takeDown();
  });
}
