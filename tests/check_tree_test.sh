#!/usr/bin/env bash
# check_tree.sh finds nothing in a good tree, and each thing that it is there for in a bad one.
#
#   tests/check_tree_test.sh FOLDER      in which the trees are made
set -uo pipefail
check=$(cd "$(dirname "$0")" && pwd)/check_tree.sh
tree=$1/check_tree_test
failed=0

# put FILE LINE...
put() {
	mkdir -p "$tree/$(dirname "$1")"
	printf '%s\n' "${@:2}" >"$tree/$1"
}

# expect LINE: the last run printed it
expect() {
	grep -qxF -- "$1" <<<"$output" || { echo "missing: $1"; failed=$((failed + 1)); }
}

# run_check WANTED-STATUS
run_check() {
	output=$("$check" "$tree")
	local status=$?
	[ $status = "$1" ] || { echo "status $status instead of $1"; failed=$((failed + 1)); }
}

begin_tree() {
	rm -rf "$tree"
	put meson.build "project('x')"
	put server/include/cardea/bytes.h '#include "error.h"'
	put server/include/cardea/error.h '#include <stdint.h>'
	put server/base/crypto.c '#include <openssl/evp.h>' '/* see https://example.org // there */'
	put server/core/loop.h '#include <cardea/error.h>'
	put server/coap/dtls.c '#include <openssl/ssl.h>' '#include <coap3/coap.h>' '#include "loop.h"'
	put server/registry/registry.h '#include "loop.h"'
	put api/api.c '#include <microhttpd.h>' '#include "registry.h"' 'const char *url = "https://example.org";'
	put plugins/se/se.c '#include <cardea/bytes.h>' '#include <zip.h>' '#include "se.h"'
	put plugins/se/se.h '#include <stdint.h>'
	put tests/device/device.c '#include <coap3/coap.h>' '#include "loop.h"'
}

begin_tree
run_check 0
expect "8 passed, 0 failed"

begin_tree
put server/core/bad.c '#include <openssl/evp.h>' '#include <sqlite3.h>' '#include "registry.h"' 'int a; // int b;'
put server/registry/bad.c '#include <openssl/ssl.h>' '#include "nowhere.h"' '#if 0' '/* run(a); */'
put server/base/openssl_ssl.c '' '#include <openssl/ssl.h>'
put server/include/cardea/bad.h '#include "loop.h"'
put plugins/se/bad.c '#include "loop.h"' '#include <registry.h>' '/* TODO: more */'
put tests/device/bad.c '#include "registry.h"'
put scratch/notes.txt 'a note'
run_check 1
expect "0 passed, 8 failed"
expect 'server/core/bad.c:1: <openssl/evp.h> belongs to server/base/crypto(_[a-z0-9]+)?\.[ch]|server/coap/.*|tests/.*'
expect 'server/core/bad.c:2: <sqlite3.h> belongs to db/.*|tests/(unit|bench)/store.*'
expect 'server/core/bad.c:3: "registry.h" is in no folder before server/core'
expect 'server/core/bad.c:4: a comment with //'
expect 'server/registry/bad.c:1: <openssl/ssl.h> belongs to server/coap/.*|tests/.*'
expect 'server/registry/bad.c:2: "nowhere.h" is in no folder before server/registry'
expect 'server/registry/bad.c:3: code behind #if 0'
expect 'server/registry/bad.c:4: code in a comment'
expect 'server/base/openssl_ssl.c:2: <openssl/ssl.h> belongs to server/coap/.*|tests/.*'
expect 'server/include/cardea/bad.h:1: "loop.h" is not a file of server/include/cardea'
expect 'plugins/se/bad.c:1: "loop.h" is not a file of plugins/se'
expect 'plugins/se/bad.c:2: <registry.h> is internal to the server'
expect 'plugins/se/bad.c:3: left behind: /* TODO: more */'
expect 'tests/device/bad.c:1: "registry.h" is not a file of tests/device'
expect 'scratch:1: has no place in the top level'
rm -rf "$tree"
[ $failed = 0 ]
