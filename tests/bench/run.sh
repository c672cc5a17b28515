#!/usr/bin/env bash
# Registration updates per second of cardead, beside a bare UDP echo, a libcoap server and our endpoint without anything
# behind it, at 100, 10,000 and 100,000 live peers; then the endpoint with DTLS. All figures of a table are from one run
# on one machine: read the ratios.
#
#   tests/bench/run.sh [--smoke] [BUILD]      BUILD: the build folder, build/plain or build when absent
#
# --smoke only sees that everything works: few peers, a moment each. Else the status tells whether cardead holds what it
# promises: at 100,000 peers at least 0.8 of its updates per second at 100 peers, and 0.4 of the echo's. Where others use
# the machine too, the processor time per update is what can be compared, so that may show it as well.
# BENCH_SECONDS (2), BENCH_ROUNDS (5) and BENCH_PORT (the first of three; one of its own for each run) may be set.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

sizes="100 10000 100000" libcoap_sizes="100 10000" dtls_sizes="100 10000"
seconds=${BENCH_SECONDS:-2} rounds=${BENCH_ROUNDS:-5} is_smoke=
if [ "${1:-}" = --smoke ]; then
	is_smoke=1 sizes=100 libcoap_sizes=100 dtls_sizes=20 seconds=0.2 rounds=1
	shift
fi
build=${1:-$root/build/plain}
[ -d "$build" ] || build=$root/build
[ -x "$build/tests/bench/bench_load" ] || { echo "no benchmark in $build: build first"; exit 2; }
bench=$build/tests/bench port=${BENCH_PORT:-$((20000 + $$ % 4000 * 3))}

# One core for the server, the others for the load.
on_server='' on_load=''
if [ "$(nproc)" -gt 1 ] && command -v taskset >/dev/null; then
	on_server='taskset -c 0' on_load="taskset -c 1-$(($(nproc) - 1))"
fi

folder=$(mktemp -d "$build/bench.XXXXXX")
server=
stop_server() {
	[ -z "$server" ] && return
	kill "$server" 2>/dev/null || true
	wait "$server" 2>/dev/null || true
	server=
}
trap 'stop_server; rm -rf "$folder"' EXIT

start_server() {
	case $1 in
	echo) $on_server "$bench/bench_echo" "$port" & ;;
	libcoap) $on_server "$bench/bench_libcoap" "$port" & ;;
	endpoint) $on_server "$bench/bench_endpoint" "$port" $((port + 1)) 2>"$folder/endpoint.log" & ;;
	cardead)
		rm -rf "$folder/data" && mkdir -p "$folder/data" "$folder/empty"
		CARDEA_KEK=$(printf '00%.0s' {1..32}) $on_server "$build/server/cardead" --data-dir="$folder/data" \
			--coap-listen="127.0.0.1:$port" --coaps-listen= --http-listen="127.0.0.1:$((port + 2))" --http-no-auth \
			--plugin-dir="$folder/empty" --model-dir="$folder/empty" --log-level=error >"$folder/cardead.log" 2>&1 &
		;;
	esac
	server=$!
	for _ in $(seq 100); do
		grep -qs ":$(printf %04X "$port") " /proc/net/udp /proc/net/udp6 && return
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	echo "$1 does not start"
	cat "$folder"/*.log 2>/dev/null
	exit 2
}

value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$2"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'; }

declare -A updates cpu
printf '%-10s %8s %12s %8s %8s %12s %10s %10s\n' server peers updates/s of_100 of_echo cpu_ns/update median_us 99%_us
for name in echo libcoap endpoint cardead; do
	if [ "$name" = cardead ] && [ ! -x "$build/server/cardead" ]; then
		echo "cardead is not built: left out"
		continue
	fi
	for peers in $([ "$name" = libcoap ] && echo "$libcoap_sizes" || echo "$sizes"); do
		start_server "$name"
		mode=(-p "$peers" -s "$seconds" -r "$rounds" -c "$server")
		[ "$name" = echo ] && mode+=(-e)
		if ! result=$($on_load "$bench/bench_load" "${mode[@]}" "$port"); then
			echo "$name failed at $peers peers"
			cat "$folder"/*.log 2>/dev/null
			exit 1
		fi
		stop_server
		updates[$name,$peers]=$(value updates_per_s "$result") cpu[$name,$peers]=$(value cpu_ns "$result")
		printf '%-10s %8s %12s %8s %8s %12s %10s %10s\n' "$name" "$peers" "${updates[$name,$peers]}" \
			"$(ratio "${updates[$name,$peers]}" "${updates[$name,100]}")" \
			"$(ratio "${updates[$name,$peers]}" "${updates[echo,$peers]}")" \
			"$(value cpu_ns "$result")" "$(value median_us "$result")" "$(value slow_us "$result")"
	done
done

resident_kib() { awk '/VmRSS/ { print $2 }' "/proc/$server/status"; }
printf '\n%-10s %8s %12s %12s %16s\n' DTLS peers handshakes/s updates/s bytes/session
for peers in $dtls_sizes; do
	start_server endpoint
	before=$(resident_kib)
	result=$($on_load "$bench/bench_dtls_load" -p "$peers" -s "$seconds" $((port + 1)))
	after=$(resident_kib)
	stop_server
	printf '%-10s %8s %12s %12s %16s\n' endpoint "$peers" "$(value handshakes_per_s "$result")" \
		"$(value updates_per_s "$result")" $(((after - before) * 1024 / peers))
done

[ -n "$is_smoke" ] && exit 0
[ -n "${updates[cardead,100000]:-}" ] || exit 0
of_100=$(ratio "${updates[cardead,100000]}" "${updates[cardead,100]}")
of_echo=$(ratio "${updates[cardead,100000]}" "${updates[echo,100000]}")
cpu_of_100=$(ratio "${cpu[cardead,100]}" "${cpu[cardead,100000]}")
cpu_of_echo=$(ratio "${cpu[echo,100000]}" "${cpu[cardead,100000]}")
printf '\ncardead at 100,000 peers: %s of 100 peers (wanted: 0.80), %s of the echo (wanted: 0.40)\n' "$of_100" "$of_echo"
printf 'by processor time:        %s of 100 peers,                %s of the echo\n' "$cpu_of_100" "$cpu_of_echo"
awk -v a="$of_100" -v b="$of_echo" -v c="$cpu_of_100" -v d="$cpu_of_echo" \
	'BEGIN { exit !((a >= 0.8 && b >= 0.4) || (c >= 0.8 && d >= 0.4)) }'
