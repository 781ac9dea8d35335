# The host's half that sstpc-lab and nm-lab share, to be sourced: work folder, TAP device, power.
#
# A guest is a User-Mode Linux, because pppd needs a kernel with PPP and the host's may have none. It boots from the
# host's own root file system, read-only, and reaches the host through a TAP device:
#
#     guest vec0 198.18.77.2/30  <->  host TAP 198.18.77.1/30   (slot 0)
#
# The caller sets: lab (its name), tap (name of the device), netns, slot, log, log_parts, mem, and then calls lab_open,
# fills $share, and calls lab_run with seconds and the guest's first process.

die() { echo "LAB result=failed reason=lab detail=\"$*\""; exit 2; }
wrong_usage() { echo "$lab: $*" >&2; usage >&2; exit 2; }
whole_numbers() { local n; for n; do [[ $n =~ ^[0-9]{1,6}$ ]] || wrong_usage "not a whole number: $n"; done; }

# Programs that must be there: the arguments, and what every lab needs.
lab_check() {
    local tool
    [ "$(id -u)" = 0 ] || die "must run as root"
    [ -c /dev/net/tun ] || die "no /dev/net/tun"
    for tool in linux.uml sstpc pppd ip tc unshare setpriv flock perl gcc "$@"; do
        command -v "$tool" >/dev/null || die "$tool is not installed"
    done
    modules=$(echo /usr/lib/uml/modules/*)
    [ -f "$modules/modules.dep" ] || die "no (or several) UML module trees in /usr/lib/uml/modules"
}

stop() {                     # a child of ours, by its process id
    [ -z "$2" ] || { kill "-$1" "$2"; wait "$2"; } 2>/dev/null
}
lab_cleanup() {
    trap - EXIT INT TERM HUP
    stop KILL "$uml_pid"     # unshare --kill-child: with it its whole PID namespace goes
    stop TERM "$tail_pid"
    [ -z "$tap_made" ] || "${in_ns[@]}" ip link del "$tap" 2>/dev/null
    local part
    for part in $log_parts console; do
        echo "===== $part"
        cat "$share/$part" 2>/dev/null
    done >"$log"
    rm -rf "$work"
}

tap_up() {
    ip tuntap add dev "$1" mode tap && ip link set "$1" addrgenmode none &&
        ip addr add "$2/30" dev "$1" && ip link set "$1" up &&
        echo 0 >"/proc/sys/net/ipv4/conf/$1/forwarding"  # what the guest sends stays on this host
}

# Makes $work, $share (the one folder that the guest may write to), the TAP device; sets host_ip and guest_ip.
lab_open() {
    work=$(mktemp -d "/tmp/$lab.XXXXXX") || exit 2
    share=$work/share tap_made= uml_pid= tail_pid= in_ns=()
    [ -n "$log" ] || log=$(mktemp "/tmp/$lab-log.XXXXXX")
    : >"$log" || { rm -rf "$work"; die "cannot write $log"; }
    [ -z "$netns" ] || in_ns=(ip netns exec "$netns")
    trap lab_cleanup EXIT
    trap 'exit 130' INT TERM HUP
    host_ip=198.18.77.$((slot * 4 + 1)) guest_ip=198.18.77.$((slot * 4 + 2))
    # The lock is ours until we die; a device without one was left by a killed run.
    exec 9>"/run/lock/$lab.${netns:-host}.$slot" && flock -n 9 || die "slot $slot is in use"
    "${in_ns[@]}" ip link del "$tap" 2>/dev/null
    tap_made=1
    "${in_ns[@]}" bash -c "$(declare -f tap_up); tap_up $tap $host_ip" || die "cannot set up $tap"
    mkdir -p "$share"
    : >"$share/out"
    start=${EPOCHREALTIME/,/.}    # whatever the locale
}

# Variables for the guest, by name.
lab_env() {
    local v
    for v in start modules share host_ip guest_ip "$@"; do printf '%s=%q\n' "$v" "${!v}"; done >"$share/env"
}

# In its own PID namespace (nothing survives it, nor does it survive us) and mount namespace, where
# the host's root is truly read-only, and only $share and the run-time folder of UML can be written.
# The kernel hands LAB_SHARE on to process 1 as an environment variable.
boot() {
    local work=$1 tap=$2 mem=$3 preload=$4
    mount --bind "$work/share" "$work/share" &&
        mkdir -p "$work/uml" && mount --bind "$work/uml" "$work/uml" &&
        mount -o remount,bind,ro / || exit 1
    unset TMPDIR TMP TEMP    # UML keeps its memory in /dev/shm then
    export LD_PRELOAD=$preload
    exec linux.uml umid=lab uml_dir="$work/uml" mem="$mem" noreboot quiet panic=-1 \
        root=none rootfstype=hostfs rootflags=/ ro init="$work/init" LAB_SHARE="$work/share" \
        con=null ssl=null con0=null,fd:1 \
        vec0:transport=tap,ifname="$tap",depth=128,gro=1
}

# lab_run SECONDS INIT: boots, shows what the guest says, and ends us with its status; a guest that hangs is killed.
lab_run() {
    local most=$1 init=$2 here preload= deadline why status
    here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
    # The kernel's command line cannot carry a path with a blank in it: so the guest starts a copy.
    install -m 755 "$here/$init" "$work/init"
    cp "$here/lab-guest.sh" "$share/"
    if grep -qw amx_tile /proc/cpuinfo; then
        preload=$work/guest-xstate.so
        gcc -shared -fPIC -O2 -o "$preload" "$here/guest-xstate.c" || die "cannot compile guest-xstate.c"
    fi
    setpriv --pdeathsig KILL "${in_ns[@]}" \
        unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
        bash -c "$(declare -f boot); boot $work $tap $mem '$preload'" >"$share/console" 2>&1 </dev/null &
    uml_pid=$!
    setpriv --pdeathsig KILL tail -n +1 -s 0.1 --pid="$uml_pid" -f "$share/out" &
    tail_pid=$!
    deadline=$((SECONDS + most))
    while kill -0 "$uml_pid" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
    why="the guest died, see the log"
    if kill -0 "$uml_pid" 2>/dev/null; then why="the guest hung"; fi
    stop KILL "$uml_pid"; uml_pid=
    wait "$tail_pid" 2>/dev/null; tail_pid=
    status=$(cat "$share/status" 2>/dev/null)
    if [ -z "$status" ]; then
        echo "LAB result=failed reason=guest detail=\"$why\""
        status=2
    fi
    echo "LAB log=$log"
    exit "$status"
}
