import type { FastifyInstance, FastifySchema } from 'fastify';
import type { AdminBackend } from '../backend.ts';
import { METRICS_TYPE } from '../metrics-listener.ts';
import { failures } from '../schemas.ts';

/** What Prometheus reads. */
export function addMetricsRoute(app: FastifyInstance, backend: AdminBackend): void {
  app.get('/metrics', { schema: METRICS, config: { scope: 'metrics' } }, async (_request, reply) =>
    reply.type(METRICS_TYPE).send(await backend.metrics()),
  );
}

const METRICS: FastifySchema = {
  summary: 'Everything that is counted, in the text format of Prometheus',
  tags: ['server'],
  response: {
    200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
    ...failures,
  },
};
