#!/bin/bash
# Runs the tests of packages as the worker's unit runs the worker, by systemd under a Linux of their own, in a cgroup that was delegated
# to them: cgroups are the machine's, and on most machines for development they are not to be had. The
# kernel is Debian's package user-mode-linux, an ordinary program; its root is this machine's file system.
set -euo pipefail

command -v linux.uml >/dev/null || { echo "linux.uml is not there: install the Debian package user-mode-linux" >&2; exit 1; }
command -v ruby >/dev/null || { echo "ruby is not there, which renders the unit: install the Debian package ruby" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
ruby "$here/unit.rb" >"$dir/worker.service"
for package in "$@"; do
	# Each has a kernel of its own: memory that was in use is in pieces, of which the host maps only so many (vm.max_map_count).
	rm -f "$dir"/*.test
	CGO_ENABLED=0 go test -c -o "$dir/$(basename "$package").test" "$package"
	# The console is a file, as a descriptor that cannot be polled loses output.
	timeout 300 linux.uml mem=1536M root=/dev/root rootfstype=hostfs rootflags=/ ro quiet uml_dir="$dir/uml" \
		init="$here/init.sh" "TESTS=$dir" con=null con0=null,fd:2 </dev/null 2>&1 >/dev/null | tr -d '\r' | tee "$dir/log"
	grep -qx 'cgroup-test: all passed' "$dir/log"
done
