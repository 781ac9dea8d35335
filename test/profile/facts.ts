/** Facts for tests of profiles, and names that users may have. */
import fc from 'fast-check';
import type { ProfileFacts } from '../../profile/index.ts';

/** Of an authority that nobody has the key of. */
export const CA_PEM = `-----BEGIN CERTIFICATE-----
MIIBkzCCATmgAwIBAgIUcEByU9wd2nYcbDnMD6D2TMu4nwEwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUc3N0cGQgdGVzdCBhdXRob3JpdHkwHhcNMjYxMTI1MTY0MTEy
WhcNMzYxMTIyMTY0MTEyWjAfMR0wGwYDVQQDDBRzc3RwZCB0ZXN0IGF1dGhvcml0
eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFBNeI2IqPJe+0jtkCfJBdXIPfXj
p4/hcnKp3aG1Cq9nMrLgt6D+QYzIlzi1m+9OQhAqxQ1vH8Z2qKW4c2MsU3OjUzBR
MB0GA1UdDgQWBBQISmAikc5Sk6fBexRZlxxUjncM4zAfBgNVHSMEGDAWgBQISmAi
kc5Sk6fBexRZlxxUjncM4zAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCIQDs3fW1uMJILdSBU8nTDK3QLNf9Eq0FDq8cGYBklFDAuwIgArgT52ZW3YJm
nQtvcdfOkGXFFk7ZkAY2eI823kpLKjA=
-----END CERTIFICATE-----
`;

/** The defaults of a first start: own authority, all traffic. */
export const PLAIN: ProfileFacts = {
  user: 'ann',
  connection: 'sstpd',
  host: 'vpn.example.com',
  port: 443,
  methods: ['mschapv2'],
  caPem: CA_PEM,
  certificateSha256: '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff',
  routes: [],
  hasIpv6: false,
  dnsSuffix: undefined,
  dns: ['10.86.0.1'],
  alwaysOn: false,
};

/** Everything else. */
export const FULL: ProfileFacts = {
  ...PLAIN,
  user: "o'neil & søn",
  connection: "Büro d'Azur (VPN)",
  host: '2001:db8::5',
  port: 8443,
  methods: ['mschapv2', 'pap'],
  caPem: undefined,
  routes: ['10.0.0.0/8', '192.168.5.0/24', 'fd00::/8'],
  hasIpv6: true,
  dnsSuffix: 'corp.example.com',
  dns: ['10.0.0.53', '10.0.0.54'],
  alwaysOn: true,
};

/** Names that a user may have, most of them with signs that some format takes for its own. */
export const userNames: fc.Arbitrary<string> = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(..."'\u2018\u2019\u201a\u201b\u201c\u201d`$&!#%^~@(){}- _.aZ9\u00e9\u4e2d"),
      fc.constantFrom('$(calc)', '${', '--', '%0', '&#39'),
    ),
    minLength: 1,
    maxLength: 16,
  })
  .filter((name) => name.trim() === name && !/[\\/"[\]:;|=,+*?<>]/.test(name));
