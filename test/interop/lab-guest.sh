# The guest's half that sstpc-init and nm-init share, to be sourced by process 1: file systems, modules, the way out.
# LAB_SHARE is the folder shared with the host.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C
. "$LAB_SHARE/env"           # visible below the host's root

say() { echo "$*" >>share/out; }
seconds_between() { perl -e 'printf "%.2f", $ARGV[1] - $ARGV[0]' "$1" "$2"; }
seconds_since() { seconds_between "$1" "$EPOCHREALTIME"; }

# file_systems FOLDER...: those become empty and writable.
file_systems() {
    local d
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mkdir -p /dev/pts
    mount -t devpts -o ptmxmode=666 devpts /dev/pts
    for d in /run /tmp "$@"; do mount -t tmpfs tmpfs "$d"; done
    chmod 1777 /tmp
    mkdir -p /run/lab/share /run/lock /run/sstpc
    chown sstpc /run/sstpc 2>/dev/null
    mount -t hostfs -o "$share" hostfs /run/lab/share
    cd /run/lab
}

# Each module after those it needs. There may be no modprobe here and no /lib/modules, so:
# modules.dep and finit_module(2), all in one process (on UML each new process costs).
load_modules() {
    perl -e '
        my ($dir, @want) = @ARGV; my (%file, %need, %done);
        sub name { my $n = $_[0] =~ s,.*/|\.ko$,,gr; $n =~ tr/-/_/; $n }
        open D, "<", "$dir/modules.dep" or die "modules.dep: $!";
        while (<D>) {
            my ($f, @d) = split /:? +|:?\n/;
            $file{name($f)} = "$dir/$f"; $need{name($f)} = [map name($_), @d];
        }
        sub load {
            my $m = shift; return if $done{$m}++;
            load($_) for @{$need{$m}};
            open F, "<", $file{$m} or return warn "no module $m\n"; my $opts = "";
            warn "cannot load $m: $!\n" if syscall(313, fileno(F), $opts, 0) != 0;
        }
        load($_) for @want;
    ' "$modules" ppp_async ppp_synctty ppp_mppe ppp_deflate ipv6 sch_netem "$@"
    [ -c /dev/ppp ] || mknod /dev/ppp c 108 0
}

slow_down() { [ "$delay" = 0 ] || tc qdisc add dev vec0 root netem delay "${delay}ms" limit 10000; }
full_speed() { [ "$delay" = 0 ] || tc qdisc del dev vec0 root; }

# power_off STATUS
power_off() {
    echo "$1" >share/status
    exec perl -e 'syscall(169, 0xfee1dead, 672274793, 0x4321fedc, 0)'  # reboot(LINUX_REBOOT_CMD_POWER_OFF)
}
