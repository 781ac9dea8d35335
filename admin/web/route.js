/** Places of the page, as the part of the address behind `#` has them: `#/users/ann`, `#/attempts?user=ann`. */

/**
 * @typedef {object} Route
 * @property {string} view
 * @property {string | undefined} item
 * @property {URLSearchParams} query
 */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path = '', query = ''] = split(hash.replace(/^#\/?/, ''), '?');
  const [view = '', item = ''] = split(path, '/');
  return { view: view || 'sessions', item: item === '' ? undefined : decode(item), query: new URLSearchParams(query) };
}

/**
 * @param {string} view
 * @param {string} [item]
 * @param {Readonly<Record<string, string>>} [query]
 */
export function hashOf(view, item, query = {}) {
  const words = new URLSearchParams(query).toString();
  return `#/${view}${item === undefined ? '' : `/${encodeURIComponent(item)}`}${words === '' ? '' : `?${words}`}`;
}

/**
 * At the first `mark`.
 *
 * @param {string} text
 * @param {string} mark
 */
function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * An address that somebody typed may be no good.
 *
 * @param {string} text
 */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
