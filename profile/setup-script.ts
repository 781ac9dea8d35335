import { createHash } from 'node:crypto';
import { dialText, type ProfileFacts } from './facts.ts';
import { LEAKS_IPV6, leaksIpv6 } from './ipv6.ts';
import { base64Statements, derOf, powershellLiteral } from './powershell-literal.ts';
import { uninstall } from './setup-uninstall.ts';
import { connectionParameters } from './windows-connection.ts';

/** Windows PowerShell 5.1 takes a file without it for one in the code page of the machine. */
const BYTE_ORDER_MARK = '\ufeff';

/**
 * The script that sets Windows up, tests it and takes it back: for Windows PowerShell 5.1 and PowerShell 7, one
 * statement a line. Texts of the configuration and the user's name stand in single-quoted strings and nowhere else.
 */
export function setupScript(facts: ProfileFacts): string {
  const lines = [
    ...header(facts),
    ...values(facts),
    ...administrator(),
    ...(facts.caPem === undefined ? [] : certificateAuthority()),
    ...connection(facts),
    ...uninstall(facts),
    ...selfTest(facts),
    ...main(facts),
  ];
  return BYTE_ORDER_MARK + lines.map((line) => `${line}\r\n`).join('');
}

function header(facts: ProfileFacts): string[] {
  const { alwaysOn, caPem } = facts;
  return [
    '# Sets up a VPN connection (SSTP) on Windows 10 and 11. Run it again to update the connection:',
    '#   powershell -ExecutionPolicy Bypass -File setup.ps1',
    '#',
    '# Who runs it matters. "Run as administrator" with a password of another account runs it as that account: then',
    '# -CurrentUser and -AlwaysOn would set that account up, not yours. Use them in a PowerShell of your own account, after an',
    '# administrator has run the script once without them. A connection for everybody is the same whoever makes it.',
    '#',
    '# -CurrentUser  for you alone, without an administrator; else for everybody on this machine',
    '# -AlwaysOn     Windows connects by itself, see below; -AlwaysOn:$false if that is on already. For you alone.',
    '# -Application  the same, with programs (paths or package family names) that make it connect when they start',
    ...(leaksIpv6(facts)
      ? [
          '# -CloseIpv6    sends IPv6 into the VPN, which has none, so that it does not go past it; not tried on Windows yet',
        ]
      : []),
    '# -SelfTest     changes nothing: looks at the port, the certificate and the connection',
    '# -Uninstall    removes the connection, the name and password that were saved with it, and the certificate authority if',
    '#               this script installed it',
    '#',
    ...(caPem === undefined
      ? []
      : ['# An administrator is needed once: the certificate authority goes into the store of the machine.', '#']),
    '# Always on: Windows connects when a program asks for a name below the DNS suffix, or when one of the programs',
    '# starts, and the user is signed in. Connect by hand once, so that Windows has the password. A device tunnel, which',
    '# is there before anybody signs in, exists for IKEv2 only, not for SSTP.',
    '',
    '[CmdletBinding()]',
    'param(',
    '    [switch]$CurrentUser,',
    `    [switch]$AlwaysOn${alwaysOn ? ' = $true' : ''},`,
    '    [string[]]$Application = @(),',
    ...(leaksIpv6(facts) ? ['    [switch]$CloseIpv6,'] : []),
    '    [switch]$SelfTest,',
    '    [switch]$Uninstall',
    ')',
    '',
    "$ErrorActionPreference = 'Stop'",
  ];
}

function values(facts: ProfileFacts): string[] {
  const { connection, host, port, user, caPem, certificateSha256 } = facts;
  return [
    `$Name = ${powershellLiteral(connection)}`,
    `$Server = ${powershellLiteral(dialText(facts))}`,
    `$ServerName = ${powershellLiteral(host)}`,
    `$Port = ${port}`,
    `$UserName = ${powershellLiteral(user)}`,
    `$CertificateSha256 = ${powershellLiteral(certificateSha256.replaceAll(':', '').toUpperCase())}`,
    ...(caPem === undefined ? [] : caValues(caPem)),
    '',
  ];
}

function caValues(caPem: string): string[] {
  const thumbprint = createHash('sha1').update(derOf(caPem)).digest('hex').toUpperCase();
  return [
    `$CaThumbprint = ${powershellLiteral(thumbprint)}`,
    "$CaPath = 'Cert:\\LocalMachine\\Root\\' + $CaThumbprint",
    "$CaMark = 'installed by setup.ps1 of sstpd'",
    ...base64Statements('$CaBase64', caPem),
  ];
}

