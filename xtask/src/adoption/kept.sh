# kept.sh ORDER: the volume at /from, and its copy at /to.
#
#   keep    makes the copy; one that is whole is compared, and never written over
#   whole   exits 0 where the copy is whole and has all that /from has
#
# The mark is made last: a copy without it is one that somebody killed on the way, and begun anew.
# Exits 70 where the copy is another one's or an older state's. /from is mounted read-only.
set -euo pipefail
mark=.tta-kept

# Every file with its content, and every name with its kind, owner, mode and where it leads. A volume
# that was kept before, and copied back, has a mark of its own.
sums() {
    cd "$1" && {
        find . -type f ! -path "./$mark" -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
        find . -mindepth 1 ! -path "./$mark" -printf '%P %y %m %U %G %l\0' | LC_ALL=C sort -z
    } | sha256sum
}

same() {
    was=$(sums /from) && is=$(sums /to) && [ "$was" = "$is" ]
}

case $1 in
keep)
    if [ -e "/to/$mark" ]; then
        same || exit 70
        exit 0
    fi
    find /to -mindepth 1 -delete
    find /from -mindepth 1 -maxdepth 1 ! -name "$mark" -exec cp -a -t /to -- {} +
    chown --reference=/from /to
    chmod --reference=/from /to
    same || { echo 'the copy differs from its source' >&2; exit 1; }
    sync
    touch "/to/$mark"
    sync
    ;;
whole)
    [ -e "/to/$mark" ] || exit 70
    same || exit 70
    ;;
*)
    echo "kept.sh: no order $1" >&2
    exit 2
    ;;
esac
