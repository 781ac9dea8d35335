/**
 * The cmdlets that setup.ps1 may call, with their parameters as Microsoft documents them:
 * - VpnClient, Pki, NetTCPIP: github.com/MicrosoftDocs/windows-powershell-docs, docset/winserver2022-ps/<module>/<cmdlet>.md
 *   (learn.microsoft.com/powershell/module/vpnclient and so on);
 * - the others: github.com/MicrosoftDocs/PowerShell-Docs, reference/5.1/<module>/<cmdlet>.md.
 * The triggers have no -AllUserConnection: they know the phone book of the user alone.
 */
const COMMON = ['ErrorAction', 'WarningAction'];

const CONNECTION = ['Name', 'ServerAddress', 'TunnelType', 'AuthenticationMethod', 'EncryptionLevel', 'DnsSuffix'];

const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  // VpnClient
  'Add-VpnConnection': [...CONNECTION, 'AllUserConnection', 'RememberCredential', 'SplitTunneling', 'Force'],
  'Set-VpnConnection': [...CONNECTION, 'AllUserConnection', 'RememberCredential', 'SplitTunneling', 'Force'],
  'Get-VpnConnection': ['Name', 'AllUserConnection'],
  'Remove-VpnConnection': ['Name', 'AllUserConnection', 'Force'],
  'Add-VpnConnectionRoute': ['ConnectionName', 'DestinationPrefix', 'RouteMetric', 'AllUserConnection'],
  'Remove-VpnConnectionRoute': ['ConnectionName', 'DestinationPrefix', 'AllUserConnection'],
  'Add-VpnConnectionTriggerDnsConfiguration': ['ConnectionName', 'DnsSuffix', 'DnsIPAddress', 'Force'],
  'Remove-VpnConnectionTriggerDnsConfiguration': ['ConnectionName', 'DnsSuffix', 'Force'],
  'Add-VpnConnectionTriggerTrustedNetwork': ['ConnectionName', 'DnsSuffix', 'Force'],
  'Remove-VpnConnectionTriggerTrustedNetwork': ['ConnectionName', 'DnsSuffix', 'Force'],
  'Add-VpnConnectionTriggerApplication': ['ConnectionName', 'ApplicationID', 'Force'],
  // Pki, NetTCPIP
  'Import-Certificate': ['FilePath', 'CertStoreLocation'],
  'Test-NetConnection': ['ComputerName', 'Port', 'InformationLevel'],
  // Microsoft.PowerShell.Management
  'Get-Item': ['LiteralPath'],
  'Join-Path': ['Path', 'ChildPath'],
  'Remove-Item': ['LiteralPath'],
  'Test-Path': ['LiteralPath'],
  // Microsoft.PowerShell.Utility
  'Add-Member': ['MemberType', 'Name', 'Value'],
  'Add-Type': ['Namespace', 'Name', 'MemberDefinition'],
  'New-Object': ['TypeName', 'ArgumentList', 'ComObject'],
  'Write-Host': [],
  'Write-Warning': [],
};

export const CMDLETS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(DOCUMENTED).map(([name, parameters]) => [name, new Set([...parameters, ...COMMON])]),
);
