// The table of options in docs/operations.md says what cardead --help says: each option with its type and its default, and
// no other.
//
//   node tests/check_options.mjs CARDEAD [FOLDER]      of the sources; the one above this script without an argument
//
// Prints each fault, then "N passed, N failed": options. A default that the build chooses stands there as <libdir>/...; only
// what follows the <> counts.
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

const cardead = process.argv[2];
const root = process.argv[3] ?? path.join(path.dirname(new URL(import.meta.url).pathname), '..');
const page = 'docs/operations.md';

// { "--name=TYPE": default } by an expression with these two groups
function options(text, row) {
	return Object.fromEntries([...text.matchAll(row)].map(([, option, initial = '']) => [option, initial]));
}

function isSame(written, real) {
	const [, rest] = /^<[a-z]+>(\/.*)$/.exec(written) ?? [];
	return rest === undefined ? written === real : real.endsWith(rest);
}

const { status, stdout } = spawnSync(cardead, ['--help'], { encoding: 'utf8' });
const real = options(status === 0 ? stdout : '', /^ {2}(--[a-z0-9-]+(?:=[A-Z]+)?) .*?(?: \(([^()]*)\))?$/gm);
const written = options(fs.readFileSync(path.join(root, page), 'utf8'), /^\| `(--[^`]*)` \| (?:`([^`]*)` )?\|/gm);
const names = [...new Set([...Object.keys(real), ...Object.keys(written)])];
let failed = names.length === 0 ? 1 : 0;
for (const name of names) {
	if (real[name] !== undefined && written[name] !== undefined && isSame(written[name], real[name]))
		continue;
	console.log(`${page}: ${name}: "${written[name] ?? 'is not there'}", --help: "${real[name] ?? 'is not there'}"`);
	failed++;
}
console.log(`${names.length === 0 ? 0 : names.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
