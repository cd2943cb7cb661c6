#!/bin/bash
# Installs what machines and the Chef client need, as root with apt-get; anybody else is told what to install.
set -euo pipefail
there() {
  case $1 in
    package:*) dpkg -s "${1#package:}" >/dev/null 2>&1 ;; # what brings no command
    *) command -v "$1" >/dev/null ;;
  esac
}
missing=()
while read -r what package; do
  there "$what" || missing+=("$package")
done <<LIST
systemd-nspawn systemd-container
debootstrap debootstrap
ip iproute2
unshare util-linux
shellcheck shellcheck
ruby ruby
gcc gcc
g++ g++
make make
patch patch
package:ruby-dev ruby-dev
package:libffi-dev libffi-dev
package:libarchive13 libarchive13
goiardi goiardi
LIST
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "this needs ${missing[*]}: install them, then run this again as root" >&2
  exit 1
fi
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
