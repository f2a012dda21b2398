#!/bin/sh
# Runs /guest/command. The host reads the first serial port: `@TOKEN start`, the command's output,
# `@TOKEN end CODE`. The second carries a tar of /run/artifacts. TOKEN is new each time, so no output of the
# command can look like the end.
. /guest/settings
# The ports carry bytes from here on, not lines of a terminal.
stty -F /dev/ttyS0 raw -echo
stty -F /dev/ttyS1 raw -echo
mkdir -p /run/artifacts

# Through a pipe, since programs colour and buffer differently on a terminal.
mkfifo /run/output
cat /run/output >/dev/ttyS0 &
drain=$!
echo "@$TOKEN start $(cut -d' ' -f1 /proc/uptime) $(uname -r)" >/dev/ttyS0
/bin/sh /guest/command </dev/null >/run/output 2>&1
code=$?
# What the command left running may hold the pipe, so it goes first (kernel threads shrug it off); then the
# pipe ends when all that was written to it is out.
if [ "$INIT" = disk ]; then
  rest=$(cat /sys/fs/cgroup/system.slice/guest.service/cgroup.procs)
else
  rest=$(cd /proc && echo [0-9]*)
fi
for pid in $rest; do
  [ "$pid" = 1 ] || [ "$pid" = $$ ] || [ "$pid" = "$drain" ] || kill -9 "$pid" 2>/dev/null
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
