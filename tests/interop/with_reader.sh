#!/usr/bin/env bash
# Runs a test beside a pcscd of its own with one reader, vpcd's, in namespaces of its own: nothing of the machine's card
# service, nor its ports, is touched. Where namespaces or pcscd are not to be had the test is skipped, and says so.
#
#   tests/interop/with_reader.sh NODE TEST
set -uo pipefail
node=$1 test=$2
config=/etc/reader.conf.d/vpcd

skip() {
	echo "SKIPPED: $(basename "$test"): $1"
	exit 77
}

if [ -z "${CARDEA_INSIDE:-}" ]; then
	for tool in pcscd opensc-tool unshare ip; do
		command -v "$tool" >/dev/null || skip "needs $tool, which this machine does not have"
	done
	[ -f $config ] || skip "needs the reader vpcd, which this machine does not have"
	namespaces=(--mount-proc --net --pid --fork --kill-child)
	[ "$(id -u)" -eq 0 ] || namespaces+=(--map-root-user)
	unshare "${namespaces[@]}" true 2>/dev/null || skip "this machine gives no namespaces"
	CARDEA_INSIDE=1 exec unshare "${namespaces[@]}" "$0" "$@"
fi

mount -t tmpfs tmpfs /run && mkdir /run/pcscd || exit 1
ip link set lo up || exit 1
pcscd --foreground --config $config >/run/pcscd.log 2>&1 &
for _ in $(seq 100); do
	[ -S /run/pcscd/pcscd.comm ] && break
	sleep 0.05
done
"$node" "$test"
status=$?
[ $status -eq 0 ] || cat /run/pcscd.log
exit $status
