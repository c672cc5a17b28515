#!/usr/bin/env bash
# What cardead does in a second and takes in memory at 100 to 100,000 devices, beside what the machine, SQLite and OpenSSL
# do alone in the same run: a UDP echo, a libcoap server, our endpoint with nothing behind it, a bare loop of inserts, a
# bare loop of handshakes. docs/performance.md says what each row means.
#
#   tests/bench/run.sh [--smoke] [BUILD]      BUILD: the build folder, build/plain or build when absent
#
# Everything is done BENCH_ROUNDS times (5), one thing after the other and then all again, so that what else the machine
# does meets all alike; the table has medians. BUILD/bench.json has them too. The status tells whether the ratios hold that
# are promised, all of them of figures of this run, and none of processor time.
#
# --smoke only sees that everything works: few devices, a moment each, no ratio is demanded.
# Each measurement waits until the machine is quiet, for BENCH_PATIENCE (20) seconds at most.
# Also: BENCH_SECONDS (1) of each, BENCH_SIZES, BENCH_DTLS_SIZES, BENCH_PORT (the first of three, one of its own for each run).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

sizes=${BENCH_SIZES:-100 1000 10000 100000} dtls_sizes=${BENCH_DTLS_SIZES:-100 1000 10000 100000}
seconds=${BENCH_SECONDS:-1} rounds=${BENCH_ROUNDS:-5} is_smoke=false window=64 live_most=10000
patience=${BENCH_PATIENCE:-20} noisy=0
if [ "${1:-}" = --smoke ]; then
	is_smoke=true sizes=100 dtls_sizes=20 seconds=0.1 rounds=1 patience=0
	shift
fi
build=${1:-$root/build/plain}
[ -d "$build" ] || build=$root/build
[ -x "$build/tests/bench/bench_load" ] || { echo "no benchmark in $build: build first"; exit 2; }
bench=$build/tests/bench port=${BENCH_PORT:-$((20000 + $$ % 4000 * 3))}

# The load stays off the first core. cardead has two threads that the system places, the others one.
on_server='' on_all='' on_load=''
if [ "$(nproc)" -gt 1 ] && command -v taskset >/dev/null; then
	on_server='taskset -c 0' on_all="taskset -c 0-$(($(nproc) - 1))" on_load="taskset -c 1-$(($(nproc) - 1))"
fi

folder=$(mktemp -d "$build/bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
CARDEA_KEK=$(printf '00%.0s' {1..32})
export CARDEA_KEK

# Busy and all time of the machine so far.
machine_time() { awk '/^cpu / { print $2 + $3 + $4 + $6 + $7 + $8 + $9, $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 }' /proc/stat; }

# Until others leave nine tenths of the machine alone, but for no longer than the patience is.
wait_for_quiet() {
	local until=$((SECONDS + patience)) busy all busy_now all_now
	while [ $SECONDS -lt $until ]; do
		read -r busy all < <(machine_time)
		sleep 0.3
		read -r busy_now all_now < <(machine_time)
		[ $(((busy_now - busy) * 10)) -gt $((all_now - all)) ] || return 0
	done
	noisy=$((noisy + 1))
}

# measure SERVER SIZE PROGRAM...: its lines of key=value become rows with the server and the size
measure() {
	local server=$1 size=$2
	shift 2
	wait_for_quiet
	if ! "$@" >"$folder/lines" 2>"$folder/log"; then
		echo "$server failed with $size devices"
		cat "$folder/log"
		exit 1
	fi
	sed "s/^/server=$server size=$size /" "$folder/lines" >>"$folder/rows"
}

load() { # SERVER SIZE OPERATIONS PROGRAM...
	measure "$1" "$2" $on_load "$bench/bench_load" -p "$2" -s "$seconds" -w $window -o "$3" "$port" "${@:4}"
}

cardead() { # DEVICES-ADDRESSES...
	rm -rf "$folder/data" && mkdir -p "$folder/data" "$folder/empty"
	cardead=($on_all "$bench/bench_server" --data-dir="$folder/data" --http-listen="127.0.0.1:$((port + 2))" --http-no-auth
		--plugin-dir="$folder/empty" --model-dir="$root/server/lwm2m/objects" --log-level=error "$@")
}

echo "load average before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
for ((round = 1; round <= rounds; round++)); do
	for size in $sizes; do
		load echo "$size" echo $on_server "$bench/bench_echo" "$port"
		[ "$size" -gt 10000 ] || load libcoap "$size" first,update $on_server "$bench/bench_libcoap" "$port"
		load endpoint "$size" first,update $on_server "$bench/bench_endpoint" "$port"
		cardead --coap-listen="127.0.0.1:$port" --coaps-listen=
		load cardead "$size" first,register,memory,update,busy,send,observe,notify,read "${cardead[@]}"
		rm -rf "$folder/bare"
		measure sqlite "$size" $on_server "$bench/store_bench" --bare "$folder/bare" "$size" $window
	done
	for size in $dtls_sizes; do
		measure openssl "$size" $on_server "$bench/bench_openssl" "$seconds"
		for mode in live handshake join; do
			[ "$mode" != live ] || [ "$size" -le "$live_most" ] || continue
			cardead --coap-listen= --coaps-listen="127.0.0.1:$port"
			measure dtls "$size" $on_load "$bench/bench_dtls_load" -p "$size" -s "$seconds" -m $mode "$port" "${cardead[@]}"
		done
	done
done
echo "load average after:  $(cut -d' ' -f1-3 /proc/loadavg), $noisy measurements while others used the machine"

jq -nR --argjson largest "${sizes##* }" --argjson largest_dtls "${dtls_sizes##* }" -f "$root/tests/bench/medians.jq" \
	"$folder/rows" >"$build/bench.json"
if $is_smoke; then
	jq -e '[.promises[].value != null] | all' "$build/bench.json" >/dev/null && echo "every row of the table was measured"
	exit
fi
jq -r -f "$root/tests/bench/table.jq" "$build/bench.json"
jq -e '[.promises[].holds] | all' "$build/bench.json" >/dev/null
