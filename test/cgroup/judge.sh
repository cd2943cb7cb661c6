#!/bin/bash
# Runs the units that init.sh has made, one after the other, says how they ended, and ends the machine.
exec >/dev/console 2>&1
result='all passed'
for test in /opt/worker-tier/bin/*.test; do
	unit=worker-$(basename "$test" .test).service
	echo "$unit: $(systemctl show --property=Delegate,DelegateControllers,User,PrivateUsers,ProtectSystem,RestrictNamespaces,MemoryDenyWriteExecute "$unit" | tr '\n' ' ')"
	systemctl start "$unit" || result="failed: $unit, $(systemctl show --property=Result,ExecMainStatus "$unit" | tr '\n' ' ')"
	left=$(find /sys/fs/cgroup -mindepth 1 -type d -name 'slot-*')
	[ -z "$left" ] || result="cgroups are left: $left"
done
cat /run/said
dmesg | grep 'Memory cgroup out of memory' >/dev/null || result='failed: no limit was the kernel'\''s'
[ ! -e /opt/worker-tier/bin/slot.test ] || dmesg | grep 'fork rejected by pids controller' >/dev/null || result='failed: no fork was refused'
echo "cgroup-test: $result"
echo o >/proc/sysrq-trigger
sleep 10
