# shellcheck shell=bash
# The java command lines of the three launchers and of their training: what makes them start fast.
# Class-data archives (the JVM's CDS) hold the classes parsed and verified; they fit one class path
# and one JVM, and where they do not fit the JVM goes on without them.

tta=/opt/tta
home=${NEO4J_HOME:-/var/lib/neo4j}
export NEO4J_HOME=$home

# Jars one by one and in one order: CDS compares the class path as text, and the wildcard's order is
# the folder's. A signed jar stands there as its copy without a signature (see unsign).
class_path() {
    local LC_ALL=C jar path=
    for jar in "$home"/lib/*.jar; do
        [ ! -e "$tta/jars/${jar##*/}" ] || jar=$tta/jars/${jar##*/}
        path+=:$jar
    done
    printf %s "${path#:}"
}

# Sets java_options for `server`, `admin` or `shell`. The two short-lived ones end before C2 or a
# parallel collector has paid for itself; the server's JVM options are its settings'.
use_archive() {
    java_options=(
        -XX:SharedArchiveFile="$tta/archives/$1.jsa"
        # A misfit is slower, never an error, and not worth a line in every log.
        -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off
    )
    quick_jvm "$1"
}

quick_jvm() {
    [ "$1" = server ] || java_options+=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m)
}

# The launcher of the base image instead, whenever the fast one might mean something else.
plain() {
    exec "$tta/bin/${0##*/}.plain" "$@"
}

# JAVA_OPTS, HEAP_SIZE, NEO4J_DEBUG and NEO4J_CONF change what Neo4j's own launchers do.
plain_is_wanted() {
    [ -n "${TTA_PLAIN_START:-}${JAVA_OPTS:-}${HEAP_SIZE:-}${NEO4J_DEBUG:-}${NEO4J_CONF:-}" ] ||
        [ "${EXTENDED_CONF+yes}" = yes ]
}
