#!/usr/bin/env bash
# Shows the main job of Cardea on this machine: a server, a device with a Secure Element, and an application that gets
# installed on it through REST.
#
#   deploy/demo.sh          does it, prints what happened and the addresses, stays up until Ctrl-C
#   deploy/demo.sh --once   does it and leaves; status 0 only if all of it worked
#
# Everything that it makes is below build/demo. It may be run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."
once=false
case ${1:-} in
'') ;;
--once) once=true ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

build=build/demo run=build/demo/run
endpoint=urn:dev:os:32473-demo
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'demo: %s\n' "$*" >&2; tail -n 20 "$run"/*.log >&2 || true; exit 1; }

# ---- build ----

deploy/install-packages.sh
mkdir -p "$build"
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" --buildtype=release -Db_ndebug=false >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
fi
meson compile -C "$build" cardead plugins cardea-device make_cap >"$build.log" 2>&1 || { tail -n 40 "$build.log" >&2; exit 1; }

# ---- start ----

rm -rf "$run"
mkdir -p "$run/plugins"
find "$PWD/$build/plugins" -name '*.so' -exec ln -s {} "$run/plugins/" \;
(umask 077; head -c 32 /dev/urandom >"$run/kek")

pids=()
stop() {
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

# wait_for FILE PATTERN: until a line of the file matches, at most 15 s
wait_for() {
	local i
	for i in $(seq 150); do
		grep -qE "$2" "$1" 2>/dev/null && return
		kill -0 "${pids[-1]}" 2>/dev/null || break
		sleep 0.1
	done
	fail "no line \"$2\" in $1"
}

"$build/server/cardead" --data-dir="$run/data" --kek-file="$run/kek" --plugin-dir="$run/plugins" \
	--model-dir=server/lwm2m/objects --coap-listen='[::1]:0' --coaps-listen='[::1]:0' --http-listen='127.0.0.1:0' \
	>"$run/server.out" 2>"$run/server.log" &
pids+=($!)
wait_for "$run/server.out" '^ready$'
coaps=$(sed -n 's/^listening \(coaps:.*\)/\1/p' "$run/server.out")
rest=$(sed -n 's/^listening \(http:.*\)/\1/p' "$run/server.out")/api/v1
token=$(cat "$run/data/admin.token")

# call METHOD PATH [CURL OPTION ...]: prints the answer, fails on an error status
call() {
	local method=$1 path=$2
	shift 2
	curl -sS --fail-with-body -X "$method" -H "Authorization: Bearer $token" "$@" "$rest$path" || {
		printf '\n' >&2
		fail "$method $path was refused"
	}
}
json() { call "$1" "$2" -H 'Content-Type: application/json' --data "$3"; }

# do_job OPERATION PARAMS: runs an operation on the device to its end; the job is in $job
do_job() {
	local id state
	id=$(json POST "/devices/$endpoint/operations" "{\"operation\": \"$1\", \"params\": $2}" | jq -r .id)
	while job=$(call GET "/jobs/$id") && state=$(jq -r .state <<<"$job"); do
		case $state in
		succeeded) break ;;
		failed | unknown | cancelled) jq . <<<"$job" >&2; fail "$1 ended as $state" ;;
		esac
		sleep 0.1
	done
	printf '  %s: job %s %s after %s steps\n' "$1" "$id" "$state" "$(jq -r .steps <<<"$job")"
}
applications() {
	call GET "/devices/$endpoint/secure-elements" |
		jq -r '.items[].content.applications[]? | "  application \(.aidHex), \(.state)"'
}

# ---- the main job ----

say "1. A device registers over DTLS with a pre-shared key"
key=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
json PUT "/credentials/$endpoint" "{\"kind\": \"psk\", \"identity\": \"$endpoint\", \"keyHex\": \"$key\"}"
"$build/tests/device/cardea-device" --server "$coaps" --endpoint "$endpoint" --psk-key "$key" --state "$run/device" \
	>"$run/device.out" 2>"$run/device.log" &
pids+=($!)
wait_for "$run/device.out" '^registered '
call GET "/devices/$endpoint" | jq -r '"  \(.endpoint) at \(.address), lifetime \(.lifetime) s"'

say "2. The operator stores the key set of the card and uploads a load file"
scp=404142434445464748494A4B4C4D4E4F
json PUT "/devices/$endpoint/keysets" \
	"{\"kind\": \"scp03\", \"version\": 48, \"encHex\": \"$scp\", \"macHex\": \"$scp\", \"dekHex\": \"$scp\"}"
"$build/tests/e2e/make_cap" --package-aid D276000177100211 --applet-aid D27600017710021101 --size 6000 "$run/demo.cap"
package=$(call POST '/packages?kind=se-load-file&name=demo.cap' -H 'Content-Type: application/octet-stream' \
	--data-binary "@$run/demo.cap" | jq -r .id)
call GET "/packages/$package" | jq -r '"  package \(.id): \(.description.aidHex) version \(.description.version), \(.size) bytes"'

say "3. What is on the Secure Element"
do_job se.audit '{}'
call GET "/devices/$endpoint/secure-elements" | jq -r '.items[].content |
	"  \(.identifier), \(.issuerSecurityDomain.state), free \(.resources.freeNonVolatileBytes) bytes",
	(.loadFiles[] | "  load file \(.aidHex)")'
[ -z "$(applications)" ] || fail "there is an application before the installation"

say "4. Install the application over SCP03"
do_job se.install "{\"package\": \"$package\"}"
id=$(jq -r .id <<<"$job")
jq -r '.result | "  \(.loadFileBytes) bytes in \(.scripts) scripts, security level \(.securityLevel)"' <<<"$job"
call GET "/jobs/$id/trace?limit=1000" | jq -r '.items[] | select(.layer == "gp") | "  > \(.text)"' | head -n 6
printf '  ... %s lines of trace at %s/jobs/%s/trace\n' \
	"$(call GET "/jobs/$id/trace?limit=1000" | jq '.items | length')" "$rest" "$id"

say "5. What is on the Secure Element now"
do_job se.audit '{}'
applications
[ "$(applications | wc -l)" -eq 1 ] || fail "there is not exactly one application"

say "All of it worked."
$once && exit 0
cat <<END
  REST   $rest        (token in $run/data/admin.token)
  try    curl -H "Authorization: Bearer \$(cat $run/data/admin.token)" $rest/devices
  Ctrl-C ends server and device.
END
wait
