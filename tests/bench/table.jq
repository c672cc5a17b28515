# What medians.jq made, for people: a row per size, server and operation, then the promises.
def pad($width): tostring | (" " * ($width - length)) + .;
def padded($width): tostring | . + (" " * ($width - length));
def round2: if . == null then "-" else . * 100 | round / 100 end;
def of($rows; $server; $op): . as $row
	| [$rows[] | select(.size == $row.size and .server == $server and .op == $op)][0].per_s
	| if . == null or $row.per_s == null then "-" else $row.per_s / . | round2 end;
def of_100($rows): . as $row
	| [$rows[] | select(.size == 100 and .server == $row.server and .op == $row.op)][0].per_s
	| if . == null or $row.per_s == null then "-" else $row.per_s / . | round2 end;
.rows as $rows
| (["server" | padded(9)] + ["operation" | padded(10)] + (["devices", "per_s", "of_100", "of_bare", "cpu_ns", "median_us", "99%_us", "bytes"] | map(pad(10))) | join(" ")),
($rows[]
	| of_100($rows) as $of_100
	| (if .server == "dtls" and .op == "handshake" then of($rows; "openssl"; "handshake")
	   elif .server == "cardead" and .op == "first" then of($rows; "sqlite"; "insert")
	   elif .server == "cardead" or .server == "endpoint" or .server == "libcoap" then of($rows; "echo"; "echo")
	   else "-" end) as $of_bare
	| [(.server | padded(9)), (.op | padded(10)),
	   ([.size, .per_s // "-", $of_100, $of_bare, .cpu_ns // "-", .median_us // "-", .slow_us // "-", .bytes // "-"][] | pad(10))]
	| join(" ")),
"",
(.promises[] | "\(if .holds then "holds " else "MISSED" end)  \(.what): \(.value | round2), wanted \(if .least != null then "at least \(.least | round2)" else "at most \(.most)" end)")
