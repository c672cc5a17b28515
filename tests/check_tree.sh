#!/usr/bin/env bash
# Checks what the compiler does not: who may include what, what lies where, and what must not be left behind.
#
#   tests/check_tree.sh [folder]      of the sources; the one above this script without an argument
#
# Prints each violation as file:line: reason, then "N passed, N failed": rules without and with a violation.
set -uo pipefail
cd "${1:-$(dirname "$0")/..}" || exit 1

# Third-party headers, as an expression, and the files that may include them; the first row that fits decides.
third_party='
coap3/.*                        server/coap/.*|tests/.*
openssl/x509(v3)?\.h            server/base/crypto_x509\.c|server/coap/.*|tests/.*
openssl/(ssl|bio|err|x509.*)\.h server/coap/.*|tests/.*
openssl/.*                      server/base/crypto(_[a-z0-9]+)?\.[ch]|server/coap/.*|tests/.*
p11-kit/.*                      server/core/token\.c|tests/unit/soft_token\.c
sqlite3\.h                      db/.*|tests/(unit|bench)/store.*
microhttpd\.h                   api/.*
gnutls/.*                       api/http_tls\.c
libxml/.*                       server/lwm2m/.*
cbor\.h                         server/base/.*
zip\.h                          plugins/.*|tests/.*
jansson\.h                      server/core/(config|json_text)\.c|server/lwm2m/.*|server/registry/.*(json|document).*|server/jobs/.*|api/.*|plugins/.*|tests/.*
'
# A folder includes only from those before it in this list; server/include is the installed <cardea/...>.
arrows='server/base server/core db server/coap server/lwm2m server/registry server/jobs api api/cli server'
top_level='meson.build meson_options.txt server plugins api db web deploy tests docs README.md LICENSE CHANGELOG.md CONTRIBUTING.md'

passed=0 failed=0

# rule NAME CHECK [ARGUMENT]: what the check prints are violations
rule() {
	local violations
	violations=$("${@:2}")
	if [ -z "$violations" ]; then
		passed=$((passed + 1))
	else
		printf '%s\n' "$violations"
		echo "-- violated: $1"
		failed=$((failed + 1))
	fi
}

# The sources, whether or not they are committed; build folders are not among them.
list_files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1 && [ -z "$(git rev-parse --show-prefix)" ]; then
		git ls-files --cached --others --exclude-standard | while read -r file; do [ -f "$file" ] && echo "$file"; done
	else
		find . -path './build*' -prune -o -path ./.git -prune -o -type f -print | sed 's,^\./,,'
	fi | sort
}

files=$(list_files)
c_files=$(grep -E '\.[ch]$' <<<"$files")
# "file:line <name>" or "file:line "name"" for each include
# shellcheck disable=SC2086 # one word per file
includes=$(grep -nHE '^[[:space:]]*#[[:space:]]*include' $c_files /dev/null |
	sed -E 's/^([^:]*:[0-9]*):[^<"]*([<"][^>"]*[>"]).*/\1 \2/')

check_third_party() {
	awk -v table="$third_party" '
		BEGIN {
			count = split(table, lines, "\n")
			for (i = 1; i <= count; i++)
				if (split(lines[i], row, " ") == 2) { header[++rows] = row[1]; allowed[rows] = row[2] }
		}
		$2 ~ /^</ {
			name = substr($2, 2, length($2) - 2)
			file = $1; sub(/:[0-9]*$/, "", file)
			for (i = 1; i <= rows; i++) {
				if (name !~ "^(" header[i] ")$") continue
				if (file !~ "^(" allowed[i] ")$") print $1 ": <" name "> belongs to " allowed[i]
				next
			}
		}' <<<"$includes"
}

# check_own FOLDER-EXPRESSION [FOLDER]: by name it includes only its own files and those of the other folder
check_own() {
	while read -r place include; do
		local file=${place%:*} name=${include:1:-1} folder
		folder=$(grep -oE "^$1" <<<"$file")
		case $include in
		\"*)
			[ -f "$folder/$name" ] || [ -f "${file%/*}/$name" ] || [ -f "${2:-none}/$name" ] ||
				echo "$place: $include is not a file of $folder"
			;;
		*) is_internal "$name" && echo "$place: $include is internal to the server" ;;
		esac
	done < <(grep -E "^$1/" <<<"$includes")
}

is_internal() {
	local folder
	for folder in $arrows; do [ -f "$folder/$1" ] && return 0; done
	return 1
}

check_arrows() {
	while read -r place include; do
		local file=${place%:*} name=${include:1:-1} folder other
		folder=${file%/*}
		[[ $include == \"*.h\" && " $arrows " == *" $folder "* ]] || continue
		[ -f "$folder/$name" ] && continue
		for other in $arrows none; do
			[ "$other" = "$folder" ] && other=none
			[ "$other" = none ] || [ -f "$other/$name" ] && break
		done
		[ "$other" = none ] && echo "$place: $include is in no folder before $folder"
	done <<<"$includes"
}

check_top_level() {
	cut -d/ -f1 <<<"$files" | sort -u | while read -r entry; do
		[[ $entry == .* || " $top_level " == *" $entry "* ]] || echo "$entry:1: has no place in the top level"
	done
}

# Known answers and corpora are data, and this check holds the words that it looks for.
check_leftovers() {
	grep -vE '^(tests/(vectors/.*\.json|fuzz/corpus/|check_tree)|LICENSE)' <<<"$files" |
		xargs -d '\n' grep -nIwE 'TODO|FIXME|XXX' /dev/null | sed -E 's/^([^:]*:[0-9]*):[[:space:]]*/\1: left behind: /'
}

# Comments are /* */ here, so a // is code that was taken out. Strings, which may hold a URL, do not count.
check_comments() {
	# shellcheck disable=SC2086 # one word per file
	awk '
		FNR == 1 { is_comment = 0 }
		{
			line = $0
			gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
			if (is_comment && !(end = index(line, "*/"))) next
			if (is_comment) { line = substr(line, end + 2); is_comment = 0 }
			while ((begin = index(line, "/*")) > 0 && substr(line, 1, begin) !~ /\/\//) {
				end = index(substr(line, begin + 2), "*/")
				if (end == 0) { is_comment = 1; line = substr(line, 1, begin - 1) }
				else line = substr(line, 1, begin - 1) substr(line, begin + end + 3)
			}
			if (line ~ /\/\//) print FILENAME ":" FNR ": a comment with //"
			if (line ~ /^[ \t]*#[ \t]*if[ \t]+0/) print FILENAME ":" FNR ": code behind #if 0"
		}' $c_files /dev/null
	# shellcheck disable=SC2086 # one word per file
	grep -nE '\);[[:space:]]*\*/' $c_files /dev/null | sed -E 's/^([^:]*:[0-9]*):.*/\1: code in a comment/'
}

rule "third-party headers stay in their folder" check_third_party
rule "a plugin includes <cardea/...>, libraries and its own files" check_own 'plugins/[^/]+'
rule "an installed header needs nothing that is not installed" check_own 'server/include/cardea'
rule "the reference device has its own LwM2M: it shares <cardea/...> and server/core only" \
	check_own 'tests/device' server/core
rule "includes follow the arrows: $arrows" check_arrows
rule "the top level holds what it is meant to" check_top_level
rule "nothing is left for later in the sources" check_leftovers
rule "no code is commented out" check_comments
echo "$passed passed, $failed failed"
[ $failed = 0 ]