function administrator(): string[] {
  return [
    'function Test-Administrator {',
    '    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()',
    '    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity',
    '    return $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)',
    '}',
    '',
    'function Write-Account {',
    '    param([bool]$ForEverybody)',
    '    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()',
    '    if ($ForEverybody) {',
    "        Write-Host ('This sets up the VPN for everybody on this machine. You are {0}.' -f $identity.Name)",
    '        return',
    '    }',
    "    Write-Host ('This sets up the VPN for {0} alone.' -f $identity.Name)",
    '    if (Test-Administrator) {',
    "        Write-Warning ('If {0} is not the account that you work with, the connection would not be where you look for it: start the script again in a PowerShell of your own account.' -f $identity.Name)",
    '    }',
    '}',
    '',
    'function Assert-Administrator {',
    '    param([string]$Reason)',
    '    if (Test-Administrator) {',
    '        return',
    '    }',
    '    throw (\'{0} needs an administrator: open PowerShell with "Run as administrator" and start the script again.\' -f $Reason)',
    '}',
    '',
  ];
}

/** The file is in a folder that other programs of the user can write to: what counts is the thumbprint in the store. */
function certificateAuthority(): string[] {
  return [
    'function Install-CertificateAuthority {',
    '    if (Test-Path -LiteralPath $CaPath) {',
    "        Write-Host 'The certificate authority is trusted already.'",
    '        return',
    '    }',
    "    Assert-Administrator -Reason 'To trust the certificate authority of the VPN'",
    '    $file = [IO.Path]::Combine([IO.Path]::GetTempPath(), [Guid]::NewGuid().ToString() + ".cer")',
    '    try {',
    '        [IO.File]::WriteAllBytes($file, [Convert]::FromBase64String($CaBase64))',
    '        $imported = Import-Certificate -FilePath $file -CertStoreLocation Cert:\\LocalMachine\\Root',
    '    } finally {',
    '        Remove-Item -LiteralPath $file -ErrorAction SilentlyContinue',
    '    }',
    '    if ($imported.Thumbprint -ne $CaThumbprint) {',
    "        Remove-Item -LiteralPath ('Cert:\\LocalMachine\\Root\\' + $imported.Thumbprint)",
    "        throw 'Another certificate was imported than the one in this script; it was removed again.'",
    '    }',
    '    $authority = Get-Item -LiteralPath $CaPath',
    '    $authority.FriendlyName = $CaMark',
    "    Write-Host ('Trusted: certificate authority {0}' -f $CaThumbprint)",
    '}',
    '',
    'function Uninstall-CertificateAuthority {',
    '    if (-not (Test-Path -LiteralPath $CaPath)) {',
    '        return',
    '    }',
    '    $authority = Get-Item -LiteralPath $CaPath',
    '    if ($authority.FriendlyName -ne $CaMark) {',
    "        Write-Host 'The certificate authority stays: it was there before this script.'",
    '        return',
    '    }',
    '    if (-not (Test-Administrator)) {',
    "        Write-Warning 'The certificate authority stays: an administrator has to remove it (-Uninstall as administrator).'",
    '        return',
    '    }',
    '    Remove-Item -LiteralPath $CaPath',
    "    Write-Host 'The certificate authority is no longer trusted.'",
    '}',
    '',
  ];
}

