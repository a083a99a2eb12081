# Becomes redis-cli: as the admin of this container's own start where it has one, and as nobody in
# particular where it has none, as anyone would who gets into it. Says first which.
unset REDISCLI_AUTH
if [ -r /run/tta/admin ] && command -v tta-redis-admin >/dev/null; then
    echo admin
    exec tta-redis-admin
fi
echo plain
exec redis-cli --no-auth-warning
