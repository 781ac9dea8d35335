/** Which of a client's header fields the other web server behind the VPN port sees. */

/** RFC 9110 7.6.1: of this connection, not of the message. `expect` has been answered by then. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

/**
 * What only a program in front of a web server has to say: whose request it is, over what it came, what the client has
 * proved. Of us the other server learns it in X-Forwarded-*; from a client it is a lie that some server believes.
 * Families end with `*`. RFC 7239 (Forwarded), RFC 9110 7.6.3 (Via), RFC 9440 (Client-Cert), RFC 3875 4.1.18 (`Proxy`
 * becomes HTTP_PROXY); the others are what well-known proxies, clouds and application servers write.
 */
const OF_A_PROXY = [
  ...['forwarded*', 'x-forwarded*', 'x-forwarder*', 'via', 'x-via', 'proxy*', 'x-proxy*', 'wl-proxy*'],
  ...['x-real-*', 'true-client-*', 'client-ip', 'x-client-*', 'client-cert*', 'x-cluster-client-*', 'x-remote-*'],
  ...['remote-*', 'x-originating-*', 'x-original-*', 'x-rewrite-*', 'x-host', 'x-http-host*', 'x-server-name'],
  ...['x-scheme', 'x-url-scheme', 'x-https', 'front-end-https', 'ssl-*', 'x-ssl*', 'x-tls-*', 'x-arr-*', 'x-accel-*'],
  ...['cf-*', 'cdn-*', 'fastly-*', 'akamai-*', 'x-akamai-*', 'x-azure-*', 'x-appengine-*', 'x-amzn-*', 'x-envoy-*'],
  ...['x-authenticated-*', 'x-auth-request-*', 'x-webauth-*', 'x-sendfile*'],
] as const;

const NAMES: ReadonlySet<string> = new Set(OF_A_PROXY.filter((name) => !name.endsWith('*')));
const FAMILIES: readonly string[] = OF_A_PROXY.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));

/** What a field may be called: to CGI and its heirs `X_Real.IP` is the same name as `X-Real-IP` (RFC 3875 4.1.18). */
const PLAIN_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** Whether a field of a client passes. @param name in lower case */
export function isClientsOwn(name: string): boolean {
  return PLAIN_NAME.test(name) && !NAMES.has(name) && !FAMILIES.some((family) => name.startsWith(family));
}

/** The fields of a message without those of its connection, also without those that Connection names. */
export function withoutConnection<Value>(
  headers: Readonly<Record<string, Value>>,
  connection: string | undefined,
): [name: string, value: Value][] {
  const named = new Set((connection ?? '').toLowerCase().split(/[\s,]+/));
  return Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name) && !named.has(name));
}
