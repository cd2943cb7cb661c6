# shellcheck shell=bash
# Puts what the list asks for into an Amazon Linux 2023, as root. Its variables are put before it by scripts.go: $packages is
# a list of words; the Chef client's package is at $url and has the digest $sha256. Nobody's licence is accepted here.
: "${packages:?}" "${url:?}" "${sha256:?}"
# By itself dnf stays at the release of the image that this began with. What comes out is tested before it is used, which is
# what AWS asks of those who take the latest.
# https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html
dnf upgrade --assumeyes --releasever=latest
# shellcheck disable=SC2086 # a list is several words
dnf install --assumeyes $packages
work=$(mktemp -d)
cd "$work"
curl --fail --silent --show-error --location --connect-timeout 10 --retry 5 --retry-connrefused --output chef.rpm "$url"
if ! echo "$sha256 *chef.rpm" | sha256sum --check --status; then
  echo "$url has not the SHA-256 that chef.package.sha256 in worker-tier.yaml names: it was not installed" >&2
  exit 1
fi
dnf install --assumeyes ./chef.rpm
dnf clean all
cd /
rm -r "$work"
