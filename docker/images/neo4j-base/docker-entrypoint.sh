#!/bin/bash
# Turns the container's environment into neo4j.conf and an initial password, then runs the command
# as user neo4j. The variables and their meaning are those of the public image.
set -euo pipefail

main() {
    local command=${1:-neo4j}
    home=${NEO4J_HOME:-/var/lib/neo4j}
    conf=$home/conf/neo4j.conf
    as_neo4j=()
    if [ "$(id -u)" = 0 ]; then
        as_neo4j=(setpriv --reuid=neo4j --regid=neo4j --init-groups --)
        give_to_neo4j /data /logs
    else
        for folder in /data /logs; do
            [ -w "$folder" ] || refuse "user $(id -u) cannot write to $folder"
        done
    fi
    [ -z "${NEO4J_PLUGINS:-}" ] || refuse "NEO4J_PLUGINS needs a download; mount the jars at /plugins"
    adopt_mounts
    write_settings
    if [ "$command" = neo4j ]; then
        set_initial_password
        # A pid left by a killed container would be taken for a running server.
        rm -f "$home/run/neo4j.pid"
        [ "$#" -gt 1 ] || run_server
    fi
    exec "${as_neo4j[@]}" "$@"
}

# `neo4j console` would stay as the server's parent, end first when tini signals the group, and take
# the server down in the middle of its checkpoint. So ask for the command, and become it.
run_server() {
    local options=() server
    [ "${EXTENDED_CONF+yes}" != yes ] || options=(--expand-commands)
    server=$("${as_neo4j[@]}" neo4j console --dry-run "${options[@]}")
    # Printed for a shell to read, quotes included.
    eval "exec ${as_neo4j[*]} $server"
}

refuse() {
    echo "neo4j: $*" >&2
    exit 1
}

# Only what is not neo4j's already: a chown of everything takes long on a big store.
give_to_neo4j() {
    find "$@" \! -user neo4j -exec chown -h neo4j:neo4j {} +
}

adopt_mounts() {
    if [ -d /conf ]; then
        cp -r /conf/. "$home/conf/"
    fi
    if [ -d /ssl ]; then
        rm -rf "$home/certificates"
        ln -s /ssl "$home/certificates"
    fi
    if [ -d /plugins ]; then : "${NEO4J_server_directories_plugins:=/plugins}"; fi
    if [ -d /import ]; then : "${NEO4J_server_directories_import:=/import}"; fi
    if [ -d /licenses ]; then : "${NEO4J_server_directories_licenses:=/licenses}"; fi
}

# NEO4J_a_b__c=v is a.b_c=v. All of them go below a marker that is cut off first, so a container that
# starts again ends with the same file; Neo4j refuses a setting that is declared twice.
write_settings() {
    local marker='# From the container, written anew at each start:'
    local -A value=()
    local variable setting line kept=()

    for variable in $(compgen -v NEO4J_); do
        case $variable in
        NEO4J_AUTH | NEO4J_AUTH_PATH | NEO4J_AUTH_FILE | NEO4J_HOME | NEO4J_EDITION | NEO4J_DEBUG | \
            NEO4J_PLUGINS | NEO4J_ACCEPT_LICENSE_AGREEMENT | NEO4J_SHA256 | NEO4J_TARBALL | \
            NEO4J_DEPRECATION_WARNING) continue ;;
        esac
        [ -n "${!variable}" ] || continue
        [[ ${!variable} != *$'\n'* ]] || refuse "$variable has more than one line"
        setting=${variable#NEO4J_}
        setting=${setting//__/$'\n'}
        setting=${setting//_/.}
        value[${setting//$'\n'/_}]=${!variable}
    done
    if [ "${NEO4J_AUTH:-}" = none ]; then
        value[dbms.security.auth_enabled]=false
    fi

    [ -f "$conf" ] || : >"$conf"
    while IFS= read -r line || [ -n "$line" ]; do
        [ "$line" != "$marker" ] || break
        setting=${line%%=*}
        setting=${setting//[[:space:]]/}
        # The environment wins, but JVM options add up.
        if [ "$setting" = server.jvm.additional ] || [ -z "$setting" ] || [ -z "${value[$setting]+given}" ]; then
            kept+=("$line")
        fi
        # Shadowed below even where the file is only a default.
        declared[${setting:-none}]=1
    done <"$conf"

    {
        [ "${#kept[@]}" = 0 ] || printf '%s\n' "${kept[@]}"
        printf '%s\n' "$marker"
        # The port is published from outside the container, so loopback alone is of no use.
        default server.default_listen_address 0.0.0.0
        default server.memory.pagecache.size 512M
        for setting in $(printf '%s\n' "${!value[@]}" | LC_ALL=C sort); do
            printf '%s=%s\n' "$setting" "${value[$setting]}"
        done
    } >"$conf.new"
    cat "$conf.new" >"$conf" # not a rename: the file may be mounted by itself
    rm -f "$conf.new"
}
declare -A declared=()

# $1=$2 unless the file or the environment says otherwise (value is write_settings' own).
default() {
    [ -n "${declared[$1]:-}" ] || [ -n "${value[$1]:-}" ] || printf '%s=%s\n' "$1" "$2"
}

# Neo4j takes an initial password only while it has no users, which it keeps in database system.
set_initial_password() {
    local auth=${NEO4J_AUTH:-} file=${NEO4J_AUTH_PATH:-${NEO4J_AUTH_FILE:-}} password
    if [ -n "$file" ]; then
        [ -r "$file" ] || refuse "cannot read the password file $file"
        auth=$(<"$file")
    fi
    if [ -z "$auth" ] || [ "$auth" = none ] || [ -e /data/databases/system ]; then
        return
    fi
    local options=()
    case $auth in
    */*/true) options=(--require-password-change) && auth=${auth%/true} ;;
    esac
    # Never the value itself in a message: it would stand in the container's log.
    case $auth in
    neo4j/*/*) refuse "the password in NEO4J_AUTH must not contain '/'" ;;
    neo4j/neo4j) refuse "the password must not be 'neo4j', which is the default" ;;
    neo4j/?*) password=${auth#neo4j/} ;;
    */*) refuse "the user in NEO4J_AUTH must be neo4j" ;;
    *) refuse "NEO4J_AUTH must be neo4j/<password> or none" ;;
    esac
    "${as_neo4j[@]}" neo4j-admin dbms set-initial-password "$password" "${options[@]}"
}

main "$@"
