// check_options.mjs finds nothing in a page that is true, and each thing that is not.
//
//   node tests/check_options_test.mjs FOLDER      in which the trees are made
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { spawnSync } from 'node:child_process';

const folder = path.join(process.argv[2], 'check_options_test');
const checker = path.join(path.dirname(new URL(import.meta.url).pathname), 'check_options.mjs');

const help = `Options.

  --plugin-dir=TEXT          folder of the plugins (to load) (/usr/lib/cardea/plugins)
  --block-size=NUMBER        bytes per block: 16|32 (32)
  --kek-file=TEXT            a key
  --help                     print this and leave
`;
const page = `| option | default | what |
| \`--plugin-dir=TEXT\` | \`<libdir>/cardea/plugins\` | where plugins are |
| \`--block-size=NUMBER\` | \`32\` | 16 or 32 |
| \`--kek-file=TEXT\` | | |
| \`--help\` | | |
`;

function checked(from, to, program = help) {
	assert.ok(page.includes(from), from);
	fs.rmSync(folder, { recursive: true, force: true });
	fs.mkdirSync(path.join(folder, 'docs'), { recursive: true });
	fs.writeFileSync(path.join(folder, 'docs/operations.md'), page.replace(from, to));
	fs.writeFileSync(path.join(folder, 'program'), `#!/bin/sh\ncat <<'END'\n${program}END\n`, { mode: 0o755 });
	const { status, stdout } = spawnSync(process.execPath, [checker, path.join(folder, 'program'), folder], { encoding: 'utf8' });
	fs.rmSync(folder, { recursive: true });
	return { status, stdout };
}

test('a page that is true', () => {
	assert.deepEqual(checked('', ''), { status: 0, stdout: '4 passed, 0 failed\n' });
});

for (const [from, to, reason] of [
	['| `--help` | | |\n', '', /--help: "is not there", --help: ""/],
	['| `--help` | | |', '| `--help` | | |\n| `--fly` | | |', /--fly: "", --help: "is not there"/],
	['`32`', '`16`', /--block-size=NUMBER: "16", --help: "32"/],
	['`32` ', '', /--block-size=NUMBER: "", --help: "32"/],
	['size=NUMBER', 'size=TEXT', /--block-size=TEXT.*\n.*--block-size=NUMBER|--block-size=NUMBER.*\n.*--block-size=TEXT/],
	['`<libdir>/cardea/plugins`', '`<libdir>/plugin`', /--plugin-dir=TEXT: "<libdir>/],
	['--kek-file=TEXT` |', '--kek-file=TEXT` | `key`', /--kek-file=TEXT: "key", --help: ""/],
]) {
	test(`instead of ${from}: ${to}`, () => {
		const { status, stdout } = checked(from, to);
		assert.equal(status, 1, stdout);
		assert.match(stdout, reason);
	});
}

test('a program that says nothing is no agreement', () => {
	assert.equal(checked('', '', '').status, 1);
	assert.equal(checked(page, '', '').status, 1);
});
