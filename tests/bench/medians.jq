# The lines "server=x size=n op=y key=number..." of all rounds become {"rows": [...], "promises": [...]}: medians, and the
# ratios that are promised.
def number: tonumber? // .;
def median: sort | .[length / 2 | floor];
def row: [splits(" ") | capture("(?<key>[^=]+)=(?<value>.*)") | .value = (.value | number)] | from_entries;

[inputs | row]
| group_by([.server, .size, .op])
| map(. as $all | {server: .[0].server, size: .[0].size, op: .[0].op, rounds: length}
	+ ([.[0] | keys_unsorted[] | select(. as $key | ["server", "size", "op"] | index($key) | not)]
		| map({key: ., value: (. as $key | [$all[][$key]] | median)}) | from_entries))
| . as $rows
| def figure($server; $size; $op; $key): [$rows[] | select(.server == $server and .size == $size and .op == $op)][0][$key];
  def promise($what; $value; $least): {what: $what, value: $value, least: $least, holds: ($value != null and $value >= $least)};
  def bound($what; $value; $most): {what: $what, value: $value, most: $most, holds: ($value != null and $value <= $most)};
  def sizes($op): [$rows[] | select(.server == "dtls" and .op == $op).size];
  def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
{
	rows: $rows,
	promises: [
		promise("updates of \($largest) devices, of 100"; ratio(figure("cardead"; $largest; "update"; "per_s"); figure("cardead"; 100; "update"; "per_s")); 0.8),
		promise("updates, of the echo"; ratio(figure("cardead"; $largest; "update"; "per_s"); figure("echo"; $largest; "echo"; "per_s")); 0.4),
		promise("durable registrations, of bare SQLite"; ratio(figure("cardead"; $largest; "first"; "per_s"); figure("sqlite"; $largest; "insert"; "per_s")); 25 / 36),
		promise("DTLS handshakes at every size, of bare OpenSSL"; [sizes("handshake")[] as $size | ratio(figure("dtls"; $size; "handshake"; "per_s"); figure("openssl"; $size; "handshake"; "per_s"))] | min; 0.8),
		bound("bytes per registered device"; figure("cardead"; $largest; "memory"; "bytes"); 1024),
		bound("bytes per live DTLS session at every size"; [sizes("live")[] as $size | figure("dtls"; $size; "live"; "bytes")] | max; 36864),
		bound("bytes per registered device with DTLS that sleeps"; figure("dtls"; $largest_dtls; "asleep"; "bytes"); 2048)
	]
}
