/** Signs of the places in the menu. They repeat the word beside them, so a screen reader leaves them out. */
import { shape } from './element.js';

/** @type {Readonly<Record<string, string>>} */
const PATHS = {
  sessions: 'M3 12h4l3-8 4 16 3-8h4',
  users: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21a8 8 0 0 1 16 0',
  attempts: 'M4 6h10M4 12h7M4 18h5M16 14v3l2 1.5M21.5 17a5 5 0 1 1-10 0 5 5 0 0 1 10 0Z',
  certificates: 'M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.500-7-10V6l7-3ZM9 12l2.200 2.200L15.500 10',
  health: 'M12 20s-8-4.600-8-10.500A4.500 4.500 0 0 1 12 7a4.500 4.500 0 0 1 8 2.500C20 15.400 12 20 12 20Z',
  'sign-out': 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
};

/** @param {string} name */
export function icon(name) {
  return shape(
    'svg',
    { class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    shape('path', { d: PATHS[name] ?? '' }),
  );
}

/** The product's own. */
export function logo() {
  return shape(
    'svg',
    { class: 'logo', viewBox: '0 0 32 32', 'aria-hidden': 'true' },
    shape('rect', { width: 32, height: 32, rx: 8 }),
    shape('path', { d: 'M7 21v-3a9 9 0 0 1 18 0v3M12 21v-3a4 4 0 0 1 8 0v3' }),
  );
}
