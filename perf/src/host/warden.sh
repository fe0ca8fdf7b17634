# Waits for the end of its input, which the harness holds and the kernel ends if the harness
# cannot; then kills the processes that work in a broker's directory, and removes it.
# $1: the variable in their environment, with its value; $2: the directory; $3: the place in it
# where a disk may be mounted.
trap '' HUP INT TERM
cat >/dev/null
for _ in $(seq 500); do
    marked=$(grep -lsxzFe "$1" /proc/[0-9]*/environ)
    [ -n "$marked" ] || break
    for file in $marked; do
        file=${file%/environ}
        kill -KILL "${file#/proc/}" 2>/dev/null
    done
    sleep 0.02
done
umount -l "$3" 2>/dev/null
rm -rf -- "$2"
