/**
 * Packs the commit of this clone twice, from nothing, in folders of different names and depths, with another umask, time
 * zone and language, and says whether both packages are the same. `npm run check:package`, about half a minute.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

const places = [
  { name: 'one', umask: '022', env: {} },
  { name: 'another/and/deeper', umask: '077', env: { TZ: 'Asia/Tokyo', LC_ALL: 'C', HOSTNAME: 'elsewhere' } },
];

const folder = mkdtempSync(join(tmpdir(), 'sstpd-reproduce-'));
try {
  process.exitCode = compare(places.map((place) => pack(place)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @returns the package's bytes, and where it was unpacked */
function pack({ name, umask, env }) {
  const clone = join(folder, name, 'clone');
  const unpacked = join(folder, name, 'unpacked');
  for (const made of [clone, unpacked]) mkdirSync(made, { recursive: true });
  const node = dirname(process.execPath);
  const script = `umask ${umask}
    git -C "$1" archive HEAD | tar --extract --no-same-permissions -C "$2"
    cd "$2" && npm pack --silent > /dev/null && tar xzf ./*.tgz -C "$3"`;
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  const { status, stderr, stdout } = spawnSync('sh', ['-ec', script, 'sh', root, clone, unpacked], {
    env: { ...process.env, ...env, PATH: `${node}:${process.env.PATH}` },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`npm pack: status ${status}\n${stdout}${stderr}`);
  const [tarball = ''] = globSync(join(clone, '*.tgz'));
  chmodSync(tarball, 0o644);
  return { bytes: readFileSync(tarball), unpacked };
}

/** @returns exit status */
function compare([one, other]) {
  const [first, second] = [one, other].map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'));
  if (first === second) {
    console.log(`the same package twice: SHA-256 ${first}, ${one.bytes.length} bytes`);
    return 0;
  }
  console.error(`two packages of one commit differ: SHA-256 ${first} and ${second}`);
  const { stdout } = spawnSync('diff', ['-rq', one.unpacked, other.unpacked], { encoding: 'utf8' });
  console.error(stdout || 'their files are the same, so order or rights differ');
  return 1;
}
