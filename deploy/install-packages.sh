#!/usr/bin/env bash
# Installs what deploy/packages.txt lists and this machine lacks. Needs root or sudo only when something is missing.
#
#   deploy/install-packages.sh [--without-tests]      leaves out what only tests are run with
set -euo pipefail
list=$(dirname "$0")/packages.txt

missing=()
while read -r name purpose _; do
	case $name in '' | '#'*) continue ;; esac
	[ "${1:-}" = --without-tests ] && [ "$purpose" = tests: ] && continue
	[ "$name" = nodejs ] && command -v node >/dev/null && continue # any node of 18 or later will do
	dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
done <"$list"
[ ${#missing[@]} -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q >/dev/null
"${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
