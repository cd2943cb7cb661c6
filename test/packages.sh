#!/bin/bash
# packages.sh machines|readers installs Debian packages, as root with apt-get: those of machines and the Chef client, or those of
# the programs that read a worker's checks. Any other user is told what to install.
set -euo pipefail
machines() {
  cat <<LIST
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
}
readers() {
  cat <<LIST
package:nagios-nrpe-server nagios-nrpe-server
package:nagios-nrpe-plugin nagios-nrpe-plugin
package:monitoring-plugins-basic monitoring-plugins-basic
package:libmonitoring-plugin-perl libmonitoring-plugin-perl
LIST
}
there() {
  case $1 in
    package:*) dpkg -s "${1#package:}" >/dev/null 2>&1 ;; # what brings no command
    *) command -v "$1" >/dev/null ;;
  esac
}
list=$("$1")
missing=()
while read -r what package; do
  there "$what" || missing+=("$package")
done <<<"$list"
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "this needs ${missing[*]}: install them, then run this again as root" >&2
  exit 1
fi
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
