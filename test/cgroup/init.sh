#!/bin/bash
# The first process under the kernel that run.sh starts: makes of this machine's file system, which it cannot write to, an instance
# with the user and the folders of a worker, and lets systemd go on. The tests run as the worker's unit: under all that the cookbook
# writes into it, but for what waits for a worker.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 tmpfs /run
cp -r "$TESTS" /run/tests # before its folder is hidden
cp "$(dirname "$0")/judge.sh" /run/
for dir in /tmp /opt /var /etc/systemd/system; do mount -t tmpfs -o mode=755 tmpfs $dir; done
chmod 1777 /tmp
(umask 077 && mkdir /run/worker-tier && echo key >/run/worker-tier/validator.pem) # as the bootstrap keeps it until Chef's first run has ended
mkdir -p /var/lib /var/log /opt/worker-tier/bin
mkdir -m 1777 /var/tmp
echo 'worker:x:64999:64999::/var/lib/worker:/usr/sbin/nologin' | cat /etc/passwd - >/run/passwd
echo 'worker:x:64999:' | cat /etc/group - >/run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
cp /run/tests/*.test /opt/worker-tier/bin/
for test in /opt/worker-tier/bin/*.test; do
	unit=worker-$(basename "$test" .test).service
	cp /run/tests/worker.service "/etc/systemd/system/$unit"
	mkdir "/etc/systemd/system/$unit.d"
	# The floods are a matter of time, of which this kernel takes ten times as much, and of no cgroup. The docs are not here.
	cat >"/etc/systemd/system/$unit.d/test.conf" <<-UNIT
		[Unit]
		DefaultDependencies=no
		OnFailure=
		[Service]
		Type=oneshot
		EnvironmentFile=
		ExecStart=
		ExecStart=$test -test.timeout=250s '-test.skip=TestFloodsAreBorne|TestTheTableOfAttemptsIsInTheDocs'
		Restart=no
		WatchdogSec=0
		StandardOutput=append:/run/said
		StandardError=append:/run/said
	UNIT
done
cat >/etc/systemd/system/cgroup-test.service <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/bash /run/judge.sh
UNIT
exec /lib/systemd/systemd --show-status=no --unit=cgroup-test.service
