# The first line of standard input is a key. Prints `NAME DIGEST` for each secret that this container
# is configured with, then `ready`, then becomes the program in the arguments.
#
# A digest is the SHA-256 of the key and of the secret's own SHA-256 in hexadecimal, the form in which
# Redis keeps passwords: digests made with one key can be compared with each other, and say nothing
# without it. No secret is an argument or printed.
set -uo pipefail
IFS= read -r key

tell() {
    local hash
    [ -n "$2" ] && [ "$2" != none ] || return 0
    hash=$(printf %s "$2" | sha256sum)
    hash=$(printf %s "$key${hash%% *}" | sha256sum)
    printf '%s %s\n' "$1" "${hash%% *}"
}

for name in $(compgen -e); do
    value=${!name}
    case ${name^^} in
    TTA_VERIFY_*) ;;
    *_FILE) [ ! -r "$value" ] || tell "$name" "$(<"$value")" ;;
    NEO4J_AUTH)
        value=${value#*/}
        tell "$name" "${value%/true}"
        ;;
    *PASSWORD* | *PASSWD* | *SECRET* | *TOKEN* | *CREDENTIAL* | *API_KEY* | *AUTH) tell "$name" "$value" ;;
    *)
        # A password inside an address.
        if [[ $value =~ ://[^/@]*:([^/@]+)@ ]]; then
            tell "$name" "${BASH_REMATCH[1]}"
        fi
        ;;
    esac
done
for file in /run/secrets/*; do
    [ ! -f "$file" ] || [ ! -r "$file" ] || tell "$file" "$(<"$file")"
done
echo ready
exec "$@"
