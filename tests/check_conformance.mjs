// docs/conformance.md tells the truth: the tests that it names exist, and it counts the enabler test cases rightly.
//
//   node tests/check_conformance.mjs [FOLDER]      of the sources; the one above this script without an argument
//
// Prints each fault as file:line: reason, then "N passed, N failed": tests and counts that are as the page says.
import fs from 'node:fs';
import path from 'node:path';

const root = process.argv[2] ?? path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');
const page = 'docs/conformance.md';
const kinds = ['case', 'delegated', 'title'];
let passed = 0, failed = 0;

function check(isGood, line, reason) {
	if (isGood) {
		passed++;
		return;
	}
	console.log(`${page}:${line}: ${reason}`);
	failed++;
}

function read(file) {
	const name = path.join(root, file);
	return fs.existsSync(name) ? fs.readFileSync(name, 'utf8') : undefined;
}

// "tests/unit/format_*_test.c" is there when one such file is.
function isThere(pattern) {
	const folder = path.join(root, path.dirname(pattern));
	const expression = new RegExp(`^${path.basename(pattern).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
	return fs.existsSync(folder) && fs.readdirSync(folder).some((name) => expression.test(name));
}

// ---- titles of tests ----

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// The strings of a script as expressions; what a template fills in may be anything. One that is hardly more than that says
// nothing.
function stringsOf(source) {
	const strings = [...source.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)].map(([, plain, template]) => plain ?? template);
	return strings.filter((text) => text.replace(/\$\{[^}]*\}/g, '').trim().length >= 4)
		.map((text) => new RegExp(`^${text.split(/\$\{[^}]*\}/).map(escaped).join('.+')}$`));
}

// A title begins with the numbers of its cases, which may be a string of their own.
const numbers = /^((?:[A-Z]+-)?1\.\d-int-\d+ )+/;

function hasTitle(file, source, title) {
	if (file.endsWith('.c'))
		return new RegExp(`^static void ${escaped(title)}\\(void \\*\\*`, 'm').test(source);
	const expressions = stringsOf(source);
	const ids = numbers.exec(title)?.[0].trim().split(' ') ?? [];
	return ids.every((id) => new RegExp(`${escaped(id)}\\b`).test(source)) &&
		[title, title.replace(numbers, '')].some((text) => expressions.some((expression) => expression.test(text)));
}

// ---- the page ----

const lines = read(page).split('\n');
const proven = Object.fromEntries(kinds.map((kind) => [kind, 0])), all = { ...proven };
const seen = new Set();

// | 1.1-int-101 | Initial registration | case | `file`: `title`; `file`: `title` |
function checkCase(line, [id, , kind, proof]) {
	check(!seen.has(id), line, `${id} is there twice`);
	seen.add(id);
	check(kinds.includes(kind), line, `${kind} is no kind of case`);
	all[kind]++;
	if (/^not proven: \S/.test(proof))
		return;
	proven[kind]++;
	for (const part of proof.split('; ')) {
		const [, file, title] = /^`([^`]+)`: `([^`]+)`$/.exec(part) ?? [];
		const source = file && read(file);
		check(source !== undefined && hasTitle(file, source, title), line, `${part}: there is no such test`);
	}
}

// Files after the first may leave out the folder.
function checkFiles(line, cells) {
	let folder = 'tests/unit';
	for (const [, file] of cells.at(-1).matchAll(/`([\w./*-]+\.(?:c|json|mjs|sh))`/g)) {
		const full = file.includes('/') ? file : `${folder}/${file}`;
		folder = path.dirname(full);
		check(isThere(full), line, `${full}: there is no such file`);
	}
}

function checkCount(line, [kind, says, of]) {
	const name = kind.split(':')[0];
	const sum = (counts) => (name === 'all' ? Object.values(counts).reduce((a, b) => a + b) : counts[name]);
	check(Number(says) === sum(proven) && Number(of) === sum(all), line, `${name}: ${sum(proven)} of ${sum(all)} are proven`);
}

const counts = [];
lines.forEach((text, i) => {
	const cells = text.split('|').slice(1, -1).map((cell) => cell.trim());
	if (/^(?:[A-Z]+-)?1\.\d-int-\d+$/.test(cells[0]))
		checkCase(i + 1, cells);
	else if (cells.length === 3 && /^\d+$/.test(cells[1]))
		counts.push([i + 1, cells]);
	else if (cells.length > 1)
		checkFiles(i + 1, cells);
});
counts.forEach(([line, cells]) => checkCount(line, cells));
check(counts.length === kinds.length + 1, 1, 'the counts of the enabler test cases are missing');
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
