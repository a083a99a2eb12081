# shellcheck shell=bash
# Reads neo4j.conf as far as starting the server's JVM needs it. Fails where it is not sure to read
# it as Neo4j does; the caller then leaves the start to Neo4j's own launcher.

# Sets server_jvm (array) from the file $1, below the home folder $2.
read_settings() {
    local line key value plugins=$2/plugins
    local -a additional=()
    server_jvm=()
    heap=()
    while IFS= read -r line || [ -n "$line" ]; do
        # shellcheck disable=SC2016 # the text, not an expansion
        case $line in
        *'$('* | *\\*) return 1 ;; # a command to expand; an escape or a continued line
        esac
        line=${line#"${line%%[![:space:]]*}"}
        case $line in
        '' | '#'* | '!'*) continue ;;
        *=*) ;;
        *) return 1 ;; # the format also allows ':' and ' ' as separators
        esac
        key=${line%%=*}
        key=${key%"${key##*[![:space:]]}"}
        value=${line#*=}
        value=${value#"${value%%[![:space:]]*}"}
        value=${value%"${value##*[![:space:]]}"}
        case $key in
        *[!A-Za-z0-9_.-]*) return 1 ;;
        server.jvm.additional)
            case $value in *[\"\']*) return 1 ;; esac
            read -ra additional <<<"$value"
            server_jvm+=("${additional[@]}")
            ;;
        server.memory.heap.initial_size) memory -Xms "$value" || return 1 ;;
        server.memory.heap.max_size) memory -Xmx "$value" || return 1 ;;
        server.directories.plugins)
            plugins=$value
            [[ $value = /* ]] || plugins=$2/$value
            ;;
        # They change the command line in ways that nobody here needs.
        server.directories.lib | server.directories.neo4j_home | server.directories.run | server.logs.gc.*) return 1 ;;
        esac
    done <"$1" || return 1
    # Neo4j puts what lies in these folders on the class path.
    ! compgen -G "$plugins/*.jar" >/dev/null && ! compgen -G "$2/conf/*.jar" >/dev/null || return 1
    # In Neo4j's own order: later options win in the JVM.
    server_jvm+=(-Dfile.encoding=UTF-8 "${heap[@]}")
}

# Whole numbers in a unit that the JVM reads too; Neo4j alone knows MiB.
memory() {
    [[ $2 =~ ^[0-9]+[kKmMgG]?$ ]] || return 1
    heap+=("$1$2")
}
