#!/bin/sh
# As root, in a mount namespace of its own: builds Weir in a Debian 13 (FFmpeg 7.1) that debootstrap installs, and runs the
# tests of files and of watching there. Only the folder WORK is written to; the next run finds there what this one has made.
#   sh debian13_test.sh WORKSPACE TOOLCHAIN CARGO_HOME MIRROR WORK
# Exits with 77 where the suite cannot be installed: the mirror has none, or this machine makes no device files.
set -eu
workspace=$1 toolchain=$2 cargo_home=$3 mirror=$4 work=$5
root=$work/root
# What `cargo xtask run` installs, and what the tests need.
packages=build-essential,pkg-config,clang,libclang-dev,libavcodec-dev,libavfilter-dev,libavformat-dev,libavutil-dev
packages=$packages,libswresample-dev,libswscale-dev,ffmpeg,ca-certificates

mkdir -p "$work/build"
if [ ! -e "$work/complete" ]; then
    rm -rf "$root"
    if ! debootstrap --variant=minbase --include="$packages" trixie "$root" "$mirror" >"$work/debootstrap.log" 2>&1; then
        tail -n 5 "$work/debootstrap.log" >&2
        exit 77
    fi
    touch "$work/complete"
fi

# The mounts are gone with the namespace.
read_only() {
    mkdir -p "$root/$2"
    mount --bind "$1" "$root/$2"
    mount -o remount,bind,ro "$root/$2"
}
read_only "$workspace" weir
read_only "$toolchain" toolchain
read_only "$cargo_home" cargo
mkdir -p "$root/build"
mount --bind "$work/build" "$root/build"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"

chroot "$root" env -i PATH=/toolchain/bin:/usr/sbin:/usr/bin HOME=/root CARGO_HOME=/cargo CARGO_NET_OFFLINE=true \
    CARGO_TARGET_DIR=/build CARGO_INCREMENTAL=0 WEIR_NO_SKIPS=1 sh -euc '
cd /weir
ffmpeg -version | head -n 1
# The sample film, files of every kind, damaged and odd ones.
cargo test --quiet --locked --package media
# A server of its own plays the film to a viewer.
cargo test --quiet --locked --package server --test protocol watch::
'
