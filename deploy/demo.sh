#!/usr/bin/env bash
# Shows the main job on one machine: installs what is missing, builds, starts a server and a device with a simulated
# secure element, installs an application on it over DTLS, and tells what was done. Stays up until Ctrl-C.
#
#   deploy/demo.sh [--once]       --once leaves when done, with status 0 only if all of it worked
#
# Everything is kept below build/demo and listens on 127.0.0.1 only. It may be run again and again.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/build/demo
run=$root/run

endpoint=urn:dev:demo-1
package_aid=A000000999010001
applet_aid=A00000099901000101

case "${1:-}" in
'') is_once=false ;;
--once) is_once=true ;;
*)
	echo "usage: deploy/demo.sh [--once]" >&2
	exit 2
	;;
esac

step() { printf '\n== %s\n' "$*"; }
say() { printf '   %s\n' "$*"; }
fail() {
	printf '\nThe demo failed: %s\n' "$*" >&2
	[ -s "$run/cardead.log" ] && tail -n 20 "$run/cardead.log" >&2
	exit 1
}

# ---- processes, ended by their ids ----

pids=()

# end PID: asks it to end, makes it after five seconds
end() {
	kill "$1" 2>/dev/null || return 0
	for _ in {1..50}; do
		[ -d "/proc/$1" ] || return 0
		sleep 0.1
	done
	kill -9 "$1" 2>/dev/null || true
}

end_own() {
	local pid
	for pid in "${pids[@]}"; do end "$pid"; done
}
trap end_own EXIT
trap 'exit 130' INT TERM

