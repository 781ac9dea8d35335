# Sets up a VPN connection (SSTP) on Windows 10 and 11. Run it again to update the connection:
#   powershell -ExecutionPolicy Bypass -File setup.ps1
#
# Who runs it matters. "Run as administrator" with a password of another account runs it as that account: then
# -CurrentUser and -AlwaysOn would set that account up, not yours. Use them in a PowerShell of your own account, after an
# administrator has run the script once without them. A connection for everybody is the same whoever makes it.
#
# -CurrentUser  for you alone, without an administrator; else for everybody on this machine
# -AlwaysOn     Windows connects by itself, see below; -AlwaysOn:$false if that is on already. For you alone.
# -Application  the same, with programs (paths or package family names) that make it connect when they start
# -CloseIpv6    sends IPv6 into the VPN, which has none, so that it does not go past it; not tried on Windows yet
# -SelfTest     changes nothing: looks at the port, the certificate and the connection
# -Uninstall    removes the connection, the name and password that were saved with it, and the certificate authority if
#               this script installed it
#
# An administrator is needed once: the certificate authority goes into the store of the machine.
#
# Always on: Windows connects when a program asks for a name below the DNS suffix, or when one of the programs
# starts, and the user is signed in. Connect by hand once, so that Windows has the password. A device tunnel, which
# is there before anybody signs in, exists for IKEv2 only, not for SSTP.

[CmdletBinding()]
param(
    [switch]$CurrentUser,
    [switch]$AlwaysOn,
    [string[]]$Application = @(),
    [switch]$CloseIpv6,
    [switch]$SelfTest,
    [switch]$Uninstall
)

$ErrorActionPreference = 'Stop'
$Name = 'sstpd'
$Server = 'vpn.example.com'
$ServerName = 'vpn.example.com'
$Port = 443
$UserName = 'ann'
$CertificateSha256 = '00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF'
$CaThumbprint = '8EBDC8740715A8791B02FADCE3AC73B82AABA272'
$CaPath = 'Cert:\LocalMachine\Root\' + $CaThumbprint
$CaMark = 'installed by setup.ps1 of sstpd'
$CaBase64 = ''
$CaBase64 += 'MIIBkzCCATmgAwIBAgIUcEByU9wd2nYcbDnMD6D2TMu4nwEwCgYIKoZIzj0EAwIw'
$CaBase64 += 'HzEdMBsGA1UEAwwUc3N0cGQgdGVzdCBhdXRob3JpdHkwHhcNMjYxMTI1MTY0MTEy'
$CaBase64 += 'WhcNMzYxMTIyMTY0MTEyWjAfMR0wGwYDVQQDDBRzc3RwZCB0ZXN0IGF1dGhvcml0'
$CaBase64 += 'eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFBNeI2IqPJe+0jtkCfJBdXIPfXj'
$CaBase64 += 'p4/hcnKp3aG1Cq9nMrLgt6D+QYzIlzi1m+9OQhAqxQ1vH8Z2qKW4c2MsU3OjUzBR'
$CaBase64 += 'MB0GA1UdDgQWBBQISmAikc5Sk6fBexRZlxxUjncM4zAfBgNVHSMEGDAWgBQISmAi'
$CaBase64 += 'kc5Sk6fBexRZlxxUjncM4zAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA'
$CaBase64 += 'MEUCIQDs3fW1uMJILdSBU8nTDK3QLNf9Eq0FDq8cGYBklFDAuwIgArgT52ZW3YJm'
$CaBase64 += 'nQtvcdfOkGXFFk7ZkAY2eI823kpLKjA='

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    return $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

function Write-Account {
    param([bool]$ForEverybody)
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    if ($ForEverybody) {
        Write-Host ('This sets up the VPN for everybody on this machine. You are {0}.' -f $identity.Name)
        return
    }
    Write-Host ('This sets up the VPN for {0} alone.' -f $identity.Name)
    if (Test-Administrator) {
        Write-Warning ('If {0} is not the account that you work with, the connection would not be where you look for it: start the script again in a PowerShell of your own account.' -f $identity.Name)
    }
}

function Assert-Administrator {
    param([string]$Reason)
    if (Test-Administrator) {
        return
    }
    throw ('{0} needs an administrator: open PowerShell with "Run as administrator" and start the script again.' -f $Reason)
}

