/**
 * Domains below which strangers have names. The Public Suffix List knows thousands; here are the ones that a small VPN
 * server is likely to have its name in: registries with a second level, dynamic DNS, and the names that clouds hand out.
 */

/** Whether names directly below `domain` belong to different people, as far as we know. */
export function isSharedDomain(domain: string): boolean {
  const labels = domain.split('.');
  const [last = ''] = labels.slice(-1);
  if (labels.length < 2) return true;
  if (labels.length === 2 && last.length === 2 && REGISTRY.has(labels[0] ?? '')) return true;
  return [...SHARED].some((shared) => domain === shared || (DEEP.has(shared) && domain.endsWith(`.${shared}`)));
}

/** Second levels of country domains, as in co.uk, com.au, or.jp. */
const REGISTRY: ReadonlySet<string> = new Set(
  'ac ad co com ed edu firm gen go gob gouv gov govt gub ind info int ltd me mil mod ne net nhs nic nom or org plc pro sch school web'.split(
    ' ',
  ),
);

/** Below these, names of strangers also stand deeper: REGION.cloudapp.azure.com. */
const DEEP: ReadonlySet<string> = new Set([
  'amazonaws.com',
  'cloudapp.azure.com',
  'googleusercontent.com',
  'nip.io',
  'sslip.io',
  'ts.net',
]);

const SHARED: ReadonlySet<string> = new Set([
  ...DEEP,
  'azurewebsites.net',
  'changeip.com',
  'ddns.net',
  'ddnss.de',
  'ddns.us',
  'dedyn.io',
  'dns.army',
  'dns.navy',
  'dnsalias.com',
  'dnsdojo.com',
  'duckdns.org',
  'dy.fi',
  'dyn-ip24.de',
  'dynalias.com',
  'dyndns.info',
  'dyndns.org',
  'dynns.com',
  'dynu.net',
  'dynv6.net',
  'endofinternet.net',
  'fly.dev',
  'freeddns.org',
  'freedynamicdns.net',
  'freedynamicdns.org',
  'goip.de',
  'gotdns.com',
  'gotdns.org',
  'homedns.org',
  'homeip.net',
  'homelinux.com',
  'homelinux.net',
  'homelinux.org',
  'homeunix.com',
  'hopto.me',
  'hopto.org',
  'i234.me',
  'keenetic.link',
  'keenetic.pro',
  'linodeusercontent.com',
  'loseyourip.com',
  'mooo.com',
  'my-gateway.de',
  'my-router.de',
  'myddns.me',
  'mydns.jp',
  'myds.me',
  'myfritz.net',
  'myftp.biz',
  'myftp.org',
  'mynetname.net',
  'myqnapcloud.com',
  'myvnc.com',
  'no-ip.biz',
  'no-ip.info',
  'no-ip.org',
  'redirectme.net',
  'run.app',
  'selfhost.de',
  'selfhost.eu',
  'servebeer.com',
  'servehttp.com',
  'sn.mynetname.net',
  'softether.net',
  'spdns.de',
  'spdns.eu',
  'strangled.net',
  'synology.me',
  'sytes.net',
  'tplinkdns.com',
  'traeumtgerade.de',
  'webhop.me',
  'zapto.org',
]);
