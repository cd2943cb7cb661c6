#!/bin/bash
# Installs what machines need, as root with apt-get; anybody else is told what to install.
set -euo pipefail
missing=()
while read -r command package; do
  command -v "$command" >/dev/null || missing+=("$package")
done <<LIST
systemd-nspawn systemd-container
debootstrap debootstrap
ip iproute2
unshare util-linux
shellcheck shellcheck
LIST
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "this needs ${missing[*]}: install them, then run this again as root" >&2
  exit 1
fi
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
