#!/bin/sh
# Connects with sstpc (Debian, Ubuntu: apt install sstp-client). Ctrl-C disconnects.
# While it runs, other users of this machine can see the password in the list of processes.
# Once it is connected, in another terminal:
#   sudo ip route add 10.0.0.0/8 dev ppp0
#   sudo ip route add 192.168.5.0/24 dev ppp0
#   sudo ip route add fd00::/8 dev ppp0
set -eu
trap "stty echo" EXIT
printf "Password of the VPN: "
stty -echo
read -r password
stty echo
echo
sudo sstpc --tls-ext --user 'o'\''neil & søn' --password "$password" [2001:db8::5]:8443 usepeerdns noauth refuse-chap refuse-mschap refuse-eap
