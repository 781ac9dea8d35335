#!/bin/sh
# Connects with sstpc (Debian, Ubuntu: apt install sstp-client). Ctrl-C disconnects.
# Needs ca.pem in the folder that it is started in.
# While it runs, other users of this machine can see the password in the list of processes.
# It reaches the server alone; for all traffic take the file for NetworkManager.
set -eu
trap "stty echo" EXIT
printf "Password of the VPN: "
stty -echo
read -r password
stty echo
echo
sudo sstpc --tls-ext --ca-cert ca.pem --user ann --password "$password" vpn.example.com usepeerdns noauth refuse-pap refuse-chap refuse-mschap refuse-eap
