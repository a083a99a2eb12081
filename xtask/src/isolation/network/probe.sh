# Asks from inside a container, all side by side, what the lines on standard input say:
#   control ID HOST PORT    its own servers: how long these take is how long the others may
#   connect ID HOST PORT
#   control-name ID NAME
#   name ID NAME
#   discovery ID            what the server in this container tells of itself over HTTP
#   patience CONTROLS OTHERS    how many microseconds each kind is given at most; it comes first
# and answers, a line each: ID open | ID refused | ID closed | ID silent | ID names A,B | ID said TEXT; then
# `listen ADDRESS:PORT` in the kernel's hexadecimal, and `end MICROSECONDS` for the deadline.
LC_ALL=C

# An unnamed pipe that neither end of can be closed by a child that is killed.
exec {answers}<> <(:)
children=()

# That nobody listens is told from that there is no way, over IPv6: an address that was given a
# moment ago has none yet. bash has no word for it but its message, so that it is tried once more.
connect() {
    if { : 3<>"/dev/tcp/$2/$3"; } 2>/dev/null; then
        echo "$1 open" >&"$answers"
    elif [[ $2 = *:* && $({ : 3<>"/dev/tcp/$2/$3"; } 2>&1) = *'Connection refused'* ]]; then
        echo "$1 refused" >&"$answers"
    else
        echo "$1 closed" >&"$answers"
    fi
}

name() {
    local address rest all=
    while read -r address rest; do
        [[ ,$all, = *",$address,"* ]] || all+=${all:+,}$address
    done < <(getent ahosts "$2" 2>/dev/null)
    echo "$1 names ${all:--}" >&"$answers"
}

discovery() {
    local reply=
    if { exec 3<>/dev/tcp/127.0.0.1/7474; } 2>/dev/null; then
        printf 'GET / HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n' >&3
        IFS= read -r -d '' -t 5 -u 3 reply
    fi
    reply=${reply#*$'\r\n\r\n'}
    reply=${reply//[$'\r\n']/ }
    echo "$1 said ${reply:0:2000}" >&"$answers"
}

micros() { local now=$EPOCHREALTIME; REPLY=${now/./}; }

# Tells, as a line of its own, how long its own server took.
control() {
    local began
    micros
    began=$REPLY
    connect "$@"
    micros
    echo "took $((REPLY - began))" >&"$answers"
}

start() {
    local kind id rest
    read -r kind id rest <<<"$1"
    # The words of a line are addresses, ports and names.
    # shellcheck disable=SC2086
    "${kind#control-}" "$id" $rest </dev/null >/dev/null &
    children+=($!)
    waiting[$id]=1
}

# collect MICROSECONDS [controls]: prints what is answered in time, or until all controls are.
collect() {
    local left answer began
    micros
    began=$REPLY
    while [ "${#waiting[@]}" -gt 0 ]; do
        [ -z "${2:-}" ] || [ "${#controls[@]}" -gt 0 ] || [ "$took" -lt "$expected" ] || return 0
        micros
        left=$((began + $1 - REPLY))
        [ "$left" -gt 0 ] || return 0
        printf -v left '%d.%06d' $((left / 1000000)) $((left % 1000000))
        read -r -t "$left" -u "$answers" answer || return 0
        if [[ $answer = 'took '* ]]; then
            took=$((took + 1))
            [ "${answer#took }" -le "$slowest" ] || slowest=${answer#took }
        else
            printf '%s\n' "$answer"
            unset "waiting[${answer%% *}]" "controls[${answer%% *}]"
        fi
    done
}

# The controls come last: once they are answered, all others have been on their way for at least as
# long.
main() {
    local line last=() took=0 expected=0 slowest=0 budget id patience=5000000 most=6000000
    local -A waiting=() controls=()
    while IFS= read -r line; do
        case $line in
        patience\ *) read -r _ patience most <<<"$line" ;;
        control\ *) last+=("$line") expected=$((expected + 1)) ;;
        control-name\ * | discovery\ *) last+=("$line") ;;
        *) start "$line" ;;
        esac
    done
    for line in "${last[@]}"; do
        start "$line"
        id=${line#* }
        controls[${id%% *}]=1
    done
    collect "$patience" controls
    # All others have been on their way before the controls, and a refusal or an answer takes them no
    # longer: what is waited for is a process that does not get its turn.
    budget=$((slowest * 8))
    ((budget >= 300000)) || budget=300000
    # Whoever reads this takes no silence for an answer that had to be cut off here.
    ((budget <= most)) || budget=$most
    collect "$budget"
    for id in "${!waiting[@]}"; do
        echo "$id silent"
    done
    disown -a
    kill -9 "${children[@]}" 2>/dev/null
    local address state rest
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ address _ state rest; do
        [ "$state" != 0A ] || echo "listen $address"
    done
    echo "end $budget"
}

main
