import type { FastifySchema } from 'fastify';

/** JSON schemas of the admin API. Bodies are refused for what they have too much; answers carry only what is listed. */

const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;

const session = {
  type: 'object',
  required: ['id', 'peer', 'stage', 'tls', 'connectedAt', 'bytesIn', 'bytesOut'],
  properties: {
    id: text,
    user: text,
    peer: text,
    stage: text,
    ipv4: text,
    ipv6: text,
    method: text,
    tls: text,
    connectedAt: text,
    bytesIn: count,
    bytesOut: count,
    correlationId: text,
  },
} as const;

const attempt = {
  type: 'object',
  required: ['id', 'peer', 'startedAt', 'state', 'stage', 'stages', 'options'],
  properties: {
    id: text,
    correlationId: text,
    peer: text,
    startedAt: text,
    endedAt: text,
    state: text,
    user: text,
    tls: text,
    sni: text,
    offered: { type: 'object', properties: { versions: text, ciphers: text, protocols: text } },
    alert: text,
    http: text,
    stage: text,
    stages: {
      type: 'array',
      items: { type: 'object', required: ['stage', 'ms'], properties: { stage: text, ms: { type: 'number' } } },
    },
    options: {
      type: 'array',
      items: { type: 'object', properties: { from: text, protocol: text, packet: text, options: text } },
    },
    reason: text,
    explanation: { type: 'object', required: ['text'], properties: { text, code: text, fix: text } },
  },
} as const;

const user = {
  type: 'object',
  required: ['name', 'enabled', 'secretKind', 'createdAt', 'sessions'],
  properties: {
    name: text,
    enabled: { type: 'boolean' },
    ipv4: text,
    secretKind: text,
    createdAt: text,
    lastLoginAt: text,
    sessions: count,
  },
} as const;

const failure = {
  type: 'object',
  required: ['error', 'message'],
  properties: { error: text, message: text },
} as const;

const done = { type: 'null' } as const;

// Bounds only keep absurd input out; the user store knows the rules and words its refusals better.
const password = { type: 'string', maxLength: 1024 } as const;
const address = { type: 'string', maxLength: 64 } as const;

const nameParam = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string', minLength: 1, maxLength: 256 } },
} as const;

const idParam = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64 } },
} as const;

export const STATUS: FastifySchema = {
  response: {
    200: {
      type: 'object',
      required: ['version', 'pid', 'startedAt', 'listening', 'sessions', 'devices', 'workers'],
      properties: {
        version: text,
        pid: count,
        startedAt: text,
        listening: { type: 'array', items: text },
        sessions: count,
        devices: { type: 'array', items: text },
        workers: {
          type: 'array',
          items: { type: 'object', required: ['pid', 'device'], properties: { pid: count, device: text } },
        },
      },
      additionalProperties: true,
    },
    '4xx': failure,
    '5xx': failure,
  },
};

export const CONFIG: FastifySchema = {
  response: {
    200: {
      type: 'array',
      items: {
        type: 'object',
        required: ['key', 'origin'],
        properties: { key: text, value: {}, origin: text },
      },
    },
    '4xx': failure,
    '5xx': failure,
  },
};

export const SESSIONS: FastifySchema = {
  response: { 200: { type: 'array', items: session }, '4xx': failure, '5xx': failure },
};

export const KILL_SESSION: FastifySchema = { params: idParam, response: { 204: done, '4xx': failure, '5xx': failure } };

export const ATTEMPTS: FastifySchema = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      user: { type: 'string', minLength: 1, maxLength: 256 },
      // Nothing in a query is a number by itself.
      after: { type: 'string', pattern: '^\\d{1,15}$' },
      limit: { type: 'string', pattern: '^[1-9]\\d{0,5}$' },
    },
  },
  response: {
    200: {
      type: 'object',
      required: ['last', 'attempts'],
      properties: { last: count, attempts: { type: 'array', items: attempt } },
    },
    '4xx': failure,
    '5xx': failure,
  },
};

export const ATTEMPT: FastifySchema = {
  params: idParam,
  response: { 200: attempt, '4xx': failure, '5xx': failure },
};

export const USERS: FastifySchema = {
  response: { 200: { type: 'array', items: user }, '4xx': failure, '5xx': failure },
};

export const ADD_USER: FastifySchema = {
  body: {
    type: 'object',
    required: ['name', 'password'],
    additionalProperties: false,
    properties: { name: { type: 'string', maxLength: 256 }, password, ipv4: address },
  },
  response: { 201: user, '4xx': failure, '5xx': failure },
};

export const SET_USER: FastifySchema = {
  params: nameParam,
  body: {
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: {
      password,
      ipv4: { type: ['string', 'null'], maxLength: 64 },
      enabled: { type: 'boolean' },
    },
  },
  response: { 200: user, '4xx': failure, '5xx': failure },
};

export const REMOVE_USER: FastifySchema = {
  params: nameParam,
  response: { 204: done, '4xx': failure, '5xx': failure },
};
