/** How a machine gets from namespaces to its first process. Each script runs what stands behind its own arguments. */

/** Enters cgroups: their number, their folders. */
export const enter = `set -eu
count=$1; shift
while [ "$count" -gt 0 ]; do
  echo $$ >"$1/cgroup.procs"
  count=$((count - 1)); shift
done
exec "$@"
`;

/**
 * In new namespaces: puts the file systems together as a kernel and its initial RAM disk would, and leaves nothing of this
 * machine's to be seen. The overlay skips what waits for the disk, as the kernel that holds its pages survives every power cut
 * of these machines.
 */
export const boot = String.raw`set -eu
layers=$1 upper=$2 work=$3 root=$4 docker=$5 model=$6 mounts=$7; shift 7
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$layers,upperdir=$upper,workdir=$work,volatile" "$root"
mkdir -p "$root/var/lib/docker" "$root/mnt/old"
mount --bind "$docker" "$root/var/lib/docker"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
for place in class bus class/gpio bus/w1; do
  mountpoint -q "/sys/$place" && mount --rbind "/sys/$place" "$root/sys/$place"
done

mount -t tmpfs -o mode=755 firmware "$root/sys/firmware"
mkdir -p "$root/sys/firmware/devicetree/base"
[ -z "$model" ] || printf '%s\0' "$model" >"$root/sys/firmware/devicetree/base/model"

mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
while [ "$mounts" -gt 0 ]; do
  IFS=: read -r type options place <<EOF
$1
EOF
  mkdir -p "$root$place"
  mount -t "$type" -o "$options" "$type" "$root$place"
  mounts=$((mounts - 1)); shift
done

mount -t tmpfs -o mode=755 dev "$root/dev"
device() { mknod -m "$2" "$root/dev/$1" c "$3" "$4"; }
device null 666 1 3
device zero 666 1 5
device full 666 1 7
device random 666 1 8
device urandom 666 1 9
device tty 666 5 0
device fuse 666 10 229
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"

cat /proc/sys/kernel/random/uuid >"$root/dev/.boot-id"
mount --bind "$root/dev/.boot-id" "$root/proc/sys/kernel/random/boot_id"

cd "$root"
pivot_root . mnt/old
umount -l mnt/old
exec env -i container=bramble PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
`;

/** File of a pretended clock's distance from the kernel's. */
export const clockOffsetFile = '/etc/clock-offset-ms';

/** `date` on a machine whose clock was set: the kernel's is this machine's as well, and not its to set. */
export const pretendedDate = `#!/bin/sh
set -eu
file=${clockOffsetFile}
now=$(/usr/bin/date +%s%3N) wanted= previous=
for word; do
  case $previous in --set | -s) wanted=$word ;; esac
  case $word in --set=*) wanted=\${word#--set=} ;; esac
  previous=$word
done
if [ -n "$wanted" ]; then
  echo $(($(/usr/bin/date --date="$wanted" +%s%3N) - now)) >$file
else
  ms=$((now + $(cat $file)))
  exec /usr/bin/date --date="@$((ms / 1000)).$(printf %03d $((ms % 1000)))" "$@"
fi
`;
