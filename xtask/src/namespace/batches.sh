# Batch after batch of a database, whose number is $0, inside its Redis container. The next batch needs
# the cursor that the one before it answered: asked from outside, each would wait for the way there and
# back.
#
# A run may have two lanes. A SCAN comes to all cursors that are even before any that is odd, and to 1
# first of these: one lane begins at 0 and ends with the even ones, the other begins at 1. Each has a
# client of its own, since redis-cli sends nothing while it waits: while the server is at a batch of one
# lane, that of the other waits at its door. A lane's last step may go a little into the other's: what
# may not count a key twice has one lane.
#
# Standard input: a run begins with three lines, what stands before the cursor, what after it, and where
# its lanes begin; then a line "on" lets one more batch be run. Several may be let at once, and come to
# nothing after the last. When there are no more lines, whoever let them is gone: nothing further is
# run. Standard output: PONG when the server answers, then for each batch how many lanes go on, and
# what it has answered.
set -euo pipefail
LC_ALL=C

# Lane 0 has the descriptors 3 to read from and 4 to write to, lane 1 has 5 and 6.
open() {
    local answer
    # Bash warns of a second coprocess; each is known by its descriptors alone.
    { coproc redis { exec tta-redis-admin -n "$1" 2>&9 3<&- 4>&- 9>&-; }; } 9>&2 2>/dev/null
    if [ "$2" = 0 ]; then
        exec 3<&"${redis[0]}"- 4>&"${redis[1]}"-
    else
        exec 5<&"${redis[0]}"- 6>&"${redis[1]}"-
    fi
    echo PING >&"$((4 + 2 * $2))"
    IFS= read -r answer <&"$((3 + 2 * $2))"
    [ "$2 $answer" = '1 PONG' ] || printf '%s\n' "$answer"
    opened=$(($2 + 1))
}

# The answer is a cursor or "stop", the length of the rest, and the rest; or else an error.
hear() {
    local lane=${asked[0]} at length rest
    asked=("${asked[@]:1}")
    {
        IFS= read -r at
        case ${at/#stop/0} in
        '' | *[!0-9]*)
            printf '%s\n' "$at"
            exit
            ;;
        esac
        IFS= read -r length
        # What has a length is read at once, and a line byte by byte.
        IFS= read -r -N "$length" rest
        read -r
    } <&"$((3 + 2 * lane))"
    case $at:$lane:$lanes in
    stop:*) going=0 ;;
    0:*) going=$((going - 1)) ;;
    *[13579]:0:2) going=$((going - 1)) ;;
    *) free+=("$lane") ;;
    esac
    cursors[lane]=$at
    printf '%s %s\n' "$going" "$rest"
}

open "$0" 0
going=0
while IFS= read -r line; do
    if [ "$line" != on ]; then
        before=$line
        IFS= read -r after
        read -r -a cursors
        free=("${!cursors[@]}") asked=() lanes=${#cursors[@]} going=${#cursors[@]}
        [ "$lanes" -le "$opened" ] || open "$0" 1
    elif [ "$going" -gt 0 ]; then
        if [ ${#free[@]} -gt 0 ]; then
            printf '%s\n' "$before ${cursors[free[0]]} $after" >&"$((4 + 2 * free[0]))"
            asked+=("${free[0]}")
            free=("${free[@]:1}")
        fi
        [ ${#asked[@]} -lt "$going" ] || hear
    fi
done
# What has been asked is run to its end: nobody is left at work.
exec 4>&- 6>&-
cat <&3 >/dev/null
[ "$opened" = 1 ] || cat <&5 >/dev/null
