#!/usr/bin/env bash
# install-gems.sh FOLDER installs all gems of gems.txt into FOLDER, their programs into FOLDER/bin. They come from the folder that
# CHEF_GEMS names, else from the public gem registry; each must have the SHA-256 of the list.
set -euo pipefail
list=$(realpath "$(dirname "$0")/gems.txt")
home=$(realpath -m "$1")

say() {
  echo "$1" >&2
  exit 1
}

for program in ruby gem gcc make; do
  command -v $program >/dev/null || say "$program is not on the PATH: install Ruby 3.1 with its headers and a C compiler (Debian: ruby ruby-dev gcc make libffi-dev libarchive13), then run this again"
done
ruby -rmkmf -e 'exit have_header("ruby.h")' >/dev/null 2>&1 || say "Ruby's headers are missing: install them (Debian: ruby-dev), then run this again"
rm -f mkmf.log

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
wanted() { grep -v '^#' "$list"; }
if [ -n "${CHEF_GEMS:-}" ]; then
  wanted | while read -r name version _; do
    cp "$CHEF_GEMS/$name-$version.gem" . || say "CHEF_GEMS names $CHEF_GEMS, which has no $name-$version.gem: unset it to take the gems from the public registry"
  done
else
  wanted | while read -r name version _; do
    gem fetch --quiet --platform ruby --version "$version" "$name" >/dev/null || say "gem $name $version could not be fetched: name a folder that holds it in CHEF_GEMS, or see the message above"
  done
fi
wanted | awk '{ print $3 " *" $1 "-" $2 ".gem" }' | sha256sum --check --quiet || say "a gem has not the SHA-256 of $list: nothing was installed"
# RubyGems finds the order itself, which it does for names alone: ffi-yajl is compiled against libyajl2.
mkdir -p "$home"
MAKEFLAGS=-j2 gem install --local --no-document --quiet --install-dir "$home" --bindir "$home/bin" chef chef-bin ruby-shadow chefspec cookstyle knife rspec >/dev/null
