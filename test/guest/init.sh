#!/bin/sh
# The guest's first process. Mounts what a Linux host has mounted, loads the modules, and then runs the
# command (run.sh) and powers off, or hands over to the init of the disk (disk.sh).
. /guest/settings
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root TERM=dumb

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tracefs tracefs /sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug
mount -t securityfs securityfs /sys/kernel/security
mkdir -p /run/netns /run/artifacts
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr

# From here on the kernel speaks on the console only when it dies.
dmesg -n 1
for module in /guest/modules/*.ko; do
  insmod "$module" || echo "insmod $module failed" >/dev/ttyS0
done
[ "$INIT" = guest ] || . /guest/disk

hostname guest
ip link set lo up
ulimit -n 65536
ulimit -l unlimited
ulimit -c 0
/bin/sh /guest/run
sync
poweroff -f
