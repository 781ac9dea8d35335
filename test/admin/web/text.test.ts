import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatDuration,
  formatMs,
  formatRate,
  plural,
  searchable,
  visible,
} from '../../../admin/web/text.js';
import { foldUserName } from '../../../core/index.ts';

test('what cannot be seen, or turns the writing round, is named; everything else stays as it is', () => {
  assert.equal(visible('Zoë <b>"&\' 日本 🔑'), 'Zoë <b>"&\' 日本 🔑');
  assert.equal(visible('a\u202eb'), 'a⟨U+202E⟩b');
  assert.equal(visible('\u0000\n\u200f\u2066\ud800'), '⟨U+0000⟩⟨U+000A⟩⟨U+200F⟩⟨U+2066⟩⟨U+D800⟩');
});

test('a search finds a name however its accents and its case were typed', () => {
  for (const name of ['Zoë', 'İbrahim', 'ǅemal', 'ANN']) {
    const forms = [name, name.normalize('NFD'), name.toLowerCase(), name.toLowerCase().normalize('NFD')];
    for (const typed of forms) {
      assert.equal(searchable(typed), foldUserName(name), typed);
    }
  }
});

test('bytes, rates and times have the unit in which they are short', () => {
  assert.deepEqual([0, 1023, 1024, 5e9, 2 ** 60].map(formatBytes), ['0 B', '1023 B', '1.0 KiB', '4.7 GiB', '1024 PiB']);
  assert.deepEqual([0, 1, 125, 12_500, 3e6, 1e9, -5].map(formatRate), [
    ...['0 bit/s', '8 bit/s', '1.0 kbit/s', '100 kbit/s', '24.0 Mbit/s', '8.0 Gbit/s', '0 bit/s'],
  ]);
  assert.deepEqual([0, 59.9, 60, 3600, 5400, 90_000, 200_000, -1].map(formatDuration), [
    ...['0 s', '59 s', '1 min', '1 h', '1 h 30 min', '1 day 1 h', '2 days 7 h', '0 s'],
  ]);
  assert.deepEqual([1.5, 999, 1500, 60_000].map(formatMs), ['1.5 ms', '999 ms', '1.5 s', '1 min']);
  assert.deepEqual([plural(0, 'day'), plural(1, 'day'), plural(1200, 'day')], ['0 days', '1 day', '1,200 days']);
});
