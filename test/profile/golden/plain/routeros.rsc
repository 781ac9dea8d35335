# For a terminal of RouterOS 7. Put your password into the line that says PASSWORD.
# Upload ca.pem to Files first.
/certificate import file-name=ca.pem passphrase=""
/interface sstp-client add name="sstpd" connect-to="vpn.example.com" port=443 user="ann" authentication=mschap2 verify-server-certificate=yes verify-server-address-from-certificate=yes tls-version=only-1.2 pfs=yes profile=default add-default-route=yes disabled=yes
/interface sstp-client set [find name="sstpd"] password="PASSWORD" disabled=no
