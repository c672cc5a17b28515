#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: as released, under AddressSanitizer and
# UndefinedBehaviorSanitizer, and what has threads under ThreadSanitizer. Everything is kept below build/.
#
#   tests/run.sh [suite ...]      suites: unit fuzz vectors e2e interop tree bench demo; all without an argument
set -uo pipefail
cd "$(dirname "$0")/.."
deploy/install-packages.sh || exit 1

suites=() wants_demo=false
for suite in "$@"; do
	[ "$suite" = demo ] && wants_demo=true && continue
	suites+=(--suite "$suite")
done
[ $# -eq 0 ] && wants_demo=true
werror=false
[ -n "${CI:-}" ] && werror=true

passed=0 failed=0 skipped=0

# run NAME "TEST OPTIONS" SETUP-OPTION...: builds in build/NAME and adds up its results
run() {
	local name=$1 options=$2
	shift 2
	echo "== $name"
	if [ ! -f "build/$name/build.ninja" ]; then
		meson setup "build/$name" -Dwerror=$werror "$@" >"build/$name.log" 2>&1 || { cat "build/$name.log"; failed=$((failed + 1)); return; }
	fi
	if ! ninja -C "build/$name" >"build/$name.log" 2>&1; then
		tail -n 60 "build/$name.log"
		failed=$((failed + 1))
		return
	fi
	# shellcheck disable=SC2086
	meson test -C "build/$name" --no-rebuild --print-errorlogs $options "${suites[@]}" || true
	local results=build/$name/meson-logs/testlog.json
	passed=$((passed + $(jq -r 'select(.result == "OK") | .name' "$results" | wc -l)))
	# What did not run, and why: it is easily overlooked.
	jq -r 'select(.result == "SKIP") | "\(.name): \((.stdout // "") | split("\n") | map(select(startswith("SKIPPED"))) | join("; "))"' "$results"
	skipped=$((skipped + $(jq -r 'select(.result == "SKIP") | .name' "$results" | wc -l)))
	failed=$((failed + $(jq -r 'select(.result != "OK" and .result != "SKIP") | .name' "$results" | wc -l)))
}

# The demo is a test too: it ends with 0 only if all of it worked.
run_demo() {
	echo "== demo"
	if deploy/demo.sh --once >build/demo.log 2>&1; then
		passed=$((passed + 1))
	else
		cat build/demo.log
		failed=$((failed + 1))
	fi
}

mkdir -p build
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
if [ $# -eq 0 ] || [ ${#suites[@]} -gt 0 ]; then
	run plain ""
	run asan "--no-suite tree --no-suite bench --timeout-multiplier 3" -Db_sanitize=address,undefined -Db_lundef=false
	run tsan "--suite threads --timeout-multiplier 3" -Db_sanitize=thread -Db_lundef=false
fi
$wants_demo && run_demo

[ "$skipped" -gt 0 ] && echo "$skipped skipped, which are neither"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