# What an earlier demo left behind, when it was killed or still stays up.
end_earlier() {
	local file pid
	for file in "$run"/*.pid; do
		[ -f "$file" ] || continue
		pid=$(<"$file")
		# A number may be somebody else's by now.
		if [[ $(readlink "/proc/$pid/exe" 2>/dev/null) == "$root"/* ]]; then end "$pid"; fi
	done
}

# start NAME PROGRAM ARGUMENT...: its output goes to NAME.log, its id to NAME.pid
start() {
	"${@:2}" >"$run/$1.log" 2>&1 &
	pids+=($!)
	echo $! >"$run/$1.pid"
}

# wait_for NAME EXPRESSION: a line in its log; false when it ends before
wait_for() {
	for _ in {1..600}; do
		grep -q "$2" "$run/$1.log" && return 0
		kill -0 "$(<"$run/$1.pid")" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

# ---- REST ----

# rest METHOD PATH [CURL OPTION...]: the body of the answer; anything but success ends the demo
rest() {
	local status
	status=$(curl -sS -o "$run/answer" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $token" "${@:3}" "$api$2") ||
		fail "$1 $2: no answer"
	[[ $status == 2* ]] || fail "$1 $2: $status $(<"$run/answer")"
	cat "$run/answer"
}
rest_json() { rest "$1" "$2" -H 'Content-Type: application/json' -d "$3"; }

# perform OPERATION PARAMETERS: makes a job, waits for its end, leaves it in $job
perform() {
	local id
	id=$(rest_json POST "/devices/$endpoint/operations" "{\"operation\": \"$1\", \"params\": $2}" | jq -r .id)
	for _ in {1..600}; do
		job=$(rest GET "/jobs/$id")
		case $(jq -r .state <<<"$job") in
		succeeded) return 0 ;;
		failed | unknown | cancelled) fail "job $id, $1: $(jq -c .error <<<"$job")" ;;
		esac
		sleep 0.1
	done
	fail "job $id, $1, did not end within a minute"
}

tell_audit() {
	jq -r '.result.secureElement | [
		"security domain \(.securityDomainAidHex), \(.issuerSecurityDomain.state), \(.cardData.secureChannels[0].protocol)",
		"free memory     \(.resources.freeNonVolatileBytes) bytes",
		(.loadFiles[] | "load file       \(.aidHex), version \(.version), \(.state)"),
		(.applications[] | "application     \(.aidHex), \(.state)"),
		(if .applications == [] then "application     none" else empty end)
	] | .[] | "   " + .' <<<"$job"
}

random_hex() { od -An -tx1 -v -N"$1" /dev/urandom | tr -d ' \n'; }

# ---- build ----

deploy/install-packages.sh --without-tests
step "Building in build/demo"
mkdir -p "$root"
if [ ! -f "$root/build.ninja" ]; then
	meson setup "$root" --buildtype=release >"$root/build.log" 2>&1 || { cat "$root/build.log"; exit 1; }
fi
ninja -C "$root" server/cardead tests/device/cardea-device tests/e2e/make_cap plugins/se/se.so >"$root/build.log" 2>&1 ||
	{ tail -n 40 "$root/build.log"; exit 1; }

# ---- start ----

end_earlier
rm -rf "$run"
mkdir -p "$run/data" "$run/device"
chmod 700 "$run" "$run/data" "$run/device"
(umask 077 && head -c 32 /dev/urandom >"$run/kek")

start_server() {
	start cardead "$root/server/cardead" --data-dir="$run/data" --kek-file="$run/kek" --plugin-dir="$root/plugins/se" \
		--model-dir="$PWD/server/lwm2m/objects" --coap-listen="127.0.0.1:$1" --coaps-listen="127.0.0.1:$2" \
		--http-listen="127.0.0.1:$3"
	wait_for cardead '^ready$'
}
step "Starting cardead"
# The ports that everybody knows, or any when they are taken.
start_server 5683 5684 8080 || { pids=() && start_server 0 0 0; } || fail "cardead does not start"
address_of() { sed -n "s,^listening \($1://.*\),\1,p" "$run/cardead.log"; }
coaps=$(address_of coaps)
api=$(address_of http)/api/v1
token=$(<"$run/data/admin.token")
say "CoAP       $(address_of coap)"
say "CoAP/DTLS  $coaps"
say "REST       $api"

step "Giving the server the keys of the device: a pre-shared key for DTLS, an SCP03 key set for its secure element"
psk=$(random_hex 16)
card_key=$(random_hex 16)
rest_json PUT "/credentials/$endpoint" "{\"kind\": \"psk\", \"identity\": \"demo\", \"keyHex\": \"$psk\"}"
rest_json PUT "/devices/$endpoint/keysets" \
	"{\"kind\": \"scp03\", \"version\": 48, \"encHex\": \"$card_key\", \"macHex\": \"$card_key\", \"dekHex\": \"$card_key\"}"
rest GET "/devices/$endpoint/keysets" |
	jq -r '.items[] | "   stored: \(.kind) version \(.version), check values \(.checkValues | [.enc, .mac, .dek] | join(" "))"'

step "Starting cardea-device, which registers over DTLS"
start device "$root/tests/device/cardea-device" --server="$coaps" --endpoint="$endpoint" --psk-identity=demo \
	--psk-key="$psk" --se-key="$card_key" --state="$run/device"
wait_for device '^registered ' || fail "the device does not register: $(<"$run/device.log")"
rest GET "/devices/$endpoint" | jq -r '
	"   \(.endpoint) at \(.address), LwM2M \(.version), for \(.lifetime) s",
	"   objects " + ([.objects[] | "/\(.object)/\(.instance // "")"] | join(" "))'
rest GET "/devices/$endpoint/lwm2m/3/0" | jq -r '
	[.resources[] | select(.path == "/3/0/0" or .path == "/3/0/1") | .value] | "   device object: " + join(", ")'

# ---- the main job ----

step "Uploading a load file (a CAP file made for this demo)"
"$root/tests/e2e/make_cap" --package-aid=$package_aid --applet-aid=$applet_aid --size=6000 "$run/hello.cap"
package=$(rest POST "/packages?kind=se-load-file&name=hello.cap" -H 'Content-Type: application/octet-stream' \
	--data-binary "@$run/hello.cap")
jq -r '"   package \(.id): \(.size) bytes, SHA-256 \(.sha256Hex[0:16])...; load file \(.description.aidHex), applet \(.description.appletAidsHex[0])"' \
	<<<"$package"

step "se.audit: what is on the secure element?"
perform se.audit '{}'
tell_audit

step "se.install: load the file and install the application"
perform se.install "{\"package\": \"$(jq -r .id <<<"$package")\"}"
jq -r '"   job \(.id) \(.state): \(.result.loadFileBytes) bytes loaded in \(.result.scripts) scripts over \(.result.sessions) secure channel, security level \(.result.securityLevel)"' \
	<<<"$job"
say "what went to the secure element and came back, from its trace:"
rest GET "/jobs/$(jq -r .id <<<"$job")/trace?limit=1000" | jq -r '
	.items[] | select(.layer == "apdu") | .text |= sub("^LOAD block [0-9A-F]+"; "LOAD block")
	| "     " + (if .direction == "command" then "> " else "< " end) + .text' | uniq -c |
	sed -E 's/^ *1 //; s/^ *([0-9]+) (.*)$/\2   (\1 times)/'

step "se.install again: nothing is done twice"
perform se.install "{\"package\": \"$(jq -r .id <<<"$package")\"}"
[ "$(jq -r .result.alreadyInstalled <<<"$job")" = true ] || fail "the second installation did something"
say "job $(jq -r .id <<<"$job") $(jq -r .state <<<"$job"): it was there already"

step "se.audit: and now?"
perform se.audit '{}'
tell_audit
jq -e --arg aid $applet_aid '[.result.secureElement.applications[] | select(.aidHex == $aid and .state == "selectable")] | length == 1' \
	<<<"$job" >/dev/null || fail "the application is not there"

step "Done: all of it worked"
say "REST API   $api     (described by $api/openapi.json)"
say "token      $run/data/admin.token"
say "try        curl -H \"Authorization: Bearer \$(cat $run/data/admin.token)\" $api/devices"
say "logs       $run/cardead.log, $run/device.log"
$is_once && exit 0
printf '\nServer and device stay up until Ctrl-C.\n'
wait -n "${pids[@]}" || true
fail "server or device ended"
