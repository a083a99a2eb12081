# shellcheck shell=bash
# Asking this container's server over HTTP, without a JVM and with the password in no argv. Who
# sources this has a function `fail MESSAGE`, which ends it.

# Sets login to the header for this container's own credential, the only one that is ever tried.
find_login() {
    local password file=${TTA_NEO4J_PASSWORD_FILE:-}
    if [ -n "$file" ]; then
        [ -r "$file" ] || fail "cannot read $file"
        password=$(<"$file")
    else
        case ${NEO4J_AUTH:-} in
        none) password= ;;
        neo4j/*) password=${NEO4J_AUTH#neo4j/} password=${password%/true} ;;
        *) fail "no password in TTA_NEO4J_PASSWORD_FILE or NEO4J_AUTH" ;;
        esac
    fi
    login=
    if [ -n "$password" ]; then
        login=$'Authorization: Basic '$(printf %s "neo4j:$password" | base64 -w0)$'\r\n'
    fi
}

# ask DATABASE JSON: sets status and body to the server's answer. No process of its own: this is
# called often, and by servers that are starting.
ask() {
    # Content-Length counts bytes, not characters.
    local LC_ALL=C reply
    { exec 3<>/dev/tcp/127.0.0.1/7474; } 2>/dev/null || fail "HTTP refuses connections"
    # HTTP/1.0, so that the answer is not cut into chunks.
    printf 'POST /db/%s/query/v2 HTTP/1.0\r\nHost: localhost\r\n%sContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$login" "${#2}" "$2" >&3
    # To the end of the stream, which is no error here.
    IFS= read -r -d '' -u 3 reply || true
    exec 3>&-
    # shellcheck disable=SC2034  # for who sources this
    status=${reply%%$'\r'*} body=${reply#*$'\r\n\r\n'}
}
