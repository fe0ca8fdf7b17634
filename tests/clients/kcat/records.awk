# The records of one partition, by the rule in the README beside this folder.
#
#   awk -v form=FORM -v profile=PROFILE -v partition=P -v partitions=N -v first=I -f records.awk
#
# form=input: what `kcat -P -K <tab>` reads. form=output: what the script's consumers print.

BEGIN {
    count = 10000
    for (i = partition; i < count; i += partitions) {
        if (i < first) continue
        if (form == "input") {
            printf "%s\t%s\n", text(key(i)), text(value(i))
        } else {
            printf "%d %s %s %s [%s]\n", int(i / partitions), timestamp(i), counted(key(i)),
                counted(value(i)), headers(i)
        }
    }
}

# Null is held as "\001", which no key and no value contains.
function key(i) {
    if (i % 7 == 0 && i % 11 != 0) return "\001"
    if (i % 7 == 1) return empty()
    return "key-" (i % 100)
}

function value(i) {
    if (i % 11 == 0) return "\001"
    if (i % 11 == 1) return empty()
    return "value-" i " " (i % 1000 == 999 ? repeated("x", 20000) : repeated("ü", i % 50))
}

function empty() {
    return profile == "plain" ? "\001" : ""
}

function timestamp(i) {
    return profile == "plain" ? "-" : sprintf("%.0f", 1700000000000 + 10 * i)
}

function headers(i) {
    if (profile == "plain") return "written-by=kcat"
    if (i % 5 == 0) return ""
    if (i % 5 == 2) return "index=" i ",repeat=a,repeat=b"
    if (i % 5 == 3) return "index=" i ",null=" (profile == "no-null-headers" ? "" : "NULL")
    if (i % 5 == 4) return "index=" i ",empty="
    return "index=" i
}

# Length in bytes, -1 for null, and the text, as kcat prints "%K:%k".
function counted(string) {
    return string == "\001" ? "-1:" : length(string) ":" string
}

function text(string) {
    return string == "\001" ? "" : string
}

function repeated(string, times,   all, n) {
    for (n = 0; n < times; n++) all = all string
    return all
}
