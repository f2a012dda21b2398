#!/bin/sh
# Hands over to the init of the disk, which finds what is mounted here in its place, and the command as a
# unit.
mkdir /disk
mount -t ext4 /dev/vda /disk
cp -a /guest /sonde /run
rm -rf /run/guest/modules
ln -sfn run/guest /disk/guest
ln -sfn run/sonde /disk/sonde
mkdir -p /run/systemd/system/multi-user.target.wants
ln -s ../guest.service /run/systemd/system/multi-user.target.wants
cat >/run/systemd/system/guest.service <<U
[Unit]
Description=What the guest is there for
[Service]
Type=exec
ExecStart=/bin/sh /guest/run
ExecStopPost=/bin/systemctl poweroff --no-block
U
for folder in proc sys dev run; do
  mount --move "/$folder" "/disk/$folder"
done
exec switch_root /disk /sbin/init
