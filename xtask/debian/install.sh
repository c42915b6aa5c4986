#!/bin/sh
# Installs Debian packages and starts and enables nothing of them. As root: sh xtask/debian/install.sh PACKAGE...
# A service that ran or was enabled before stays as it is.
set -eu

# The file that Debian's packages ask before they start, restart or stop a service.
policy=/usr/sbin/policy-rc.d
theirs=$policy.before-weir
mark='# Written by the set-up of Weir, for the time of one installation.'
work=$(mktemp -d)

# Also for what a killed installation has left.
restore() {
    if grep -qsxF "$mark" "$policy"; then
        rm -f "$policy"
    fi
    if { [ -e "$theirs" ] || [ -L "$theirs" ]; } && [ ! -e "$policy" ]; then
        mv "$theirs" "$policy"
    fi
}

# What the boot starts, by name: the numbers of other scripts change with each new one.
scripts() {
    find /etc/rc[2-5S].d -name 'S*' 2>/dev/null | sed 's|.*/S[0-9]*||' | sort -u
}

# What systemd starts: for the system, and for each person who logs in.
units() {
    find /etc/systemd/system /etc/systemd/user -path '*.wants/*' -o -path '*.requires/*' 2>/dev/null | sort -u
}

finish() {
    status=$?
    trap '' INT TERM HUP
    restore
    scripts | comm -13 "$work/scripts" - | while read -r script; do
        update-rc.d "$script" disable
    done
    # A package that is upgraded later enables what was enabled, so without its link a unit stays off.
    units | comm -13 "$work/units" - | while read -r unit; do
        rm -f "$unit"
    done
    rm -rf "$work"
    exit "$status"
}

exec 9>/run/weir-install.lock
flock 9
scripts >"$work/scripts"
units >"$work/units"
trap finish EXIT
trap 'exit 1' INT TERM HUP
restore
if [ -e "$policy" ] || [ -L "$policy" ]; then
    mv "$policy" "$theirs"
fi
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
chmod 755 "$policy"

apt() {
    # A terminal shows the progress, which would fill a log file.
    if [ -t 2 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -y "$@" </dev/null
    else
        DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null
    fi
}
# The packages may come from a source other than the one that does not answer.
apt update || echo "apt's package lists could not all be refreshed; installing all the same"
apt install --no-install-recommends "$@"
