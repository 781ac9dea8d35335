# For a terminal of RouterOS 7. Put your password into the line that says PASSWORD.
# The router must know the authority of the certificate (/certificate settings, or import it).
/interface sstp-client add name="B\C3\BCro d\27Azur \28VPN\29" connect-to="2001:db8::5" port=8443 user="o\27neil \26 s\C3\B8n" authentication=mschap2,pap verify-server-certificate=yes verify-server-address-from-certificate=yes tls-version=only-1.2 pfs=yes profile=default add-default-route=no disabled=yes
/interface sstp-client set [find name="B\C3\BCro d\27Azur \28VPN\29"] password="PASSWORD" disabled=no
/ip route add dst-address=10.0.0.0/8 gateway="B\C3\BCro d\27Azur \28VPN\29"
/ip route add dst-address=192.168.5.0/24 gateway="B\C3\BCro d\27Azur \28VPN\29"
/ipv6 route add dst-address=fd00::/8 gateway="B\C3\BCro d\27Azur \28VPN\29"
