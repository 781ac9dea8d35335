/** Functions that run in the page and tell what is wrong with it. Each carries all that it needs. */

/** Texts whose contrast to what is behind them is below what WCAG 2.2 AA asks (1.4.3). */
export function findLowContrast(): string[] {
  type Colour = readonly [red: number, green: number, blue: number, alpha: number];
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  if (canvas === null) return ['no canvas'];
  const read = (text: string): Colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const luminance = ([red, green, blue]: Colour): number => {
    const [r = 0, g = 0, b = 0] = [red, green, blue].map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element: Element | null): Colour => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return read('Canvas');
  };
  const faults: string[] = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && /\S/.test(node.nodeValue ?? ''),
    );
    if (!own || !element.checkVisibility() || element.closest('[disabled], .only-heard, noscript') !== null) continue;
    const style = getComputedStyle(element);
    const [one, other] = [
      luminance(read(element instanceof SVGElement ? style.fill : style.color)),
      luminance(ground(element)),
    ];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5))
      faults.push(`${ratio.toFixed(2)}: ${element.tagName} ${element.textContent?.slice(0, 40)}`);
  }
  return faults;
}

/** What is to be touched and is smaller than 44 pixels (WCAG 2.2 AAA 2.5.5); links within a sentence are not meant. */
export function findSmall(): string[] {
  const faults: string[] = [];
  for (const element of document.querySelectorAll('button, a, input, label.check')) {
    if (!element.checkVisibility({ visibilityProperty: true }) || element.matches('p:not(.buttons, .back) > a, .skip'))
      continue;
    const target = element.closest('label') ?? element;
    const { width, height } = target.getBoundingClientRect();
    if (height < 43.5 || width < 43.5) faults.push(`${width}x${height}: ${element.outerHTML.slice(0, 80)}`);
  }
  return faults;
}

/** What reaches beyond the right edge. */
export function findOverflow(): string[] {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.querySelectorAll('body *')]
    .filter((element) => element.getBoundingClientRect().right > width + 1)
    .map((element) => `${element.tagName} ${element.className}`);
}

/** Controls without a name, views without exactly one main heading, ids given twice. */
export function findNameless(): string[] {
  const faults: string[] = [];
  for (const element of document.querySelectorAll('button, a, input, [role=img], dialog')) {
    const labels =
      element instanceof HTMLInputElement ? [...(element.labels ?? [])].map((label) => label.textContent) : [];
    const byId = document.getElementById(element.getAttribute('aria-labelledby') ?? '')?.textContent;
    const name = [element.getAttribute('aria-label'), byId, ...labels, element.textContent].join('').trim();
    if (name === '') faults.push(`nameless: ${element.outerHTML.slice(0, 80)}`);
  }
  const headings = document.querySelectorAll('h1').length;
  if (headings !== 1) faults.push(`${headings} headings h1`);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) faults.push(`ids twice: ${ids}`);
  return faults;
}
