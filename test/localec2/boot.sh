# Boots a machine: run by bash as the first process of a process namespace, in a mount namespace of its own and in the machine's
# network namespace. Whatever ends this process ends all of the machine, with its mounts.
set -eu
image=$1 root=$2 disk=$3 cgroup=$4
shift 4
mount -t proc proc /proc
mount -t tmpfs tmpfs /run # systemd-nspawn keeps its own state there; of this machine's it needs nothing
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o "size=$disk,mode=755" tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/disk"
mount -t overlay -o "lowerdir=$image,upperdir=$root/upper,workdir=$root/work" overlay "$root/disk"

# Its own group is not the machine's: one with groups inside must hold no processes.
mkdir "$cgroup/boot" "$cgroup/machine"
echo 0 >"$cgroup/boot/cgroup.procs"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
start() {
  echo 0 >"$cgroup/machine/cgroup.procs"
  exec systemd-nspawn --quiet --boot --directory="$root/disk" --network-namespace-path=/proc/self/ns/net --console=read-only \
    --register=no --keep-unit --resolv-conf=off --timezone=off --link-journal=no "$@"
}
trap 'kill "$machine"' TERM # to systemd-nspawn that is a power-off
status=133 # of a machine that reboots
while [ $status = 133 ]; do
  start "$@" &
  machine=$!
  status=0
  wait $machine || status=$?
  while kill -0 $machine 2>/dev/null; do # the signal interrupted the wait
    status=0
    wait $machine || status=$?
  done
done
exit $status
