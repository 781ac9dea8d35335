/** How far a connection came; the last one reached stands in its `connection.closed` line. */
export type Stage = 'tls' | 'http' | 'sstp' | 'lcp' | 'authentication' | 'binding' | 'network' | 'up';
