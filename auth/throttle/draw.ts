/** One of `items`, which are not empty, by lot. @param random from 0 up to 1 */
export function pick<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.min(Math.floor(random() * items.length), items.length - 1)];
  if (item === undefined) throw new Error('nothing to draw from');
  return item;
}
