import assert from 'node:assert/strict';
import { test } from 'node:test';
import { END_REASONS, TERMINATE_CAUSES } from '../../../server/control/end-reason.ts';

/** RFC 2866 §5.10, the ones that we use. */
const CAUSES = [
  ...['User-Request', 'Lost-Carrier', 'Admin-Reset', 'Admin-Reboot', 'Port-Error', 'NAS-Error', 'NAS-Request'],
  ...['Port-Preempted', 'Service-Unavailable', 'User-Error'],
];

test('each end has a cause for accounting, and is one word for the log', () => {
  assert.ok(END_REASONS.length > 30);
  for (const reason of END_REASONS) {
    assert.match(reason, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(CAUSES.includes(TERMINATE_CAUSES[reason]), reason);
  }
});

test('who hung up, who was thrown out, and whose network went away', () => {
  assert.equal(TERMINATE_CAUSES['terminated-by-peer'], 'User-Request');
  assert.equal(TERMINATE_CAUSES['killed-by-admin'], 'Admin-Reset');
  assert.equal(TERMINATE_CAUSES['echo-silent'], 'Lost-Carrier');
  assert.equal(TERMINATE_CAUSES['replaced-by-new-connection'], 'Port-Preempted');
});
