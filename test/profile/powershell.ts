/** A parser of PowerShell. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Language, type Node, Parser, type Tree } from 'web-tree-sitter';

await Parser.init();
const grammar = fileURLToPath(
  new URL('../../node_modules/tree-sitter-powershell/tree-sitter-powershell.wasm', import.meta.url),
);
const parser = new Parser().setLanguage(await Language.load(readFileSync(grammar)));

export function parsePowershell(text: string): Tree {
  const tree = parser.parse(text);
  if (tree === null) throw new Error('nothing was parsed');
  return tree;
}

/** All nodes of a tree in the order of the text. */
export function* nodesOf(tree: Tree): Generator<Node> {
  const waiting: Node[] = [tree.rootNode];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    waiting.push(...node.children.filter((child) => child !== null).reverse());
  }
}

/** ERROR and MISSING nodes as `line:column text`. */
export function faultsOf(tree: Tree): string[] {
  return [...nodesOf(tree)]
    .filter((node) => node.isError || node.isMissing)
    .map(({ startPosition, text }) => `${startPosition.row + 1}:${startPosition.column} ${text.slice(0, 80)}`);
}

/**
 * The value of a single-quoted string, as PowerShell's own tokenizer reads it: any of five signs is the quote, two in a
 * row are one of them.
 *
 * @throws {Error} if the string ends before its text does
 */
export function readLiteral(text: string): string {
  const isQuote = (sign: string | undefined): boolean => sign !== undefined && /^['\u2018-\u201b]$/.test(sign);
  let value = '';
  let at = 1;
  for (; at < text.length; at += 1) {
    if (isQuote(text[at])) {
      if (!isQuote(text[at + 1])) break;
      at += 1;
    }
    value += text[at];
  }
  if (!isQuote(text[0]) || at !== text.length - 1) throw new Error(`not one string: ${text}`);
  return value;
}
