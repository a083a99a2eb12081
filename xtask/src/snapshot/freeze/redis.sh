# Inside the Redis container: stops all writes, waits until what was acknowledged has reached the
# append-only file, says so, and lets writes go on when its standard input says or ends. `$1` is the
# longest it may take, in milliseconds, after which Redis lets writes go on by itself.
set -uo pipefail
last=$((${EPOCHREALTIME/./} / 1000 + $1))
reply=$(tta-redis-admin -e CLIENT PAUSE "$1" WRITE 2>&1) || { echo "failed $reply"; exit 1; }
until info=$(tta-redis-admin -e INFO persistence 2>&1) && [[ $info = *aof_buffer_length:0* ]]; do
    # Without an append-only file there is nothing that a copy could be recovered from.
    [[ $info != *aof_enabled:0* ]] || { echo "failed appendonly is off"; break; }
    [ "$((${EPOCHREALTIME/./} / 1000))" -lt "$last" ] || { echo "failed its append-only file is not written"; break; }
done
[[ $info != *aof_buffer_length:0* ]] || echo quiet
read -r _
tta-redis-admin -e CLIENT UNPAUSE >/dev/null
