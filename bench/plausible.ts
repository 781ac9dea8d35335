/** Whether figures can be true: a tunnel that carries nothing, or a ping that is never answered, is a failure. */

/** In half a second a stream may stall. */
const MAY_BE_NOTHING = new Set(['moments']);

/** @throws {Error} naming the figure */
export function assertPlausible(figures: unknown, path = ''): void {
  if (typeof figures === 'number' && !Number.isFinite(figures)) throw new Error(`${path} is ${figures}`);
  if (typeof figures !== 'object' || figures === null) return;
  for (const [name, value] of Object.entries(figures)) {
    if (MAY_BE_NOTHING.has(name)) continue;
    const own = path === '' ? name : `${path}.${name}`;
    if ((name === 'mbits' || name === 'answered') && !(Number(value) > 0)) throw new Error(`${own} is ${value}`);
    assertPlausible(value, own);
  }
}
