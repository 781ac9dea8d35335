/**
 * The bill of materials of the package, CycloneDX, made by npm from package-lock.json: what it installs with its hashes.
 * What differs from run to run or from clone to clone is taken out, for the package must come out the same everywhere.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const SBOM_FILE = 'sbom.cdx.json';

/** @param {string} root the folder of the clone */
export function writeSbom(root) {
  const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(root, SBOM_FILE), `${JSON.stringify(settle(listed(root), name), undefined, 2)}\n`);
}

/**
 * Without time and version of npm, under the name of the package, with a serial number that comes from what is in it.
 *
 * @param {Record<string, any>} sbom as npm makes it: CycloneDX 1.5
 * @param {string} name
 * @returns {Record<string, any>}
 */
export function settle(sbom, name) {
  const { serialNumber: _random, metadata, ...rest } = sbom;
  const { timestamp: _now, tools, component, ...about } = metadata;
  const metadataOfPackage = {
    ...about,
    tools: tools.map(({ version: _version, ...tool }) => tool),
    // npm takes the name of the folder.
    component: { ...component, name },
  };
  const { components, dependencies } = installed(rest, component['bom-ref']);
  const settled = { ...rest, metadata: metadataOfPackage, components, dependencies };
  const hash = createHash('sha256').update(JSON.stringify(settled)).digest();
  // A UUID of our own making: version 8, RFC 9562 5.8.
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x80, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const uuid = hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  return { ...settled, serialNumber: `urn:uuid:${uuid}` };
}

/**
 * Without what only this project's developers install. Not by npm's own `--omit dev`: that also leaves out what is needed
 * by both, as ajv is.
 *
 * @param {Record<string, any>} sbom
 * @param {string} root its own reference
 */
function installed({ components = [], dependencies = [] }, root) {
  const isForDevelopers = ({ properties = [] }) =>
    properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true');
  const kept = components.filter((one) => !isForDevelopers(one));
  const refs = new Set([root, ...kept.map((one) => one['bom-ref'])]);
  return {
    components: kept,
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map(({ dependsOn = [], ...rest }) => ({ ...rest, dependsOn: dependsOn.filter((ref) => refs.has(ref)) })),
  };
}

/**
 * @param {string} root
 * @returns {Record<string, any>}
 */
function listed(root) {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
  const npm = process.env.npm_execpath;
  const [command, ...before] = npm === undefined ? ['npm'] : [process.execPath, npm];
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`npm sbom: ${stderr || `status ${status}`}`);
  return JSON.parse(stdout);
}
