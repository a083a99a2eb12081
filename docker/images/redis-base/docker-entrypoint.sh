#!/bin/sh
# Starts a Redis server as the user redis, or whatever else was asked for as it is.
set -eu

case "${1:-}" in
'' | -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "$1" = redis-server ]; then
    # The public image is compiled with protected mode off, because a published port is never
    # loopback inside the container; Debian's package is not. A file's setting, and any later
    # option, still wins: Redis lets the last one stand.
    case "${2:-}" in
    -v | --version | -h | --help | --check-system) ;; # Redis takes these only when alone
    *.conf)
        file=$2
        shift 2
        grep -qi '^[[:space:]]*protected-mode[[:space:]]' "$file" 2>/dev/null ||
            set -- --protected-mode no "$@"
        set -- redis-server "$file" "$@"
        ;;
    *)
        shift
        set -- redis-server --protected-mode no "$@"
        ;;
    esac
    if [ "$(id -u)" = 0 ]; then
        # A bind mount, or a volume copied in, may belong to anyone.
        find . \! -user redis -exec chown redis:redis {} +
        set -- setpriv --reuid=redis --regid=redis --clear-groups -- "$@"
    fi
    # Files in /data are nobody else's business.
    umask 0077
fi
exec "$@"
