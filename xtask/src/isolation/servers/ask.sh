# Each line of standard input is DATABASE, a tab, the value of the header Authorization or nothing, a
# tab, and the JSON of a query. Each line of standard output is what this container's Neo4j answers
# over HTTP: the status line, a tab, the body; or `refused` or `silent`. No JVM.
# To the line `databases` it answers `databases`, then each folder that holds a database, after a tab.
set -uo pipefail
# Content-Length counts bytes, not characters.
LC_ALL=C
tab=$'\t'
patience=$1

answer() {
    local database=$1 login=$2 query=$3 header='' reply=''
    if ! { exec 3<>/dev/tcp/127.0.0.1/7474; } 2>/dev/null; then
        echo refused
        return
    fi
    [ -z "$login" ] || header="Authorization: $login"$'\r\n'
    # HTTP/1.0, so that the answer is not cut into chunks.
    printf 'POST /db/%s/query/v2 HTTP/1.0\r\nHost: localhost\r\n%sContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s' \
        "$database" "$header" "${#query}" "$query" >&3 2>/dev/null
    # To the end of the stream, which is no error here, for so many seconds at most.
    IFS= read -r -d '' -t "$patience" -u 3 reply || true
    exec 3>&-
    if [ -z "$reply" ]; then
        echo silent
        return
    fi
    local status=${reply%%$'\r'*} body=${reply#*$'\r\n\r\n'}
    body=${body//$'\r'/ }
    printf '%s\t%s\n' "${status//$'\n'/ }" "${body//$'\n'/ }"
}

folders() {
    local folder='' told=databases
    if ! cd "${NEO4J_server_directories_data:-/data}/databases" 2>/dev/null; then
        echo 'no folder of databases'
        return
    fi
    shopt -s nullglob dotglob
    for folder in */; do
        told+=$tab${folder%/}
    done
    printf '%s\n' "${told//$'\n'/ }"
}

while IFS= read -r line; do
    if [ "$line" = databases ]; then
        folders
        continue
    fi
    rest=${line#*"$tab"}
    answer "${line%%"$tab"*}" "${rest%%"$tab"*}" "${rest#*"$tab"}"
done
