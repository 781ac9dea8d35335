import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend } from '../backend.ts';
import { count, failures, flag, text, texts, time } from '../schemas.ts';

/** The server as a whole. */
export function addServerRoutes(app: FastifyInstance, backend: AdminBackend): void {
  const config = { scope: 'read' } as const;
  app.get('/v1/status', { schema: STATUS, config }, () => backend.status());
  app.get('/v1/config', { schema: CONFIG, config }, () => backend.config());
  app.get('/v1/certificates', { schema: CERTIFICATES, config }, () => backend.certificates());
  app.get('/v1/health', { schema: HEALTH, config }, () => backend.health());
}

const STATUS: FastifySchema = {
  summary: 'Version, listeners and how many are connected',
  tags: ['server'],
  response: {
    200: {
      description: 'The server',
      type: 'object',
      required: ['version', 'pid', 'startedAt', 'listening', 'sessions', 'devices', 'reach', 'workers', 'cage'],
      properties: {
        version: text,
        pid: count,
        startedAt: time,
        listening: texts,
        sessions: count,
        devices: texts,
        reach: {
          type: 'object',
          required: ['inbound', 'hostAccess', 'hostAccessFrom', 'deny'],
          properties: { inbound: flag, hostAccess: text, hostAccessFrom: text, deny: texts },
        },
        workers: {
          type: 'array',
          items: { type: 'object', required: ['pid', 'device'], properties: { pid: count, device: text } },
        },
        cage: {
          type: 'object',
          required: ['landlock', 'seccomp'],
          properties: { landlock: count, seccomp: { type: 'boolean' } },
        },
        flood: {
          type: 'object',
          description: 'Of connections that there was no place for; without until it goes on',
          required: ['since', 'refused', 'pushedOut', 'limits', 'from'],
          properties: {
            since: time,
            until: time,
            refused: count,
            pushedOut: count,
            limits: texts,
            from: {
              type: 'array',
              items: {
                type: 'object',
                required: ['network', 'connections'],
                properties: { network: text, connections: count },
              },
            },
          },
        },
      },
      additionalProperties: true,
    },
    ...failures,
  },
};

const CONFIG: FastifySchema = {
  summary: 'Each key of the configuration, its value and where that came from',
  tags: ['server'],
  response: {
    200: {
      description: 'Keys in the order of the documentation',
      type: 'array',
      items: {
        type: 'object',
        required: ['key', 'origin'],
        properties: { key: text, value: {}, origin: text },
      },
    },
    ...failures,
  },
};

const AUTHORITY = {
  description: "The server's own authority, where that issued the certificate",
  type: 'object',
  required: ['subject', 'sha256', 'notBefore', 'notAfter', 'daysLeft', 'within', 'keyReader'],
  properties: {
    subject: text,
    sha256: text,
    notBefore: time,
    notAfter: time,
    daysLeft: { type: 'integer' },
    within: { type: 'string', description: 'What it can issue for; empty: every name' },
    keyReader: { type: 'string', enum: ['root', 'server', 'nobody'], description: 'Who can read its key' },
    advice: { type: 'string', description: 'What to do about it, if anything' },
  },
} as const;

const CERTIFICATES: FastifySchema = {
  summary: 'The certificates that clients are shown',
  tags: ['server'],
  response: {
    200: {
      description: 'Certificates, the one for all other names first',
      type: 'array',
      items: {
        type: 'object',
        required: ['source', 'names', 'notBefore', 'notAfter', 'daysLeft', 'sha256', 'sha1', 'key', 'isDefault'],
        properties: {
          source: { type: 'string', enum: ['own', 'files', 'acme'] },
          names: texts,
          subject: text,
          issuer: text,
          notBefore: time,
          notAfter: time,
          daysLeft: { type: 'integer' },
          sha256: text,
          sha1: text,
          key: text,
          isDefault: flag,
          renewedFrom: time,
          renewedBy: text,
          authority: AUTHORITY,
        },
      },
    },
    ...failures,
  },
};

const HEALTH: FastifySchema = {
  summary: 'What sstpd doctor says of the running server; at most half a minute old',
  tags: ['server'],
  response: {
    200: {
      description: 'Findings',
      type: 'object',
      required: ['at', 'ok', 'checks'],
      properties: {
        at: time,
        ok: flag,
        checks: {
          type: 'array',
          items: {
            type: 'object',
            required: ['check', 'verdict', 'text'],
            properties: {
              check: text,
              verdict: { type: 'string', enum: ['ok', 'warning', 'failure'] },
              text,
              fix: text,
            },
          },
        },
      },
    },
    ...failures,
  },
};