function connection(facts: ProfileFacts): string[] {
  const isSplit = facts.routes.length > 0;
  return [
    'function Install-Connection {',
    '    param([bool]$AllUsers)',
    '    if ($AllUsers) {',
    "        Assert-Administrator -Reason 'A connection for everybody on this machine (-CurrentUser: for you alone)'",
    '    }',
    '    $existing = Get-VpnConnection -Name $Name -AllUserConnection:$AllUsers -ErrorAction SilentlyContinue',
    '    if ($null -eq $existing) {',
    `        Add-VpnConnection -Name $Name -ServerAddress $Server ${connectionParameters(facts)} -RememberCredential${isSplit ? ' -SplitTunneling' : ''} -AllUserConnection:$AllUsers`,
    '    } else {',
    `        Set-VpnConnection -Name $Name -ServerAddress $Server ${connectionParameters(facts)} -RememberCredential $true -SplitTunneling $${isSplit} -AllUserConnection:$AllUsers`,
    '        foreach ($route in $existing.Routes) {',
    '            Remove-VpnConnectionRoute -ConnectionName $Name -DestinationPrefix $route.DestinationPrefix -AllUserConnection:$AllUsers',
    '        }',
    '    }',
    ...facts.routes.map(
      (route) =>
        `    Add-VpnConnectionRoute -ConnectionName $Name -DestinationPrefix ${powershellLiteral(route)} -AllUserConnection:$AllUsers`,
    ),
    ...(leaksIpv6(facts) ? CLOSE_IPV6 : []),
    "    Write-Host ('The connection {0} to {1} is set up.' -f $Name, $Server)",
    '}',
    '',
    'function Install-Trigger {',
    ...triggers(facts).map((line) => `    ${line}`),
    ...(startsByName(facts) ? [] : NOTHING_STARTS),
    '    foreach ($program in $Application) {',
    '        Add-VpnConnectionTriggerApplication -ConnectionName $Name -ApplicationID $program -Force',
    '    }',
    "    Write-Host 'Windows connects by itself from now on. Connect by hand once, so that it has the password.'",
    '}',
    '',
  ];
}

/** ::/0 is said not to be taken (trailofbits/algo#1490, of IKEv2), the two halves are. */
const CLOSE_IPV6 = [
  '    if ($CloseIpv6) {',
  ...['::/1', '8000::/1'].map(
    (half) =>
      `        Add-VpnConnectionRoute -ConnectionName $Name -DestinationPrefix '${half}' -AllUserConnection:$AllUsers`,
  ),
  '    } else {',
  `        Write-Warning ${powershellLiteral(`${LEAKS_IPV6.open} Run the script with -CloseIpv6 if it must not.`)}`,
  '    }',
];

function startsByName({ dnsSuffix, dns }: ProfileFacts): boolean {
  return dnsSuffix !== undefined && dns.length > 0;
}

const NOTHING_STARTS = [
  '    if ($Application.Count -eq 0) {',
  "        Write-Warning 'Nothing makes Windows connect: the server has no DNS suffix with DNS servers. Name programs with -Application.'",
  '        return',
  '    }',
];

/** By name: a look-up below the suffix starts the connection, unless the machine is in that network already. */
function triggers(facts: ProfileFacts): string[] {
  const { dnsSuffix, dns } = facts;
  if (dnsSuffix === undefined) return [];
  const suffix = powershellLiteral(dnsSuffix);
  const below = powershellLiteral(`.${dnsSuffix}`);
  const again = '-Force -ErrorAction SilentlyContinue';
  const byName = [
    `Remove-VpnConnectionTriggerDnsConfiguration -ConnectionName $Name -DnsSuffix ${below} ${again}`,
    `Add-VpnConnectionTriggerDnsConfiguration -ConnectionName $Name -DnsSuffix ${below} -DnsIPAddress ${dns.map(powershellLiteral).join(', ')} -Force`,
  ];
  return [
    ...(startsByName(facts) ? byName : []),
    `Remove-VpnConnectionTriggerTrustedNetwork -ConnectionName $Name -DnsSuffix ${suffix} ${again}`,
    `Add-VpnConnectionTriggerTrustedNetwork -ConnectionName $Name -DnsSuffix ${suffix} -Force`,
  ];
}

/** What the dialog of Windows shows most often; the server's `sstpd explain` knows more. */
const CODES = [
  ['0x800B0109', 'the certificate authority is not trusted by the machine: run this script as administrator'],
  ['0x800B010F', 'the certificate is for another name than the one that is dialled'],
  ['0x80092013', 'Windows could not ask whether the certificate is revoked'],
  ['0x8007274C', 'no answer: the port is blocked, or the name leads elsewhere'],
  ['0x8007274D', 'nothing listens on that port'],
  ['691', 'wrong user name or password'],
  ['647', 'the account is disabled'],
  ['868', 'the name of the server is not known in DNS'],
] as const;

