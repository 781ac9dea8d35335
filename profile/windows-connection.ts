import { dialText, type ProfileFacts } from './facts.ts';
import { base64Statements, powershellLiteral } from './powershell-literal.ts';

const METHOD = { mschapv2: 'MSChapv2', chap: 'Chap', pap: 'Pap' } as const;

/**
 * Parameters that Add-VpnConnection and Set-VpnConnection share. TLS encrypts the tunnel: 'Required' would speak of MPPE
 * inside it, which SSTP servers do not offer.
 */
export function connectionParameters(facts: Pick<ProfileFacts, 'methods' | 'dnsSuffix'>): string {
  const { methods, dnsSuffix } = facts;
  const method = METHOD[methods[0] ?? 'mschapv2'];
  const suffix = dnsSuffix === undefined ? '' : ` -DnsSuffix ${powershellLiteral(dnsSuffix)}`;
  return `-TunnelType Sstp -AuthenticationMethod ${method} -EncryptionLevel Optional${suffix} -Force`;
}

/** For a PowerShell that runs as administrator: the least that makes the connection, for everybody on the machine. */
export function windowsPaste(facts: Omit<ProfileFacts, 'user' | 'certificateSha256' | 'dns' | 'alwaysOn'>): string[] {
  const { caPem, connection, routes } = facts;
  const name = powershellLiteral(connection);
  const split = routes.length === 0 ? '' : ' -SplitTunneling';
  return [
    ...(caPem === undefined ? [] : importStatements(caPem)),
    `Add-VpnConnection -Name ${name} -ServerAddress ${powershellLiteral(dialText(facts))} ${connectionParameters(facts)} -RememberCredential${split} -AllUserConnection`,
    ...routes.map(
      (route) =>
        `Add-VpnConnectionRoute -ConnectionName ${name} -DestinationPrefix ${powershellLiteral(route)} -AllUserConnection`,
    ),
  ];
}

function importStatements(caPem: string): string[] {
  return [
    ...base64Statements('$ca', caPem),
    "$file = Join-Path -Path $env:TEMP -ChildPath 'sstpd-ca.cer'",
    '[IO.File]::WriteAllBytes($file, [Convert]::FromBase64String($ca))',
    'Import-Certificate -FilePath $file -CertStoreLocation Cert:\\LocalMachine\\Root',
  ];
}

/**
 * Runs the script that a browser has saved: the folder of downloads is asked for, since it may be elsewhere (another drive,
 * OneDrive). That of the account that runs PowerShell.
 */
export function runDownloaded(name: string): string {
  const folder = "(New-Object -ComObject Shell.Application).NameSpace('shell:Downloads').Self.Path";
  return `powershell -ExecutionPolicy Bypass -File "$(${folder})\\${name}"`;
}
