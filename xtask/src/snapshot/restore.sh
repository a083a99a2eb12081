# restore.sh ORDER ID DATABASE: what is done to folders inside the two volumes, /neo4j and /redis.
# A restored store lies in .incoming-ID until it is put in place of the one that is there, which then
# lies in .before-ID. Every order can be given again after it was cut off anywhere.
set -euo pipefail
order=$1 id=$2 database=$3
incoming=.incoming-$id
before=.before-$id

main() {
    case $order in
    state) state ;;
    clear) rm -rf /neo4j/.incoming-* /redis/.incoming-* ;;
    swap) swap ;;
    forget) rm -rf "/neo4j/$before" "/redis/$before" ;;
    *) exit 64 ;;
    esac
}

state() {
    for other in /neo4j/.incoming-* /redis/.incoming-*; do
        [ ! -e "$other" ] || { echo loaded && break; }
    done
    # Of any snapshot: Redis comes last, so its mark is there as long as something is left to do.
    for mark in /redis/.incoming-*/armed; do
        other=${mark%/armed}
        other=${other#/redis/.incoming-}
        if [ -e "/neo4j/.incoming-$other/before" ] || [ -e "/neo4j/.before-$other" ]; then
            [ ! -e "$mark" ] || echo "begun $other"
        fi
    done
    for volume in neo4j redis; do
        [ ! -e "/$volume/$before" ] || echo "before $volume"
    done
    # Of any snapshot.
    for other in /neo4j/.before-* /redis/.before-*; do
        [ ! -e "$other" ] || echo "kept ${other##*/.before-}"
    done
    # Without this line not all of it has come.
    echo told
}

# The servers are stopped, and everything of it has been proved. A mark says which folder is which
# while the two change places; before the first rename it stands for nothing.
arm() {
    cd "/neo4j/$incoming"
    [ -d "databases/$database" ] && [ -d "transactions/$database" ]
    # The scratch server's own: credentials stay as they are.
    rm -rf databases/system transactions/system databases/store_lock dbms server_id
    [ -d "/redis/$incoming/appendonlydir" ]
    rm -f "/redis/$incoming/dump.rdb"
    sync -f /neo4j /redis
    stat --format=%i "/neo4j/$incoming/databases/$database" >/neo4j/"$incoming"/armed
    stat --format=%i "/redis/$incoming/appendonlydir" >/redis/"$incoming"/armed
    sync -f /neo4j /redis
}

swap() {
    # Not where a part of it is done already.
    if [ ! -e "/neo4j/$before" ] && [ ! -e "/neo4j/$incoming/before" ]; then
        arm
    fi
    if [ -e "/neo4j/$incoming/armed" ]; then
        swap_neo4j
    fi
    # It may have been cut off between its mark and what is left of it.
    [ ! -e "/neo4j/$before" ] || rm -rf "/neo4j/$incoming"
    if [ -e "/redis/$incoming/armed" ]; then
        swap_redis
    fi
    sync -f /neo4j /redis
}

inode() { stat --format=%i "$1" 2>/dev/null || echo none; }

# A store without its transaction logs does not start, and one with another's must not: so the logs
# go first and come last. The mark goes when all else is done: without it this is not given again.
swap_neo4j() {
    cd "/neo4j/$incoming"
    if [ ! -e "/neo4j/$before" ]; then
        mkdir -p before
        if [ -d "transactions/$database" ]; then
            [ -e "before/transactions" ] || mv -T "/neo4j/transactions/$database" before/transactions
            if [ "$(inode "/neo4j/databases/$database")" != "$(cat armed)" ]; then
                mv -T --exchange "/neo4j/databases/$database" "databases/$database"
            fi
            sync -f .
            mv -T "transactions/$database" "/neo4j/transactions/$database"
        fi
        [ -e before/databases ] || mv -T "databases/$database" before/databases
        mv -T before "/neo4j/$before"
    fi
    rm -f armed
    rm -rf "/neo4j/$incoming"
}

swap_redis() {
    cd "/redis/$incoming"
    if [ "$(inode /redis/appendonlydir)" != "$(cat armed)" ]; then
        mv -T --exchange /redis/appendonlydir appendonlydir
    fi
    # One of the old data: the server would ignore it, and a person might not.
    [ ! -e /redis/dump.rdb ] || mv -T /redis/dump.rdb dump.rdb
    mv -T "/redis/$incoming" "/redis/$before"
    rm -f "/redis/$before/armed"
}

main
