/**
 * What an operator sees and does: the admin API on a unix socket and a TLS listener, its client for the command line, and
 * the admin page. HTTP as in RFC 9110 and RFC 9112, by Fastify. `server/` implements the `AdminBackend` declared here.
 */

export * from './access-backend.ts';
export type { AdminNetwork } from './app.ts';
export * from './backend.ts';
export * from './client.ts';
export { listenForMetrics, type MetricsListener } from './metrics-listener.ts';
export * from './server.ts';
export { AdminSocketError, adminSocketPath } from './socket.ts';
