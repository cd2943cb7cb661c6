#!/bin/bash
# Makes the local base image in the folder $1, which does not exist yet. Runs as root in a mount and a process namespace of
# its own: what it mounts and starts ends with it. What to install comes from local.go: $suite, $packages (of the image),
# $gems (of the image), $build (packages that compile them), $gem_list (file of SHA-256 sums), $files (folder to lay over the image).
set -Eeuo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND" >&2' ERR
image=$1
: "${suite:?}" "${packages:?}" "${build:?}" "${gems:?}" "${gem_list:?}" "${files:?}"
mount -t proc proc /proc

# The mirror that this machine's own apt uses, or debootstrap's default.
mirror=
if command -v apt-get >/dev/null; then
  # shellcheck disable=SC2016 # apt-get expands these
  mirror=$(apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' | awk -v suite="$suite" '$1 == suite && !found++ {print $2}')
fi
# A power cut may spoil a half-built image, which is thrown away anyway. Nobody reads manuals in it.
mkdir -p "$image/etc/dpkg/dpkg.cfg.d"
cat >"$image/etc/dpkg/dpkg.cfg.d/build" <<'DPKG'
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/man/*
DPKG
debootstrap --variant=minbase "$suite" "$image" ${mirror:+"$mirror"}

# inside ROOT COMMAND… runs a command there, with nothing of this machine's environment but the way to the network.
inside() {
  local root=$1
  shift
  chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}
# shellcheck disable=SC2086 # a list is several words
install() { inside "$1" apt-get install --quiet=2 --yes --no-install-recommends $2; }

mount -t proc proc "$image/proc"
install "$image" "$packages"

# Gems with native parts need compilers, which are installed over the image, not into it.
scratch=$(dirname "$image")/scratch
mkdir -p "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=$image,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
install "$scratch/root" "$build"
mkdir "$scratch/root/gems"
cp "$gem_list" "$scratch/root/gems/gems.sha256"
if [ -n "${CHEF_GEMS:-}" ]; then
  cp "$CHEF_GEMS"/*.gem "$scratch/root/gems/"
else
  # From the registry that gem knows. NAME-VERSION.gem: the version begins after the last hyphen.
  sed -E 's/^[0-9a-f]+  (.*)-([^-]+)\.gem$/\1 --version \2/' "$gem_list" |
    inside "$scratch/root" sh -c 'cd /gems && xargs -P 8 -L 1 gem fetch --silent --platform ruby'
fi
inside "$scratch/root" sh -c 'cd /gems && sha256sum --check --strict --quiet gems.sha256'
inside "$scratch/root" env MAKEFLAGS=-j2 sh -c "cd /gems && gem install --silent --local --no-document --bindir /usr/local/bin $gems"
umount "$scratch/root"
cp -a "$scratch/upper/var/lib/gems" "$image/var/lib/"
cp -a "$scratch/upper/usr/local/." "$image/usr/local/"

cp -r "$files/." "$image/"
chmod 755 "$image"/usr/local/bin/* "$image"/usr/local/sbin/*
inside "$image" systemctl enable --quiet user-data.service
# A login on the console hangs up whoever has it open. The console of EC2's kernels is exempt from that, a machine's terminal is not.
inside "$image" systemctl mask --quiet console-getty.service
# Nobody logs in or is asked for a password. Each of these takes an inotify instance, of which all machines together have the 128 of one user.
inside "$image" systemctl mask --quiet systemd-logind.service systemd-ask-password-console.path systemd-ask-password-wall.path
umount "$image/proc"
# What is this machine's, not an instance's. An empty machine-id is filled at the first boot; a missing one would set up all units anew.
rm -rf "$image"/etc/{hostname,resolv.conf,dpkg/dpkg.cfg.d/build} "$image"/var/lib/dbus/machine-id "$image"/var/cache/apt/* "$image"/var/lib/apt/lists/*
: >"$image/etc/machine-id"
