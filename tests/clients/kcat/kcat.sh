#!/bin/sh
# Runs the contract of the README beside this folder on kcat, which has no admin API: its topics
# come from the broker's auto-creation.
#
#   kcat.sh check BOOTSTRAP PREFIX
#   kcat.sh read BOOTSTRAP PROFILE TOPIC...
set -u

here=$(dirname "$0")
mode=$1
bootstrap=$2
shift 2

tab=$(printf '\t')
last=9999
middle=5000
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# awk counts bytes, as kcat does.
export LC_ALL=C

fail() {
    echo "FAILED kcat: $*" >&2
    exit 1
}

kafka() {
    kcat -b "$bootstrap" -q "$@" || fail "kcat $*"
}

# rule FORM PROFILE PARTITION PARTITIONS FIRST
rule() {
    awk -v form="$1" -v profile="$2" -v partition="$3" -v partitions="$4" -v first="$5" \
        -f "$here/records.awk"
}

# The number of partitions in what `kcat -L` prints.
partitions_in() {
    sed -n 's/^ *topic "[^"]*" with \([0-9]*\) partitions:.*/\1/p'
}

# create TOPIC: asks for a topic that does not exist until the broker has made it, and prints its
# partition count.
create() {
    for _ in $(seq 100); do
        count=$(kafka -L -t "$1" -X allow.auto.create.topics=true | partitions_in)
        [ "${count:-0}" -gt 0 ] && echo "$count" && return
        sleep 0.1
    done
    fail "$1: expected the broker to create it, seen no partition after 10 s"
}

partition_count() {
    kafka -L -t "$1" | partitions_in
}

consumer() {
    kafka -C -X topic.auto.offset.reset=error -X fetch.wait.max.ms=20 "$@"
}

# consume TOPIC PARTITION OFFSET: one line per record, to the partition's end.
consume() {
    consumer -t "$1" -p "$2" -o "$3" -e -f '%o %T %K:%k %S:%s [%h]\n'
}

# compare WHAT EXPECTED SEEN: two files
compare() {
    cmp -s "$2" "$3" && return
    echo "first differences, < expected, > seen:"
    diff -a "$2" "$3" | cut -c 1-300 >"$scratch/differences"
    grep -am 5 '^<' "$scratch/differences"
    grep -am 5 '^>' "$scratch/differences"
    fail "$1: expected $(wc -l <"$2") records, seen $(wc -l <"$3")"
}

# read_from TOPIC PROFILE PARTITIONS FIRST OFFSET_OF: reads each partition from what the command
# OFFSET_OF PARTITION prints, and compares with the rule from record FIRST on.
read_from() {
    partition=0
    while [ "$partition" -lt "$3" ]; do
        rule output "$2" "$partition" "$3" "$4" >"$scratch/expected"
        consume "$1" "$partition" "$($5 "$partition")" >"$scratch/all"
        if [ "$2" = plain ]; then
            sed 's/^\([0-9]*\) [0-9]*/\1 -/' "$scratch/all" >"$scratch/seen"
        else
            mv "$scratch/all" "$scratch/seen"
        fi
        compare "$1 partition $partition" "$scratch/expected" "$scratch/seen"
        partition=$((partition + 1))
    done
}

beginning() {
    echo beginning
}

# The offset of the first record of a partition that is not before the middle one.
middle_offset() {
    echo $(((middle - $1 + partitions - 1) / partitions))
}

produce() {
    rule input plain "$3" "$4" 0 >"$scratch/input"
    kafka -P -t "$1" -p "$3" -K "$tab" -Z -H written-by=kcat -X acks=all \
        -X compression.codec="$2" -l "$scratch/input"
}

# check_timestamp TOPIC: the broker's answer for a record's own time is the first record of its
# partition with that time or a later one.
check_timestamp() {
    offset=$(middle_offset 0)
    consume "$1" 0 beginning | cut -d' ' -f 1,2 >"$scratch/times"
    time=$(awk -v offset="$offset" '$1 == offset { print $2 }' "$scratch/times")
    expected=$(awk -v time="$time" '$2 >= time { print $1; exit }' "$scratch/times")
    seen=$(kafka -Q -t "$1:0:$time" | sed 's/.* //')
    [ "$seen" = "$expected" ] || fail "$1: offset at $time: expected $expected, seen $seen"
    first=$(consumer -t "$1" -p 0 -o "s@$time" -c 1 -f '%o')
    [ "$first" = "$expected" ] || fail "$1: read from $time: expected $expected, seen $first"
    latest=$(awk '$2 > latest { latest = $2 } END { print latest }' "$scratch/times")
    seen=$(kafka -Q -t "$1:0:$((latest + 1))" | sed 's/.* //')
    [ "$seen" = -1 ] || fail "$1: offset after the last record: expected -1, seen $seen"
}

check() {
    for codec in none gzip snappy lz4 zstd; do
        topic=$1-$codec
        partitions=$(create "$topic")
        [ -n "$partitions" ] || exit 1
        echo "ok $topic: create with $partitions partitions"
        partition=0
        while [ "$partition" -lt "$partitions" ]; do
            produce "$topic" "$codec" "$partition" "$partitions"
            partition=$((partition + 1))
        done
        echo "ok $topic: produce $((last + 1)) records"
        read_from "$topic" plain "$partitions" 0 beginning
        echo "ok $topic: read from the start"
        read_from "$topic" plain "$partitions" "$middle" middle_offset
        echo "ok $topic: read from the middle"
        check_timestamp "$topic"
        echo "ok $topic: read from a timestamp"
    done
}

if [ "$mode" = check ]; then
    check "$1"
else
    profile=$1
    shift
    for topic in "$@"; do
        read_from "$topic" "$profile" "$(partition_count "$topic")" 0 beginning
        echo "ok $topic: read what another client wrote"
    done
fi
