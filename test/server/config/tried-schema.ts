/** A schema with a key of each kind, for what the server's own has none of. */
import type { Ipv4Cidr } from '../../../core/index.ts';
import {
  type Format,
  fixedNetwork,
  ipv4Pool,
  list,
  orWord,
  path,
  text,
  whole,
  yesOrNo,
} from '../../../server/config/format.ts';
import { type KeyTable, keysOf } from '../../../server/config/keys.ts';
import type { Schema } from '../../../server/config/kinds.ts';

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly secretFile: string | undefined;
  readonly secret: string | undefined;
  readonly networks: readonly Ipv4Cidr[];
}

export interface Tried {
  readonly data: string;
  readonly inside: { readonly mtu: number };
  readonly radius: { readonly nasId: string; readonly servers: readonly Server[] };
  readonly pools: ReadonlyMap<string, { readonly network: Ipv4Cidr; readonly nat: boolean }>;
}

const secret: Format<string> = {
  ...text('a secret of 4 to 64 characters', /^.{4,64}$/su),
  veil: () => '(a secret)',
};

export const SCHEMA: Schema<Tried> = {
  data: { format: path, default: '/data', doc: 'Directory.', applies: 'start', flag: { name: 'data', value: 'DIR' } },
  inside: {
    mtu: { format: whole(576, 1500), default: 1400, doc: 'MTU.', applies: 'now', flag: { name: 'mtu', value: 'N' } },
  },
  radius: {
    nasId: { format: text('a name', /^[a-z]{1,8}$/), default: 'sstpd', doc: 'Our name.', applies: 'now' },
    servers: {
      kind: 'list',
      most: 16,
      unique: ['host', 'port'],
      doc: 'Whom to ask, in this order.',
      applies: 'new-connections',
      fields: {
        host: { format: text('a host', /^[a-z0-9.]{1,32}$/), doc: 'Where it is.' },
        port: { format: whole(1, 65_535), default: 1812, doc: 'UDP port.' },
        secretFile: { format: orWord('none', path), default: 'none', doc: 'File with the secret.' },
        secret: { format: orWord('none', secret), default: 'none', doc: 'The secret itself.' },
        networks: { format: list(fixedNetwork, { most: 4 }), default: 'none', doc: 'What it knows.' },
      },
    },
  },
  pools: {
    kind: 'map',
    most: 8,
    names: { allowed: '1 to 32 of A-Z, a-z, 0-9, dot, _ and -', pattern: /^[A-Za-z0-9._-]{1,32}$/ },
    doc: 'Pools that a policy may name.',
    applies: 'now',
    fields: {
      network: { format: ipv4Pool, doc: 'Addresses.' },
      nat: { format: yesOrNo, default: true, doc: 'Masquerade.' },
    },
  },
};

/** `inside` is what users call `network`. */
export const TABLE: KeyTable<Tried> = keysOf<Tried>(SCHEMA, { inside: 'network' });
