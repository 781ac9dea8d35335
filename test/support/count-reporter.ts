/** A reporter of node:test beside the one for people: the counts of a whole run, as one line of JSON. */
import type { TestEvent } from 'node:test/reporters';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export default async function* countReporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    // There is one for each file, too.
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { passed, tests, skipped, todo } = event.data.counts;
    const counts: Counts = { passed, failed: tests - passed - skipped - todo, skipped: skipped + todo };
    yield `${JSON.stringify(counts)}\n`;
  }
}
