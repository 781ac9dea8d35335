import type { ProfileFacts } from './facts.ts';

/** RASCREDENTIALSW (ras.h, lmcons.h): size, mask, then 257, 257 and 16 characters of name, password and domain. */
const CREDENTIALS_BYTES = 4 + 4 + 2 * (257 + 257 + 16);
/** RASCM_UserName, RASCM_Password, RASCM_Domain; for a connection of everybody RASCM_DefaultCreds, too. */
const MASKS = { own: 1 | 2 | 4, everybody: 1 | 2 | 4 | 8 } as const;

/** RasSetCredentials with its last parameter true sets what the mask names to nothing; Remove-VpnConnection says nothing of it. */
function savedCredentials(): string[] {
  return [
    'function Remove-SavedCredential {',
    '    param([bool]$AllUsers)',
    '    $base = $env:APPDATA',
    '    if ($AllUsers) {',
    '        $base = $env:ProgramData',
    '    }',
    "    $book = [IO.Path]::Combine($base, 'Microsoft\\Network\\Connections\\Pbk\\rasphone.pbk')",
    `    $masks = @(${MASKS.own})`,
    '    if ($AllUsers) {',
    `        $masks = @(${MASKS.own}, ${MASKS.everybody})`,
    '    }',
    '    try {',
    '        Add-Type -Namespace Sstpd -Name Ras -MemberDefinition \'[DllImport("rasapi32.dll", EntryPoint = "RasSetCredentialsW", CharSet = CharSet.Unicode)] public static extern uint SetCredentials(string book, string entry, byte[] credentials, bool clear);\'',
    '        foreach ($mask in $masks) {',
    `            $credentials = New-Object -TypeName byte[] -ArgumentList ${CREDENTIALS_BYTES}`,
    `            [BitConverter]::GetBytes([int]${CREDENTIALS_BYTES}).CopyTo($credentials, 0)`,
    '            [BitConverter]::GetBytes([int]$mask).CopyTo($credentials, 4)',
    '            $code = [Sstpd.Ras]::SetCredentials($book, $Name, $credentials, $true)',
    '            if ($code -ne 0) {',
    "                throw ('error {0}' -f $code)",
    '            }',
    '        }',
    "        Write-Host 'The name and password that were saved with it are removed.'",
    '    } catch {',
    "        Write-Warning ('A saved name and password may be left ({0}): Settings > Network > VPN shows them with the connection.' -f $_.Exception.Message)",
    '    }',
    '}',
    '',
  ];
}

/** Takes back what setup.ps1 made. */
export function uninstall({ caPem }: ProfileFacts): string[] {
  return [
    ...savedCredentials(),
    'function Uninstall-Connection {',
    '    foreach ($allUsers in $false, $true) {',
    '        $existing = Get-VpnConnection -Name $Name -AllUserConnection:$allUsers -ErrorAction SilentlyContinue',
    '        if ($null -eq $existing) {',
    '            continue',
    '        }',
    '        if ($allUsers) {',
    "            Assert-Administrator -Reason 'To remove the connection for everybody'",
    '        }',
    '        Remove-SavedCredential -AllUsers $allUsers',
    '        Remove-VpnConnection -Name $Name -AllUserConnection:$allUsers -Force',
    "        Write-Host ('The connection {0} is removed.' -f $Name)",
    '    }',
    ...(caPem === undefined ? [] : ['    Uninstall-CertificateAuthority']),
    '}',
    '',
  ];
}
