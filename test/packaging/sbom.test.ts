/** The bill of materials that goes into the package. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SBOM_FILE, settle, writeSbom } from '../../packaging/sbom.mjs';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
}

interface Locked {
  readonly version: string;
  readonly integrity: string;
  readonly dev?: boolean;
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };

function written(name: string): { text: string; components: readonly Component[] } {
  const folder = mkdtempSync(join(tmpdir(), name));
  after(() => rmSync(folder, { recursive: true }));
  for (const file of ['package.json', 'package-lock.json']) cpSync(file, join(folder, file));
  writeSbom(folder);
  const text = readFileSync(join(folder, SBOM_FILE), 'utf8');
  return { text, components: (JSON.parse(text) as { components: Component[] }).components };
}

test('each package that is installed with ours, with the hash of the lock file, and nothing else', () => {
  const { text, components } = written('sbom-a-');
  const { bomFormat, specVersion, metadata } = JSON.parse(text) as Record<string, unknown> & {
    metadata: { component: Component };
  };
  assert.deepEqual([bomFormat, specVersion], ['CycloneDX', '1.5']);
  assert.equal(metadata.component.purl, 'pkg:npm/sstpd@0.1.0');
  assert.equal(metadata.component.name, 'sstpd');
  const wanted = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version, integrity }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 13);
      return `${name}@${version} ${Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex')}`;
    });
  const listed = components.map(({ name, version, hashes }) => `${name}@${version} ${hashes[0]?.content}`);
  assert.deepEqual(listed.toSorted(), [...new Set(wanted)].toSorted());
  assert.ok(listed.length > 50);
});

test('the same in every folder and at every time', () => {
  const [one, other] = [written('sbom-b-'), written('sbom-longer-name-')];
  assert.equal(one.text, other.text);
  assert.doesNotMatch(one.text, /timestamp|sbom-b-/);
  const { serialNumber } = JSON.parse(one.text) as { serialNumber: string };
  assert.match(serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('another content has another serial number', () => {
  const base = { serialNumber: 'urn:uuid:x', metadata: { timestamp: '1', tools: [], component: { name: 'a' } } };
  const serial = (components: unknown[]): unknown => settle({ ...base, components }, 'sstpd').serialNumber;
  assert.equal(serial([]), serial([]));
  assert.notEqual(serial([]), serial([{ name: 'b' }]));
});
