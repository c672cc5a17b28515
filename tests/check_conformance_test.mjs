// check_conformance.mjs finds nothing in a page that is true, and each thing that is not.
//
//   node tests/check_conformance_test.mjs FOLDER      in which the trees are made
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { spawnSync } from 'node:child_process';

const folder = path.join(process.argv[2], 'check_conformance_test');
const checker = path.join(path.dirname(new URL(import.meta.url).pathname), 'check_conformance.mjs');

const good = {
	'tests/e2e/a.test.mjs': `enablerTest('1.1-int-1', 'reads', {});
labTest('1.1-int-2 1.1-int-3 two servers', {});
enablerTest(id, \`writes in \${format}\`, {}); // '1.1-int-4'`,
	'tests/unit/a_test.c': 'static void refuses_it(void **state)',
	'docs/conformance.md': `| what | proven by |
| reading | \`tests/e2e/a.test.mjs\`, \`tests/unit/a_*.c\`, \`a_test.c\` |
| case: with a procedure | 3 | 4 |
| delegated: | 1 | 1 |
| title: | 0 | 0 |
| all | 4 | 5 |
| 1.1-int-1 | Read | case | \`tests/e2e/a.test.mjs\`: \`1.1-int-1 reads\`; \`tests/unit/a_test.c\`: \`refuses_it\` |
| 1.1-int-2 | Two | case | \`tests/e2e/a.test.mjs\`: \`1.1-int-2 1.1-int-3 two servers\` |
| 1.1-int-4 | Write | case | \`tests/e2e/a.test.mjs\`: \`1.1-int-4 writes in senml\` |
| 1.1-int-5 | Fly | case | not proven: no wings |
| 1.1-int-6 | Like 1 | delegated | \`tests/e2e/a.test.mjs\`: \`1.1-int-1 reads\` |`,
};

function checked(from, to) {
	fs.rmSync(folder, { recursive: true, force: true });
	for (const [name, text] of Object.entries(good)) {
		fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
		assert.ok(name !== 'docs/conformance.md' || from === '' || text.includes(from), `the page has ${from}`);
		fs.writeFileSync(path.join(folder, name), name === 'docs/conformance.md' ? text.replace(from, to) : text);
	}
	const { status, stdout } = spawnSync(process.execPath, [checker, folder], { encoding: 'utf8' });
	fs.rmSync(folder, { recursive: true });
	return { status, stdout };
}

test('a page that is true', () => {
	const { status, stdout } = checked('', '');
	assert.equal(status, 0, stdout);
	assert.match(stdout, /, 0 failed/);
});

for (const [from, to, reason] of [
	['a_*.c', 'b_*.c', /:2: tests\/unit\/b_\*\.c: there is no such file/],
	['`1.1-int-1 reads`; ', '`1.1-int-1 writes`; ', /:7: .*there is no such test/],
	['1.1-int-4 writes in', '1.1-int-4 reads in', /:9: .*there is no such test/],
	['`refuses_it`', '`refuses`', /:7: .*there is no such test/],
	['1.1-int-3 two servers', '1.1-int-9 two servers', /:8: .*there is no such test/],
	['a.test.mjs`: `1.1-int-4', 'b.test.mjs`: `1.1-int-4', /:9: .*there is no such test/],
	['| 1.1-int-5', '| 1.1-int-4', /:10: 1\.1-int-4 is there twice/],
	['not proven: no wings', 'not proven: ', /:10: .*there is no such test/],
	['| all | 4 | 5 |', '| all | 5 | 5 |', /:6: all: 4 of 5 are proven/],
	['| delegated: | 1 | 1 |', '', /:1: the counts .* are missing/],
])
	test(`${to} in place of ${from}`, () => {
		const { status, stdout } = checked(from, to);
		assert.equal(status, 1, stdout);
		assert.match(stdout, reason);
	});
