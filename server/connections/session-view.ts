import type { SessionView } from '../../admin/index.ts';
import type { Connection } from './connection.ts';

/** A connection as the admin API tells of it. */
export function sessionView(connection: Connection): SessionView {
  const { id, peer, tls, stage, user, ipv4, ipv6, method, connectedAt, bytesIn, bytesOut, policy, correlationId } =
    connection.view;
  return {
    id,
    user,
    peer,
    stage,
    ipv4,
    ipv6,
    method,
    tls,
    connectedAt: connectedAt.toISOString(),
    bytesIn,
    bytesOut,
    policy,
    correlationId,
  };
}