function Install-CertificateAuthority {
    if (Test-Path -LiteralPath $CaPath) {
        Write-Host 'The certificate authority is trusted already.'
        return
    }
    Assert-Administrator -Reason 'To trust the certificate authority of the VPN'
    $file = [IO.Path]::Combine([IO.Path]::GetTempPath(), [Guid]::NewGuid().ToString() + ".cer")
    try {
        [IO.File]::WriteAllBytes($file, [Convert]::FromBase64String($CaBase64))
        $imported = Import-Certificate -FilePath $file -CertStoreLocation Cert:\LocalMachine\Root
    } finally {
        Remove-Item -LiteralPath $file -ErrorAction SilentlyContinue
    }
    if ($imported.Thumbprint -ne $CaThumbprint) {
        Remove-Item -LiteralPath ('Cert:\LocalMachine\Root\' + $imported.Thumbprint)
        throw 'Another certificate was imported than the one in this script; it was removed again.'
    }
    $authority = Get-Item -LiteralPath $CaPath
    $authority.FriendlyName = $CaMark
    Write-Host ('Trusted: certificate authority {0}' -f $CaThumbprint)
}

function Uninstall-CertificateAuthority {
    if (-not (Test-Path -LiteralPath $CaPath)) {
        return
    }
    $authority = Get-Item -LiteralPath $CaPath
    if ($authority.FriendlyName -ne $CaMark) {
        Write-Host 'The certificate authority stays: it was there before this script.'
        return
    }
    if (-not (Test-Administrator)) {
        Write-Warning 'The certificate authority stays: an administrator has to remove it (-Uninstall as administrator).'
        return
    }
    Remove-Item -LiteralPath $CaPath
    Write-Host 'The certificate authority is no longer trusted.'
}

function Install-Connection {
    param([bool]$AllUsers)
    if ($AllUsers) {
        Assert-Administrator -Reason 'A connection for everybody on this machine (-CurrentUser: for you alone)'
    }
    $existing = Get-VpnConnection -Name $Name -AllUserConnection:$AllUsers -ErrorAction SilentlyContinue
    if ($null -eq $existing) {
        Add-VpnConnection -Name $Name -ServerAddress $Server -TunnelType Sstp -AuthenticationMethod MSChapv2 -EncryptionLevel Optional -Force -RememberCredential -AllUserConnection:$AllUsers
    } else {
        Set-VpnConnection -Name $Name -ServerAddress $Server -TunnelType Sstp -AuthenticationMethod MSChapv2 -EncryptionLevel Optional -Force -RememberCredential $true -SplitTunneling $false -AllUserConnection:$AllUsers
        foreach ($route in $existing.Routes) {
            Remove-VpnConnectionRoute -ConnectionName $Name -DestinationPrefix $route.DestinationPrefix -AllUserConnection:$AllUsers
        }
    }
    if ($CloseIpv6) {
        Add-VpnConnectionRoute -ConnectionName $Name -DestinationPrefix '::/1' -AllUserConnection:$AllUsers
        Add-VpnConnectionRoute -ConnectionName $Name -DestinationPrefix '8000::/1' -AllUserConnection:$AllUsers
    } else {
        Write-Warning 'The VPN has no IPv6, so IPv6 of your own network goes past it. Run the script with -CloseIpv6 if it must not.'
    }
    Write-Host ('The connection {0} to {1} is set up.' -f $Name, $Server)
}

function Install-Trigger {
    if ($Application.Count -eq 0) {
        Write-Warning 'Nothing makes Windows connect: the server has no DNS suffix with DNS servers. Name programs with -Application.'
        return
    }
    foreach ($program in $Application) {
        Add-VpnConnectionTriggerApplication -ConnectionName $Name -ApplicationID $program -Force
    }
    Write-Host 'Windows connects by itself from now on. Connect by hand once, so that it has the password.'
}

function Remove-SavedCredential {
    param([bool]$AllUsers)
    $base = $env:APPDATA
    if ($AllUsers) {
        $base = $env:ProgramData
    }
    $book = [IO.Path]::Combine($base, 'Microsoft\Network\Connections\Pbk\rasphone.pbk')
    $masks = @(7)
    if ($AllUsers) {
        $masks = @(7, 15)
    }
    try {
        Add-Type -Namespace Sstpd -Name Ras -MemberDefinition '[DllImport("rasapi32.dll", EntryPoint = "RasSetCredentialsW", CharSet = CharSet.Unicode)] public static extern uint SetCredentials(string book, string entry, byte[] credentials, bool clear);'
        foreach ($mask in $masks) {
            $credentials = New-Object -TypeName byte[] -ArgumentList 1068
            [BitConverter]::GetBytes([int]1068).CopyTo($credentials, 0)
            [BitConverter]::GetBytes([int]$mask).CopyTo($credentials, 4)
            $code = [Sstpd.Ras]::SetCredentials($book, $Name, $credentials, $true)
            if ($code -ne 0) {
                throw ('error {0}' -f $code)
            }
        }
        Write-Host 'The name and password that were saved with it are removed.'
    } catch {
        Write-Warning ('A saved name and password may be left ({0}): Settings > Network > VPN shows them with the connection.' -f $_.Exception.Message)
    }
}

function Uninstall-Connection {
    foreach ($allUsers in $false, $true) {
        $existing = Get-VpnConnection -Name $Name -AllUserConnection:$allUsers -ErrorAction SilentlyContinue
        if ($null -eq $existing) {
            continue
        }
        if ($allUsers) {
            Assert-Administrator -Reason 'To remove the connection for everybody'
        }
        Remove-SavedCredential -AllUsers $allUsers
        Remove-VpnConnection -Name $Name -AllUserConnection:$allUsers -Force
        Write-Host ('The connection {0} is removed.' -f $Name)
    }
    Uninstall-CertificateAuthority
}

function Get-ServerCertificate {
    $client = New-Object -TypeName Net.Sockets.TcpClient -ArgumentList $ServerName, $Port
    try {
        $callback = {
            param($origin, $certificate, $chain, $policyErrors)
            $script:PolicyErrors = $policyErrors
            return $true
        }
        $stream = $client.GetStream()
        $tls = New-Object -TypeName Net.Security.SslStream -ArgumentList $stream, $false, $callback
        $tls.AuthenticateAsClient($ServerName, $null, [Security.Authentication.SslProtocols]::Tls12, $false)
        $hash = [Security.Cryptography.SHA256]::Create().ComputeHash($tls.RemoteCertificate.GetRawCertData())
        $tls.Dispose()
    } finally {
        $client.Dispose()
    }
    $result = New-Object -TypeName PSObject
    $result | Add-Member -MemberType NoteProperty -Name Errors -Value $script:PolicyErrors
    $result | Add-Member -MemberType NoteProperty -Name Sha256 -Value ([BitConverter]::ToString($hash).Replace("-", ""))
    return $result
}

function Test-Vpn {
    $reached = Test-NetConnection -ComputerName $ServerName -Port $Port -InformationLevel Quiet -WarningAction SilentlyContinue
    if (-not $reached) {
        Write-Warning ('{0} does not answer on port {1}: DNS, a firewall, or the server is down.' -f $ServerName, $Port)
        return
    }
    Write-Host ('{0} answers on port {1}.' -f $ServerName, $Port)
    try {
        $shown = Get-ServerCertificate
    } catch {
        Write-Warning ('TLS does not come about: {0}' -f $_.Exception.Message)
        return
    }
    if ($shown.Sha256 -eq $CertificateSha256) {
        Write-Host ('The certificate is the one this script was made for: SHA-256 {0}' -f $shown.Sha256)
    } else {
        Write-Warning ('The certificate is another one (SHA-256 {0}): renewed since, or something on the way inspects TLS. SSTP does not pass an inspection.' -f $shown.Sha256)
    }
    if ([string]$shown.Errors -eq "None") {
        Write-Host 'Its chain and its name are good for you.'
    } else {
        Write-Warning ('Windows does not accept it: {0}' -f $shown.Errors)
    }
    if (-not (Test-Path -LiteralPath $CaPath)) {
        Write-Warning 'The machine does not trust the certificate authority: run this script as administrator.'
    }
    foreach ($allUsers in $false, $true) {
        $existing = Get-VpnConnection -Name $Name -AllUserConnection:$allUsers -ErrorAction SilentlyContinue
        if ($null -ne $existing) {
            Write-Host ('The connection {0} is there: {1}' -f $Name, $existing.ConnectionStatus)
        }
    }
    Write-Host 'To try a login:'
    Write-Host ('    rasdial "{0}" "{1}" *' -f $Name, $UserName)
    Write-Host 'Codes that it may show:'
    Write-Host '    0x800B0109  the certificate authority is not trusted by the machine: run this script as administrator'
    Write-Host '    0x800B010F  the certificate is for another name than the one that is dialled'
    Write-Host '    0x80092013  Windows could not ask whether the certificate is revoked'
    Write-Host '    0x8007274C  no answer: the port is blocked, or the name leads elsewhere'
    Write-Host '    0x8007274D  nothing listens on that port'
    Write-Host '    691         wrong user name or password'
    Write-Host '    647         the account is disabled'
    Write-Host '    868         the name of the server is not known in DNS'
    Write-Host ('Why it failed, whoever runs the server can see: sstpd explain --user "{0}"' -f $UserName)
}

if ($Uninstall) {
    Uninstall-Connection
    return
}
if ($SelfTest) {
    Test-Vpn
    return
}
if ($Application.Count -gt 0) {
    $AlwaysOn = $true
}
# The phone book that triggers know is that of the user.
$everybody = -not ($CurrentUser -or $AlwaysOn)
Write-Account -ForEverybody $everybody
Install-CertificateAuthority
Install-Connection -AllUsers $everybody
if ($AlwaysOn) {
    Install-Trigger
}
Test-Vpn
Write-Host ('Connect in Settings > Network > VPN as {0}.' -f $UserName)
