/**
 * A clone, and beside it a Debian whose apt-get is a few lines of shell: it notes how it was called, and puts the programs
 * of the packages that it is asked for into a folder.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { InstallMachine } from '../../packaging/install.mjs';

const PROGRAMS: Readonly<Record<string, string>> = {
  'g++': 'g++',
  make: 'make',
  python3: 'python3',
  iproute2: 'ip',
  nftables: 'nft',
};

export class FakeMachine {
  readonly root: string;
  readonly said: string[] = [];
  readonly complained: string[] = [];
  readonly #folder: string;

  constructor(t: TestContext) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sstpd-packages-'));
    t.after(() => rmSync(this.#folder, { recursive: true, force: true }));
    this.root = join(this.#folder, 'a clone');
    for (const name of ['a clone/cli', 'a clone/.git', 'usr/bin', 'bin']) {
      mkdirSync(join(this.#folder, name), { recursive: true });
    }
    writeFileSync(join(this.root, 'cli/main.ts'), '');
    this.program('dpkg', 'exit 0');
    this.program(
      'apt-cache',
      'shift; for name; do printf "%s:\\n  Installed: (none)\\n  Candidate: 1\\n" "$name"; done',
    );
    this.program('apt-get', '');
  }

  /** Where the machine has its programs, and gets new ones. */
  get bin(): string {
    return join(this.#folder, 'bin');
  }

  /** What a test gives to the functions under test. */
  given(more: Partial<InstallMachine> = {}): Partial<InstallMachine> {
    return {
      root: this.root,
      programs: join(this.#folder, 'usr/bin'),
      user: 0,
      setting: undefined,
      folders: [this.bin],
      lockSeconds: 0,
      say: (line) => this.said.push(line),
      complain: (line) => this.complained.push(line),
      build: () => 0,
      ...more,
    };
  }

  /** Puts a program beside apt-get; apt-get itself first notes its call, and then installs if `body` lets it. */
  program(name: string, body: string): void {
    const file = join(this.#folder, 'usr/bin', name);
    const aptGet = `
{ printf '%s' "$*"; echo; } >> '${this.#folder}/calls'
/usr/bin/env | sort > '${this.#folder}/environment'
readlink /proc/self/fd/0 > '${this.#folder}/input'
${body}
for word; do case "$word" in
${Object.entries(PROGRAMS)
  .map(
    ([one, program]) =>
      `${one}) printf '#!/bin/sh\\n' > '${this.bin}/${program}'; chmod 755 '${this.bin}/${program}';;`,
  )
  .join('\n')}
esac; done`;
    writeFileSync(file, `#!/bin/sh\n${name === 'apt-get' ? aptGet : body}\n`);
    chmodSync(file, 0o755);
  }

  /** Something that the machine has from the beginning. */
  has(...programs: readonly string[]): void {
    for (const name of programs) writeFileSync(join(this.bin, name), '', { mode: 0o755 });
  }

  /** The words of each call of apt-get. */
  get calls(): string[] {
    return this.#read('calls').split('\n').filter(Boolean);
  }

  get environment(): string[] {
    return this.#read('environment').split('\n').filter(Boolean);
  }

  get input(): string {
    return this.#read('input').trim();
  }

  #read(name: string): string {
    const file = join(this.#folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}
