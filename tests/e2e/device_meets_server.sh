#!/usr/bin/env bash
# The reference device and cardead, which share no LwM2M code, over real sockets: registration on every transport,
# operations, queue mode, a bad network, and a device or server that is killed.
#
#   tests/e2e/device_meets_server.sh CARDEAD CARDEA-DEVICE MODEL-DIR
set -uo pipefail
cardead=$1 device=$2 models=$3
work=$(mktemp -d)
key=000102030405060708090A0B0C0D0E0F
CARDEA_KEK=$(printf '%064d' 1)
export CARDEA_KEK
failed=0
declare -A pids=()

finish() {
	for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null; done
	rm -rf "$work"
}
trap finish EXIT

# until_true SECONDS COMMAND...: as soon as the command succeeds
until_true() {
	local end=$((SECONDS + $1))
	until "${@:2}"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# start_server COAP COAPS: on these ports, 0 for any
start_server() {
	mkdir -p "$work/data"
	rm -f "$work/server.out"
	"$cardead" --data-dir "$work/data" --coap-listen "127.0.0.1:$1,[::1]:$1" --coaps-listen "127.0.0.1:$2,[::1]:$2" \
		--http-listen 127.0.0.1:0 --http-no-auth --ack-timeout-ms 300 --max-retransmit 2 --plugin-dir "$work/data" --model-dir "$models" \
		>"$work/server.out" 2>>"$work/server.log" &
	pids[server]=$!
	disown
	until_true 10 grep -qs '^ready' "$work/server.out" || { cat "$work/server.log"; exit 1; }
	coap4=$(grep -o 'coap://127.0.0.1:[0-9]*' "$work/server.out")
	coap6=$(grep -o 'coap://\[::1\]:[0-9]*' "$work/server.out")
	coaps4=$(grep -o 'coaps://127.0.0.1:[0-9]*' "$work/server.out")
	coaps6=$(grep -o 'coaps://\[::1\]:[0-9]*' "$work/server.out")
	api=$(grep -o 'http://.*' "$work/server.out")/api/v1
}

# start_device NAME OPTION...
start_device() {
	rm -f "$work/$1.out"
	"$device" --endpoint "$1" --log warn --retry-ms 100 "${@:2}" >"$work/$1.out" 2>"$work/$1.log" &
	pids[$1]=$!
	disown
}

has_line() { grep -qs "$2" "$work/$1.out"; }
rest() { curl -s -m 20 -H 'Content-Type: application/json' "$@"; }
read_value() { rest "$api/devices/$1/lwm2m/$2" | jq -r '.resources[0].value'; }
reads() { [ "$(read_value "$1" "$2")" = "$3" ]; }
status() { rest -o /dev/null -w '%{http_code}' "$@"; }
answers() { [ "$(status "${@:2}")" = "$1" ]; }
is_unknown() { answers 404 "$api/devices/$1"; }

claim() {
	if "${@:2}"; then
		echo "ok      $1"
	else
		echo "FAILED  $1"
		failed=$((failed + 1))
	fi
}

start_server 0 0
rest -X PUT "$api/credentials/secure4" -d "{\"kind\":\"psk\",\"identity\":\"secure4\",\"keyHex\":\"$key\"}"
rest -X PUT "$api/credentials/secure6" -d "{\"kind\":\"psk\",\"identity\":\"secure6\",\"keyHex\":\"$key\"}"
start_device plain4 --server "$coap4"
start_device plain6 --server "$coap6" --version 1.0 --state "$work/state"
start_device secure4 --server "$coaps4" --psk-key $key --lifetime 3
start_device secure6 --server "$coaps6" --psk-key $key
start_device stranger --server "$coaps4" --psk-key $key

for name in plain4 plain6 secure4 secure6; do
	claim "$name registers" until_true 10 has_line $name '^registered'
	claim "$name is read" reads $name 3/0/2 $name
done
claim "who has no key does not register" is_unknown stranger
claim "an update is sent before the lifetime is over" until_true 10 has_line secure4 '^updated'

claim "a resource is written" answers 204 -X PUT "$api/devices/plain4/lwm2m/3/0/14" -d '{"value":"+02:00"}'
claim "and has the value" reads plain4 3/0/14 +02:00
claim "a resource is written to a 1.0 device" answers 204 -X PUT "$api/devices/plain6/lwm2m/3/0/14" -d '{"value":"+03:00"}'
claim "and has the value there" reads plain6 3/0/14 +03:00
claim "what is not there is not found" answers 404 "$api/devices/plain4/lwm2m/3/0/99"
claim "an observation is established" answers 200 -X PUT "$api/devices/plain4/lwm2m/3/0/14/observe"

kill -9 "${pids[plain6]}"
start_device plain6 --server "$coap6" --version 1.0 --state "$work/state"
claim "a killed device comes back" until_true 10 has_line plain6 '^registered'
claim "with what was written" reads plain6 3/0/14 +03:00

start_device sleeper --server "$coap4" --queue-mode --awake-ms 300 --wake-every-ms 1500
claim "a sleeping device registers" until_true 10 has_line sleeper '^registered'
sleep 0.6
claim "and is read when it wakes" until_true 20 reads sleeper 3/0/2 sleeper

start_device lossy --server "$coap4" --drop 15 --duplicate 20 --corrupt 2 --delay-ms 20 --ack-timeout-ms 1000
claim "a device registers through a bad network" until_true 30 has_line lossy '^registered'

kill -TERM "${pids[secure6]}"
claim "a device that ends says so" until_true 10 has_line secure6 '^deregistered'
claim "and is forgotten" until_true 10 is_unknown secure6

kill -9 "${pids[server]}"
until_true 10 is_gone "${pids[server]}" # and with it the lock on its data
start_server "${coap4##*:}" "${coaps4##*:}"
claim "a server that was killed still knows its device" answers 200 "$api/devices/plain4"
claim "and reads it" until_true 20 reads plain4 3/0/14 +02:00

[ $failed -eq 0 ] || tail -n 20 "$work"/*.log
exit $failed
