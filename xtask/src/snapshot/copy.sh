# Copies /from/neo4j and /from/redis to /to while their servers run, pass after pass. Reads `pass` or
# `last`; answers `done BYTES FILES` or `failed`. The last pass is for servers that cannot write: every
# file must be copied without a complaint, and be at its end what it was at its beginning, else the
# answer is `moved FILE`. Where ` shown` follows, the first pass, which is the long one, says now and
# then `at BYTES OF`.
set -uo pipefail
LC_ALL=C

# What each file was when it was copied: time of change, of its inode's change, size, inode.
declare -A known=()
# The second in which the pass before this one began.
before=0
LARGE=16777216

main() {
    local order shown ticker answer moved
    while read -r order shown; do
        ticker=
        if [ "$shown" = shown ] && [ "$before" = 0 ]; then
            of=$(size /from)
            tick
            while sleep 0.5 >&-; do tick; done &
            ticker=$!
        fi
        moved=
        if pass "$order"; then
            answer="done $bytes $files"
        else
            answer=${moved:-failed}
        fi
        # The answer is the last that is said of a pass.
        [ -z "$ticker" ] || { kill "$ticker" && wait "$ticker"; } 2>/dev/null
        echo "$answer"
    done
}

size() {
    local sum
    sum=$(du --summarize --bytes --exclude='.incoming-*' --exclude='.before-*' "$1" 2>/dev/null)
    echo "${sum%%[[:space:]]*}"
}

tick() {
    echo "at $(size /to) $of"
}

pass() {
    local order=$1 started=$EPOCHSECONDS store was copied
    bytes=0 files=0
    [ "$order" = pass ] || was=$(times) || return 1
    copied=1
    for store in neo4j redis; do
        cd "/from/$store" && copy_folders "$store" "$order" && copy_files "$store" "$order" || { copied=0; break; }
    done
    # Also where a file could not be copied: that it changed is why.
    [ "$order" = pass ] || unmoved "$was" || return 1
    [ "$copied" = 1 ] || return 1
    before=$started
}

# What every file of both stores is: nobody writes to one without its times or its size telling.
times() {
    local store
    for store in neo4j redis; do
        cd "/from/$store" && listed -type f -printf "%T@ %C@ %s %i $store/%P\n" || return 1
    done
}

unmoved() {
    local now first
    now=$(times) || return 1
    [ "$now" != "$1" ] || return 0
    first=$(comm -3 <(sort <<<"$1") <(sort <<<"$now") | head -n 1)
    # The name stands behind two times, the size and the inode.
    moved="moved ${first#*[0-9] * * * }"
    return 1
}

# The folders of a restore that is going on, or is kept, are not this environment's data.
listed() {
    find . \( -path './.incoming-*' -o -path './.before-*' \) -prune -o "$@"
}

copy_folders() {
    listed -type d -print0 | tar --create --no-recursion --null --files-from=- 2>/tmp/complaints |
        tar --extract --same-permissions --same-owner --directory="/to/$1" || [ "$2" = pass ] || complain
}

copy_files() {
    local store=$1 order=$2 stat path modified size
    local -A seen=()
    local -a small=() large=()
    # A server that runs removes files under our hands.
    listed -type f -printf '%T@ %C@ %s %i|%P\0' >/tmp/list 2>/tmp/complaints || [ "$order" = pass ] || complain || return 1
    while IFS='|' read -r -d '' stat path; do
        seen[$path]=1
        modified=${stat%%.*} size=${stat#* } size=${size#* } size=${size%% *}
        # A file whose time is not clearly older than the pass before may have changed since without
        # its time telling; one whose time lies in the future tells nothing.
        if [ "${known[$store/$path]-}" = "$stat" ] && [ "$((modified + 1))" -lt "$before" ]; then
            continue
        fi
        known[$store/$path]=$stat
        files=$((files + 1)) bytes=$((bytes + size))
        if [ "$size" -ge "$LARGE" ] && [ -s "/to/$store/$path" ]; then
            large+=("$size" "$path")
        else
            small+=("$path")
        fi
    done </tmp/list
    copied "$store" "$order" || return 1
    for path in "${!known[@]}"; do
        if [[ $path = "$store/"* && -z ${seen[${path#"$store/"}]-} ]]; then
            rm -f "/to/$path" && unset "known[$path]"
        fi
    done
}

# Large files in place, without giving back the room that they have: three times as fast as a new one.
copied() {
    local store=$1 order=$2 index jobs=() job failed=0
    if [ "${#small[@]}" -gt 0 ]; then
        printf '%s\0' "${small[@]}" |
            xargs -0 cp --preserve=all --sparse=always --parents --target-directory="/to/$store" -- 2>/tmp/complaints &
        jobs+=($!)
    fi
    for ((index = 0; index < ${#large[@]}; index += 2)); do
        overwrite "${large[index]}" "${large[index + 1]}" "/to/$store/${large[index + 1]}" 2>>/tmp/complaints &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || failed=1
    done
    [ "$failed" = 1 ] || return 0
    # What was not copied is not known.
    for path in "${small[@]}" "${large[@]}"; do
        unset "known[$store/$path]"
    done
    [ "$order" = pass ] || complain
}

overwrite() {
    dd if="$2" of="$3" bs=4M conv=notrunc status=none && truncate --size="$1" "$3" && chown --reference="$2" "$3"
}

complain() {
    tail -n 5 /tmp/complaints >&2
    return 1
}

main
