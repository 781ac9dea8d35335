#!/bin/sh
# Connects this machine with sstpc until Ctrl-C, as root. Debian, Ubuntu: apt install sstp-client iproute2
# Only traffic to 10.0.0.0/8, 192.168.5.0/24, fd00::/8 takes the VPN.
set -eu
server='[2001:db8::5]:8443'
host=2001:db8::5
user='o'\''neil & søn'
all=no # of the traffic
networks='10.0.0.0/8 192.168.5.0/24'
ipv6=yes # in the VPN
networks6=fd00::/8
suffix=corp.example.com

# To whoever started the script: pppd has no terminal.
say() {
  echo "$*" >"$work/say"
}

# An address of the server stays outside of the tunnel that leads to it. No gateway: it is in the local network.
keep_outside() {
  way=$(ip route get "$1" 2>/dev/null) || return 0
  case $way in *' via '*' dev '*) ;; *) return 0 ;; esac
  gateway=$(echo "$way" | sed -n '1s/.* via \(inet6 \)\{0,1\}\([^ ]*\) dev .*/\1\2/p')
  device=$(echo "$way" | sed -n '1s/.* dev \([^ ]*\).*/\1/p')
  if ip route add "$1" via $gateway dev "$device" 2>/dev/null; then
    echo "route del $1 via $gateway dev $device" >>"$work/made"
  fi
}

# The end of the tunnel has IPv6 when its link-local address is there.
up_ipv6() {
  tries=50
  until ip -6 address show dev "$interface" scope link | grep -q inet6; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 0
    sleep 0.1
  done
  echo 2 >"/proc/sys/net/ipv6/conf/$interface/accept_ra" 2>/dev/null || :
  if [ $all = yes ]; then
    ip -6 route replace default dev "$interface" metric 1
  else
    echo 0 >"/proc/sys/net/ipv6/conf/$interface/accept_ra_defrtr" 2>/dev/null || :
    ip -6 route del default dev "$interface" 2>/dev/null || :
  fi
  for network in $networks6; do ip -6 route replace "$network" dev "$interface"; done
}

up_dns() {
  if resolvectl status >/dev/null 2>&1; then
    [ -z "$DNS1$DNS2" ] || resolvectl dns "$interface" $DNS1 $DNS2
    if [ $all = yes ]; then resolvectl domain "$interface" '~.'; else [ -z "$suffix" ] || resolvectl domain "$interface" "$suffix"; fi
  fi
  [ $all = yes ] || for server in $DNS1 $DNS2; do ip route replace "$server" dev "$interface"; done
}

up() {
  interface=$1
  echo "$*" >"$work/up"
  if [ $all = yes ]; then
    while read -r address; do keep_outside "$address"; done <"$work/addresses"
    # The two halves of everything beat the default route without replacing it.
    ip route replace 0.0.0.0/1 dev "$interface"
    ip route replace 128.0.0.0/1 dev "$interface"
    # IPv6 that does not fit into the tunnel would go past it.
    if ip -6 route replace unreachable default metric 2 2>/dev/null; then
      echo '-6 route del unreachable default metric 2' >>"$work/made"
    else
      [ -z "$(ip -6 route show default 2>/dev/null)" ] # no IPv6 here
    fi
  fi
  for network in $networks; do ip route replace "$network" dev "$interface"; done
  up_dns
  # The distribution's own, which sets resolv.conf.
  [ ! -x /etc/ppp/ip-up ] || /etc/ppp/ip-up "$@" || :
  [ $ipv6 = no ] || up_ipv6
  say "Connected: $4 on $interface. Ctrl-C disconnects."
}

down() {
  mv "$work/up" "$work/down" 2>/dev/null || return 0
  if [ -e "$work/made" ]; then
    while read -r words; do ip $words 2>/dev/null || :; done <"$work/made"
  fi
  [ ! -x /etc/ppp/ip-down ] || /etc/ppp/ip-down $(cat "$work/down") || :
  : >"$work/done"
}

finish() {
  trap '' INT TERM HUP
  [ -z "$terminal" ] || stty "$terminal"
  [ -z "$client" ] || kill "$client" 2>/dev/null || :
  tries=50
  while [ -e "$work/up" ] || { [ -e "$work/down" ] && [ ! -e "$work/done" ]; }; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || break
    sleep 0.1
  done
  down
  [ -z "$listener" ] || kill "$listener"
  rm -rf "$work"
}

# A word in a file of pppd's options.
quoted() {
  printf '"%s"\n' "$(printf '%s\n' "$1" | sed 's/[\\"]/\\&/g')"
}

if [ $# -gt 0 ]; then # by pppd
  event=$1 work=$2
  shift 2
  set +u # DNS1 and DNS2 need not be there
  if [ $event = down ]; then down; exit; fi
  trap '[ $? = 0 ] || { say "The routes could not be set: disconnecting."; kill "$(cat "$work/client")"; }' EXIT
  up "$@"
  exit
fi

[ "$(id -u)" = 0 ] || exec sudo sh "$0"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
for program in sstpc pppd ip getent; do
  command -v $program >/dev/null && continue
  echo "$program is missing: apt install sstp-client iproute2" >&2
  exit 1
done

umask 077
work=$(mktemp -d)
terminal= client= listener=
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cp "$0" "$work/script"
for event in up down; do
  printf '#!/bin/sh\nPATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin\nexport PATH\nexec sh "%s/script" %s "%s" "$@"\n' "$work" $event "$work" >"$work/ip-$event"
  chmod 700 "$work/ip-$event"
done
if ! "$work/ip-down"; then
  echo "no program can be started in $work: set TMPDIR to a folder where that is possible" >&2
  exit 1
fi
mkfifo "$work/say"
cat <>"$work/say" &
listener=$!
getent ahosts "$host" | cut -d ' ' -f 1 | sort -u >"$work/addresses"
if [ ! -s "$work/addresses" ]; then
  echo "$host is not known in DNS" >&2
  exit 1
fi
tls=
# 1.1.0 has no such option, and ends at one that it does not know.
if sstpc --help 2>&1 | grep -q -e --tls-ext; then tls=--tls-ext; fi

if [ -t 0 ]; then
  printf 'Password of the VPN: '
  terminal=$(stty -g)
  stty -echo
fi
password=
IFS= read -r password || [ -n "$password" ]
if [ -n "$terminal" ]; then
  stty "$terminal"
  terminal=
  echo
fi
{
  printf 'user '
  quoted "$user"
  printf 'password '
  quoted "$password"
} >"$work/options"
sstpc $tls "$server" file "$work/options" usepeerdns noauth refuse-chap refuse-mschap refuse-eap +ipv6 \
  ip-up-script "$work/ip-up" ip-down-script "$work/ip-down" &
client=$!
echo $client >"$work/client"
status=0
wait $client || status=$?
client=
[ $status = 0 ] || echo "sstpc ended with status $status; why, the log of the system and sstpd explain on the server say." >&2
exit $status
