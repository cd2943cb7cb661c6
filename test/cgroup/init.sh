#!/bin/bash
# The first process under the kernel that run.sh starts: does for the tests what systemd does for a unit with
# Delegate=memory and User=nobody.
exec 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmp /var/tmp
ip link set lo up
unit=/sys/fs/cgroup/worker.service
mkdir "$unit"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
chown nobody "$unit" "$unit"/cgroup.{procs,threads,subtree_control}
python3 -c "import os; os.setxattr('$unit', 'user.delegate', b'1')"
result='all passed'
for test in "$TESTS"/*.test; do
	(
		echo $BASHPID >"$unit/cgroup.procs"
		cd /var/tmp || exit 1
		TMPDIR=/var/tmp exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$test" -test.timeout=250s
	) || result="failed: $test"
	left=$(find "$unit" -mindepth 1 -type d -name 'slot-*')
	[ -z "$left" ] || result="cgroups are left: $left"
	rmdir "$unit/supervisor" 2>/dev/null
	echo -memory >"$unit/cgroup.subtree_control"
done
dmesg | grep -q 'Memory cgroup out of memory' || result='failed: no limit was the kernel'\''s'
echo "cgroup-test: $result"
echo o >/proc/sysrq-trigger
sleep 10
