import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminAccountsBackend } from '../access-backend.ts';
import { failures, text, time } from '../schemas.ts';

/**
 * Accounts are made and removed by `sstpd admin` only. What a session can leave behind are tokens, which are listed and
 * can be taken back.
 */
export function addAccountRoutes(app: FastifyInstance, accounts: AdminAccountsBackend): void {
  app.get('/v1/admins', { schema: LIST, config: { scope: 'admin' } }, () => accounts.list());
}

const LIST: FastifySchema = {
  summary: 'Admin accounts by name',
  tags: ['access'],
  response: {
    200: {
      description: 'Accounts',
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'createdAt'],
        properties: { name: text, createdAt: time, lastLoginAt: time },
      },
    },
    ...failures,
  },
};
