# Batch after batch of a database, whose number is $0, inside its Redis container. The next batch needs
# the cursor that the one before it answered: asked from outside, each would wait for the way there and
# back.
#
# Standard input: a run begins with two lines, what stands before the cursor and what after it; then a
# line "on" lets one more batch be run. Several may be let at once, and come to nothing after the last.
# When there are no more lines, whoever let them is gone: nothing further is run. Standard output: PONG
# when the server answers, then a line for each batch.
set -euo pipefail
LC_ALL=C

# The answer is a cursor, the length of the rest, and the rest; or else an error.
batch() {
    printf '%s\n' "$1" >&4
    IFS= read -r cursor <&3
    case $cursor in
    '' | *[!0-9]*)
        printf '%s\n' "$cursor"
        exit
        ;;
    esac
    IFS= read -r length <&3
    # What has a length is read at once, and a line byte by byte.
    IFS= read -r -N "$length" rest <&3
    read -r <&3
    printf '%s %s\n' "$cursor" "$rest"
}

coproc redis { exec tta-redis-admin -n "$0"; }
exec 3<&"${redis[0]}" 4>&"${redis[1]}"
echo PING >&4
IFS= read -r answer <&3
printf '%s\n' "$answer"
going=
while IFS= read -r line; do
    if [ "$line" != on ]; then
        before=$line cursor=0 going=yes
        IFS= read -r after
    elif [ "$going" ]; then
        batch "$before $cursor $after"
        [ "$cursor" != 0 ] || going=
    fi
done
