/** Words and numbers as people read them. */
import { element } from './element.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const RATES = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A text that a stranger may have chosen: what would be invisible, or turn the writing round, is named instead.
 *
 * @param {string} text
 */
export function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`;
  });
}

/**
 * Such a text in an element of its own, whose direction of writing does not touch its neighbours.
 *
 * @param {string} text
 */
export function stranger(text) {
  return element('bdi', {}, visible(text));
}

/**
 * How texts are compared where one searches: neither case nor how an accent was typed matters, as for names of users.
 *
 * @param {string} text
 */
export function searchable(text) {
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1);
  return `${power === 0 ? bytes : short(bytes / 1024 ** power)} ${UNITS[power]}`;
}

/** @param {number} bytesPerSecond @returns {string} in bits, as lines are sold */
export function formatRate(bytesPerSecond) {
  const bits = Math.max(0, bytesPerSecond * 8);
  const power = bits < 1000 ? 0 : Math.min(Math.floor(Math.log10(bits) / 3), RATES.length - 1);
  return `${power === 0 ? Math.round(bits) : short(bits / 1000 ** power)} ${RATES[power]}`;
}

/** @param {number} number */
function short(number) {
  return number >= 100 ? String(Math.round(number)) : number.toFixed(1);
}

/** @param {number} seconds @returns {string} the two largest units, such as `3 h 12 min` */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < DAY) return both(whole, HOUR, 'h', MINUTE, 'min');
  return both(whole, DAY, whole < 2 * DAY ? 'day' : 'days', HOUR, 'h');
}

/**
 * @param {number} seconds
 * @param {number} large
 * @param {string} largeUnit
 * @param {number} small
 * @param {string} smallUnit
 */
function both(seconds, large, largeUnit, small, smallUnit) {
  const rest = Math.floor((seconds % large) / small);
  const first = `${Math.floor(seconds / large)} ${largeUnit}`;
  return rest === 0 ? first : `${first} ${rest} ${smallUnit}`;
}

/** @param {number} ms */
export function formatMs(ms) {
  if (ms < 1000) return `${ms} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms / 1000);
}

/** @param {string} text @returns {string} with a capital and a full stop */
export function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** @param {number} count @param {string} word */
export function plural(count, word) {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}

/** Where the browser is, written so that nobody takes the month for the day. */
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** @param {string} iso */
export function formatDate(iso) {
  return DATE.format(new Date(iso));
}

/** @param {string} iso @returns {string} the time alone if it is today */
export function formatTime(iso) {
  const date = new Date(iso);
  const isToday = DATE.format(date) === DATE.format(new Date());
  return isToday ? CLOCK.format(date) : `${DATE.format(date)}, ${CLOCK.format(date)}`;
}

/** @param {string} iso @param {string} [text] */
export function time(iso, text = formatTime(iso)) {
  return element('time', { datetime: iso, title: new Date(iso).toString() }, text);
}
