# Batch after batch of a database, whose number is $0, inside its Redis container. The next batch needs
# the cursor that the one before it answered: asked from outside, each would wait for the way there and
# back.
#
# A run may have two lanes. A SCAN comes to all cursors that are even before any that is odd, and to 1
# first of these: one lane begins at 0 and ends with the even ones, the other begins at 1. While the
# server is at a batch of one, that of the other waits at its door. A lane's last step may go a little
# into the other's: what may not count a key twice has one lane.
#
# Standard input: a run begins with three lines, what stands before the cursor, what after it, and where
# its lanes begin; then a line "on" lets one more batch be run. Several may be let at once, and come to
# nothing after the last. When there are no more lines, whoever let them is gone: nothing further is
# run. Standard output: PONG when the server answers, then for each batch how many lanes go on, and
# what it has answered.
set -euo pipefail
LC_ALL=C

# The answer is a cursor or "stop", the length of the rest, and the rest; or else an error.
hear() {
    local lane=${asked[0]} at length rest
    asked=("${asked[@]:1}")
    IFS= read -r at <&3
    case ${at/#stop/0} in
    '' | *[!0-9]*)
        printf '%s\n' "$at"
        exit
        ;;
    esac
    IFS= read -r length <&3
    # What has a length is read at once, and a line byte by byte.
    IFS= read -r -N "$length" rest <&3
    read -r <&3
    case $at:$lane:$lanes in
    stop:*) going=0 ;;
    0:*) going=$((going - 1)) ;;
    *[13579]:0:2) going=$((going - 1)) ;;
    *) free+=("$lane") ;;
    esac
    cursors[lane]=$at
    printf '%s %s\n' "$going" "$rest"
}

coproc redis { exec tta-redis-admin -n "$0"; }
exec 3<&"${redis[0]}"- 4>&"${redis[1]}"-
echo PING >&4
IFS= read -r answer <&3
printf '%s\n' "$answer"
going=0
while IFS= read -r line; do
    if [ "$line" != on ]; then
        before=$line
        IFS= read -r after
        read -r -a cursors
        free=("${!cursors[@]}") asked=() lanes=${#cursors[@]} going=${#cursors[@]}
    elif [ "$going" -gt 0 ]; then
        if [ ${#free[@]} -gt 0 ]; then
            printf '%s\n' "$before ${cursors[free[0]]} $after" >&4
            asked+=("${free[0]}")
            free=("${free[@]:1}")
        fi
        [ ${#asked[@]} -lt "$going" ] || hear
    fi
done
# What has been asked is run to its end: nobody is left at work.
exec 4>&-
cat <&3 >/dev/null
