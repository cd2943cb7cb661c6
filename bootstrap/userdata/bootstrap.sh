# shellcheck shell=bash
# The rest of what makes an instance a worker. User-data, once it has fetched the bundle, reads this into its shell, in
# /opt/worker-tier: run, aws, doing, fetch, metadata, retry and ship are its (userdata.sh.tmpl). What differs between content
# types stands in the first-boot document; nothing here does. Where it fails, the last line that was printed is the reason.
: "${run:?is set by user-data, which reads this file}"
export HOME=/root # systemd sets none, and Chef keeps its cache there
document=/etc/chef/first-boot.json

# fail REASON ends the boot.
fail() {
  echo "$*" >&2
  exit 1
}

# attribute PATH [DEFAULT] prints a value of the first-boot document.
attribute() {
  python3 - "$run/first-boot.json" "$@" <<'PYTHON' || fail "the first-boot document has no $1: this bundle is not of the release that made the stack"
import json, sys
value = json.load(open(sys.argv[1]))
try:
    for key in sys.argv[2].split("."):
        value = value[int(key)] if isinstance(value, list) else value[key]
except (KeyError, IndexError):
    if len(sys.argv) == 3:
        sys.exit(1)
    value = sys.argv[3]
print(value)
PYTHON
}

# unpack NAME FOLDER fetches an object of the content type's own, where it has one. Modes are kept.
unpack() {
  local object bucket digest
  object=$(attribute "worker_tier.$1.key" '')
  if [ -z "$object" ] || [ -e "unpacked-$1" ]; then return; fi
  bucket=$(attribute "worker_tier.$1.bucket")
  digest=$(attribute "worker_tier.$1.sha256")
  fetch "$bucket/$object" "$digest" "$1.zip"
  doing "unpack the content type's $1"
  python3 - "$1.zip" "$2" <<'PYTHON'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    for entry in archive.infolist():
        path = archive.extract(entry, sys.argv[2])
        if entry.external_attr >> 16:
            os.chmod(path, entry.external_attr >> 16 & 0o755)
PYTHON
  rm "$1.zip"
  sync
  touch "unpacked-$1"
}

# install_client CLIENT installs the package of the config where the image holds no client. A package that is still there
# is one whose installation was cut.
install_client() {
  local url digest package
  url=$(attribute worker_tier.chef.package.url '')
  case $url in *.deb) package=chef.deb ;; *) package=chef.rpm ;; esac
  if [ ! -e $package ] && command -v "$1" >/dev/null; then return; fi
  [ -n "$url" ] || fail "the image holds no $1 and the config names no package to install: bake the client into the image, or set chef.package in worker-tier.yaml"
  digest=$(attribute worker_tier.chef.package.sha256)
  doing "install $1 from ${url%%\?*}"
  retry curl --fail --silent --show-error --location --connect-timeout 10 --output $package "$url"
  if ! echo "$digest *$package" | sha256sum --check --status; then
    rm $package
    fail "it has not the SHA-256 that chef.package.sha256 names: nothing was installed"
  fi
  if [ $package = chef.deb ]; then
    dpkg --configure --pending
    apt-get install --yes --option DPkg::Lock::Timeout=120 "./$package"
  else
    dnf install --assumeyes "./$package"
  fi
  rm $package
}

# write_role writes the content type's role to where Chef's local mode looks for it.
write_role() {
  attribute worker_tier.run_list >/dev/null
  mkdir -p roles
  python3 - "$run/first-boot.json" "$1" >"roles/$1.json" <<'PYTHON'
import json, sys
run_list = json.load(open(sys.argv[1]))["worker_tier"]["run_list"]
json.dump({"name": sys.argv[2], "chef_type": "role", "json_class": "Chef::Role", "run_list": run_list}, sys.stdout)
PYTHON
}

# fetch_validator SECRET writes the validator's key where only root reads it.
fetch_validator() { (umask 077 && aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text >"$run/validator.pem"); }

# use_server URL makes this instance a client of a Chef server. Its first run registers it with the validator's key, which is
# kept in memory and only until then; when the instance is ended its unit takes node and client away.
use_server() {
  local instance content_type validator secret
  instance=$(metadata instance-id)
  content_type=$(attribute worker_tier.environment.WORKER_CONTENT_TYPE)
  validator=$(attribute worker_tier.chef.server.validator)
  secret=$(attribute worker_tier.chef.server.validator_secret)
  cat >/etc/chef/client.rb <<CLIENT
chef_server_url '$1'
node_name '$instance-$content_type'
client_key '/etc/chef/client.pem'
validation_client_name '$validator'
validation_key '$run/validator.pem'
trusted_certs_dir '/etc/chef/trusted_certs'
CLIENT
  if [ ! -e /etc/chef/client.pem ]; then
    doing "register with the Chef server $1 as $instance-$content_type"
    trap 'rm -f "$run/validator.pem"' EXIT
    retry fetch_validator "$secret"
  fi
  cat >/etc/systemd/system/worker-tier-chef.service <<UNIT
[Unit]
Description=Takes this instance's node and client from the Chef server when it is ended
After=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/bash $PWD/bin/chef-leave ${client%-client}-apply
Environment=HOME=/root ${CHEF_LICENSE:+CHEF_LICENSE=$CHEF_LICENSE}
TimeoutStopSec=60
[Install]
WantedBy=multi-user.target
UNIT
  systemctl enable --now worker-tier-chef
}

# converge OPTION… runs the Chef client, which has more to say after the reason why it failed.
converge() {
  "$client" "$@" 2>&1 | tee "$run/chef" || fail "$(sed -n 's/.*FATAL: //p' "$run/chef" | tail -n 1 | grep . || echo "see the log")"
}

doing "read what this instance is to be"
chmod 755 bin/*
mkdir -p /etc/chef
cp "$run/first-boot.json" $document
role=$(attribute run_list.0)
role=${role#role[} role=${role%]}
unpack files files
unpack cookbooks cookbooks
client=$(attribute worker_tier.chef.client)
if [ -n "$(attribute worker_tier.chef.accept_license '')" ]; then export CHEF_LICENSE=accept-no-persist; fi
doing "find the Chef client"
install_client "$client"
doing "prepare the Chef client"
server=$(attribute worker_tier.chef.server.url '')
options=(--config /etc/chef/client.rb --json-attributes "$document")
if [ -n "$server" ]; then
  use_server "$server"
else
  write_role "$role"
  echo "chef_repo_path '$PWD'" >/etc/chef/client.rb
  options+=(--local-mode)
fi
doing "configure the role $role"
converge "${options[@]}"
rm -f "$run/validator.pem"
doing "pass the worker's check"
bin/worker boot complete --document $document
systemctl disable worker-tier
echo "done"
ship || echo "the log could not be sent to CloudWatch Logs" >&2
