#!/usr/bin/env bash
# Runs a test with the clients of package-lock.json, which it fetches into the build folder when they are not there yet.
# Without npm or a registry the test is skipped, and says so.
#
#   tests/interop/with_clients.sh FOLDER NODE TEST
set -uo pipefail
folder=$1 node=$2 test=$3
here=$(cd "$(dirname "$0")" && pwd)

skip() {
	echo "SKIPPED: $(basename "$test"): $1"
	exit 77
}

fetch() {
	command -v npm >/dev/null || skip "needs npm to fetch the clients, which this machine does not have"
	cp "$here"/package.json "$here"/package-lock.json "$here"/.npmrc "$folder"
	(cd "$folder" && timeout 120 npm ci) >"$folder/npm.log" 2>&1 || {
		cat "$folder/npm.log"
		skip "npm could not fetch the clients of package-lock.json"
	}
	cp "$here/package-lock.json" "$folder/fetched-lock.json"
}

mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
cmp -s "$here/package-lock.json" "$folder/fetched-lock.json" || fetch
exec 9>&-
CLIENT_MODULES=$folder/node_modules exec "$node" "$test"
