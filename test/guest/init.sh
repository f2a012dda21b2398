#!/bin/sh
# The guest's first process. Mounts what a Linux host has mounted, loads the modules, runs /guest/command and
# powers off. The host reads the first serial port: `@TOKEN start`, the command's output, `@TOKEN end CODE`.
# The second carries a tar of /run/artifacts. TOKEN is new each time, so no output of the command can look
# like the end.
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

# From here on the ports carry bytes, not lines of a terminal; and the kernel speaks there only when it dies.
stty -F /dev/ttyS0 raw -echo
stty -F /dev/ttyS1 raw -echo
dmesg -n 1

hostname guest
ip link set lo up
ulimit -n 65536
ulimit -l unlimited
ulimit -c 0

for module in /guest/modules/*.ko; do
  insmod "$module" || echo "insmod $module failed" >/dev/ttyS0
done

# Through a pipe, since programs colour and buffer differently on a terminal.
mkfifo /run/output
cat /run/output >/dev/ttyS0 &
drain=$!
echo "@$TOKEN start $(cut -d' ' -f1 /proc/uptime) $(uname -r)" >/dev/ttyS0
/bin/sh /guest/command </dev/null >/run/output 2>&1
code=$?
# What the command left running may hold the pipe, so it goes first (kernel threads shrug it off); then the
# pipe ends when all that was written to it is out.
for process in /proc/[0-9]*; do
  pid=${process#/proc/}
  [ "$pid" = 1 ] || [ "$pid" = "$drain" ] || kill -9 "$pid" 2>/dev/null
done
wait $drain

dmesg >/run/artifacts/dmesg
cd /sonde
for path in $ARTIFACTS; do
  [ -e "$path" ] || continue
  mkdir -p "/run/artifacts/$(dirname "$path")"
  cp -a "$path" "/run/artifacts/$path"
done
tar -C /run/artifacts -cf /dev/ttyS1 .
echo "@$TOKEN end $code" >/dev/ttyS0
sync
poweroff -f
