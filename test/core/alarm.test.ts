import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Alarm } from '../../core/alarm.ts';

test('an alarm follows a deadline that moves on, and fires once when it has passed', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let now = 0;
    let deadline: number | undefined = 100;
    const fired: number[] = [];
    const alarm = new Alarm(
      { now: () => now },
      () => deadline,
      () => {
        fired.push(now);
        deadline = undefined;
      },
    );
    const pass = (ms: number): void => {
      now += ms;
      mock.timers.tick(ms);
    };
    alarm.update();
    pass(60);
    deadline = 160; // traffic came, nobody told the alarm
    pass(60);
    assert.deepEqual(fired, []);
    pass(40);
    assert.deepEqual(fired, [160]);
    pass(1000);
    assert.deepEqual(fired, [160]);

    deadline = 3000;
    alarm.update();
    deadline = 1500; // earlier: must be told, and is heeded
    alarm.update();
    pass(340);
    assert.deepEqual(fired, [160, 1500]);

    deadline = 2000;
    alarm.update();
    alarm.stop();
    pass(2000);
    assert.deepEqual(fired, [160, 1500]);
    alarm.update();
    pass(2000);
    assert.deepEqual(fired, [160, 1500], 'stopped for good');
  } finally {
    mock.timers.reset();
  }
});

test('an alarm that is stopped while it fires does not fire again, whatever its machine says', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let fired = 0;
    const alarm: Alarm = new Alarm(
      { now: () => 1000 },
      () => 500,
      () => {
        fired += 1;
        alarm.stop();
      },
    );
    alarm.update();
    mock.timers.tick(10_000);
    assert.equal(fired, 1);
  } finally {
    mock.timers.reset();
  }
});