function selfTest({ caPem }: ProfileFacts): string[] {
  return [
    ...serverCertificate(),
    'function Test-Vpn {',
    '    $reached = Test-NetConnection -ComputerName $ServerName -Port $Port -InformationLevel Quiet -WarningAction SilentlyContinue',
    '    if (-not $reached) {',
    "        Write-Warning ('{0} does not answer on port {1}: DNS, a firewall, or the server is down.' -f $ServerName, $Port)",
    '        return',
    '    }',
    "    Write-Host ('{0} answers on port {1}.' -f $ServerName, $Port)",
    '    try {',
    '        $shown = Get-ServerCertificate',
    '    } catch {',
    "        Write-Warning ('TLS does not come about: {0}' -f $_.Exception.Message)",
    '        return',
    '    }',
    '    if ($shown.Sha256 -eq $CertificateSha256) {',
    "        Write-Host ('The certificate is the one this script was made for: SHA-256 {0}' -f $shown.Sha256)",
    '    } else {',
    "        Write-Warning ('The certificate is another one (SHA-256 {0}): renewed since, or something on the way inspects TLS. SSTP does not pass an inspection.' -f $shown.Sha256)",
    '    }',
    '    if ([string]$shown.Errors -eq "None") {',
    "        Write-Host 'Its chain and its name are good for you.'",
    '    } else {',
    "        Write-Warning ('Windows does not accept it: {0}' -f $shown.Errors)",
    '    }',
    ...(caPem === undefined
      ? []
      : [
          '    if (-not (Test-Path -LiteralPath $CaPath)) {',
          "        Write-Warning 'The machine does not trust the certificate authority: run this script as administrator.'",
          '    }',
        ]),
    '    foreach ($allUsers in $false, $true) {',
    '        $existing = Get-VpnConnection -Name $Name -AllUserConnection:$allUsers -ErrorAction SilentlyContinue',
    '        if ($null -ne $existing) {',
    "            Write-Host ('The connection {0} is there: {1}' -f $Name, $existing.ConnectionStatus)",
    '        }',
    '    }',
    "    Write-Host 'To try a login:'",
    '    Write-Host (\'    rasdial "{0}" "{1}" *\' -f $Name, $UserName)',
    "    Write-Host 'Codes that it may show:'",
    ...CODES.map(([code, text]) => `    Write-Host ${powershellLiteral(`    ${code.padEnd(12)}${text}`)}`),
    '    Write-Host (\'Why it failed, whoever runs the server can see: sstpd explain --user "{0}"\' -f $UserName)',
    '}',
    '',
  ];
}

/** Whatever certificate the server shows, with what Windows has against it. */
function serverCertificate(): string[] {
  return [
    'function Get-ServerCertificate {',
    '    $client = New-Object -TypeName Net.Sockets.TcpClient -ArgumentList $ServerName, $Port',
    '    try {',
    '        $callback = {',
    '            param($origin, $certificate, $chain, $policyErrors)',
    '            $script:PolicyErrors = $policyErrors',
    '            return $true',
    '        }',
    '        $stream = $client.GetStream()',
    '        $tls = New-Object -TypeName Net.Security.SslStream -ArgumentList $stream, $false, $callback',
    '        $tls.AuthenticateAsClient($ServerName, $null, [Security.Authentication.SslProtocols]::Tls12, $false)',
    '        $hash = [Security.Cryptography.SHA256]::Create().ComputeHash($tls.RemoteCertificate.GetRawCertData())',
    '        $tls.Dispose()',
    '    } finally {',
    '        $client.Dispose()',
    '    }',
    '    $result = New-Object -TypeName PSObject',
    '    $result | Add-Member -MemberType NoteProperty -Name Errors -Value $script:PolicyErrors',
    '    $result | Add-Member -MemberType NoteProperty -Name Sha256 -Value ([BitConverter]::ToString($hash).Replace("-", ""))',
    '    return $result',
    '}',
    '',
  ];
}

function main({ caPem }: ProfileFacts): string[] {
  return [
    'if ($Uninstall) {',
    '    Uninstall-Connection',
    '    return',
    '}',
    'if ($SelfTest) {',
    '    Test-Vpn',
    '    return',
    '}',
    'if ($Application.Count -gt 0) {',
    '    $AlwaysOn = $true',
    '}',
    '# The phone book that triggers know is that of the user.',
    '$everybody = -not ($CurrentUser -or $AlwaysOn)',
    'Write-Account -ForEverybody $everybody',
    ...(caPem === undefined ? [] : ['Install-CertificateAuthority']),
    'Install-Connection -AllUsers $everybody',
    'if ($AlwaysOn) {',
    '    Install-Trigger',
    '}',
    'Test-Vpn',
    "Write-Host ('Connect in Settings > Network > VPN as {0}.' -f $UserName)",
  ];
}
