#!/bin/sh
# As root, in mount and network namespaces of its own: installs a package with a service, as Debian packages it, in a layer
# over the root of this system that is gone afterwards. The argument is the folder of install.sh. Exits with 77 where
# this machine has no such layers.
set -eu

layer=$(mktemp -d)
trap 'umount -l "$layer"; rmdir "$layer"' EXIT
mount -t tmpfs layer "$layer" || exit 77
mkdir "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$layer/root" || exit 77
mount --bind /dev "$layer/root/dev"
mount -t tmpfs run "$layer/root/run"
mount -t tmpfs tmp "$layer/root/tmp"
mkdir "$layer/root/tmp/debian"
cp "$1/install.sh" "$layer/root/tmp/debian"

cat >"$layer/root/tmp/inside.sh" <<'INSIDE'
set -eu
fail() {
    echo "install.sh: $1" >&2
    exit 1
}
# Lists of sources would be asked for in vain: there is no network here.
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d

# NAME, the status of its script, and whether it has no script for other inits than systemd.
package() {
    p=/tmp/$1
    mkdir -p "$p/DEBIAN" "$p/etc/init.d" "$p/lib/systemd/system"
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n' "$1" >"$p/DEBIAN/control"
    cat >"$p/etc/init.d/$1" <<END
#!/bin/sh
### BEGIN INIT INFO
# Provides: $1
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
echo "\$1" >>/tmp/$1.calls
END
    printf '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n' >"$p/lib/systemd/system/$1.service"
    # As debhelper writes it.
    cat >"$p/DEBIAN/postinst" <<END
#!/bin/sh
set -e
if deb-systemd-helper --quiet was-enabled $1.service; then
    deb-systemd-helper enable $1.service >/dev/null || true
else
    deb-systemd-helper update-state $1.service >/dev/null || true
fi
if [ -x /etc/init.d/$1 ]; then
    update-rc.d $1 defaults >/dev/null
    invoke-rc.d --skip-systemd-native $1 start
fi
exit $2
END
    chmod 755 "$p/etc/init.d/$1" "$p/DEBIAN/postinst"
    if [ "${3-}" = unit-only ]; then
        rm -r "$p/etc"
    fi
    dpkg-deb --build "$p" "/tmp/$1.deb" >/dev/null
}
enabled() {
    find /etc/rc[2-5S].d -name "S*$1"
    find /etc/systemd -path "*.wants/$1.service"
}
idle() {
    [ "$(dpkg-query -W -f '${Status}' "$1")" = "$2" ] || fail "the state of $1 is $(dpkg-query -W -f '${Status}' "$1")"
    [ ! -e "/tmp/$1.calls" ] || fail "$1 was called: $(cat "/tmp/$1.calls")"
    [ -z "$(enabled "$1")" ] || fail "$1 is enabled: $(enabled "$1")"
}
policy=/usr/sbin/policy-rc.d

# The service of a person, enabled, on a machine without a policy.
rm -f "$policy"
package weir-theirs 0
dpkg -i /tmp/weir-theirs.deb >/dev/null
[ "$(enabled weir-theirs | wc -l)" -gt 1 ] || fail "this test cannot see what is enabled"
before=$(enabled weir-theirs)
rm -f /tmp/weir-theirs.calls

package weir-quiet 0
package weir-unit 0 unit-only
sh /tmp/debian/install.sh /tmp/weir-quiet.deb /tmp/weir-unit.deb
idle weir-quiet 'install ok installed'
idle weir-unit 'install ok installed'
[ ! -e "$policy" ] || fail "the policy stays"
[ "$(enabled weir-theirs)" = "$before" ] || fail "the service of a person is no longer enabled"

# A policy of the machine, and an installation that fails.
printf '#!/bin/sh\nexit 0\n' >"$policy"
chmod 750 "$policy"
package weir-failing 3
if sh /tmp/debian/install.sh /tmp/weir-failing.deb 2>/dev/null; then
    fail "a failure is not reported"
fi
idle weir-failing 'install ok half-configured'
[ "$(stat -c %a "$policy")" = 750 ] && [ "$(tail -n 1 "$policy")" = "exit 0" ] || fail "the policy of the machine is lost"
[ ! -e "$policy.before-weir" ] || fail "the copy of the policy stays"

# One was killed: its policy is gone after the next.
mv "$policy" "$policy.before-weir"
printf '#!/bin/sh\n# Written by the set-up of Weir, for the time of one installation.\nexit 101\n' >"$policy"
sh /tmp/debian/install.sh /tmp/weir-quiet.deb 2>/dev/null || true
[ "$(tail -n 1 "$policy")" = "exit 0" ] || fail "the policy of a killed installation stays"
INSIDE
chroot "$layer/root" sh /tmp/inside.sh
