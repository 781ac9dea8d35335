/**
 * Elements made of data. What comes from the server, and so perhaps from a stranger, only ever becomes text or the value
 * of an attribute that cannot run anything: there is no function here that makes markup of a string.
 */

/**
 * @typedef {Node | string | number | undefined} Child
 * @typedef {Readonly<Record<string, string | number | boolean | undefined>>} Attributes
 */

const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes] true: present without a value; false and undefined: absent
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  fill(made, ...children);
  return made;
}

/**
 * The same for SVG.
 *
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG_NAMESPACE, tag);
  setAttributes(made, attributes);
  fill(made, ...children);
  return made;
}

/**
 * Puts these in place of what an element holds.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flatMap((child) => (child === undefined ? [] : [asNode(child)])));
}

/**
 * Writes a text only if it is another one, so that a screen reader is not told the same again.
 *
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Node | string | number} child */
function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}

/**
 * @param {Element} target
 * @param {Attributes} attributes
 */
function setAttributes(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (!isHarmless(name, String(value))) throw new TypeError(`attribute ${name} may not be set to ${value}`);
    target.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * Links stay on this page: none of them can be a `javascript:` URL.
 *
 * @param {string} name
 * @param {string} value
 */
function isHarmless(name, value) {
  const bare = name.toLowerCase();
  if (bare === 'href') return value.startsWith('#');
  return !bare.startsWith('on') && !['src', 'srcdoc', 'style', 'action', 'formaction'].includes(bare);
}
