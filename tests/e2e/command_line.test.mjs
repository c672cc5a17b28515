// How cardead is called: its options, what it says, the status it leaves with.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { labTest, program } from './lab.mjs';
import { Process } from './process.mjs';

async function call(args, environment) {
	const called = new Process('cardead', program('CARDEAD'), args, environment);
	const { code } = await called.exited;
	return { code, text: called.lines.join('\n') };
}

test('--help names every option, --version the version', async () => {
	const help = await call(['--help']);
	assert.equal(help.code, 0);
	for (const option of ['--data-dir', '--kek-file', '--coaps-listen', '--http-listen', '--max-devices'])
		assert.ok(help.text.includes(option), option);
	const version = await call(['--version']);
	assert.equal(version.code, 0);
	assert.match(version.text, /^cardead \d+\.\d+\.\d+/m);
});

test('what it does not understand is named, with status 2', async () => {
	for (const [args, reason] of [[['--colour=red'], /--colour/], [['--ack-timeout-ms=soon'], /--ack-timeout-ms.*soon/],
		[['--block-size=17'], /--block-size.*17/], [['extra'], /extra/], [['--config=/nonexistent/file'], /\/nonexistent\/file/]]) {
		const { code, text } = await call(args);
		assert.equal(code, 2, args.join(' '));
		assert.match(text, reason);
	}
});

labTest('what keeps it from starting is said, with status 1', {}, async (lab) => {
	const folder = path.join(lab.folder, 'other');
	fs.mkdirSync(folder);
	const good = { ...lab.server.options, 'data-dir': folder, 'coap-listen': '127.0.0.1:0', 'coaps-listen': '127.0.0.1:0', 'http-listen': '127.0.0.1:0' };
	const starts = async (changes, environment) =>
		call(Object.entries({ ...good, ...changes }).map(([name, value]) => `--${name}=${value}`), environment);
	const cases = [
		[{ 'kek-file': '' }, /key encryption key|KEK/i],
		[{ 'kek-file': path.join(lab.folder, 'none') }, /none/],
		[{ 'data-dir': path.join(lab.folder, 'no', 'such') }, /no\/such|data/],
		[{ 'http-listen': lab.server.http.replace('http://', '') }, /http/i],
		[{ 'coap-listen': lab.server.coap.replace('coap://', '') }, /endpoint|coap|address/i],
		[{ 'coap-listen': 'nowhere' }, /nowhere/],
		[{ 'plugin-dir': path.join(lab.folder, 'no-plugins') }, /plugin/],
	];
	fs.writeFileSync(path.join(lab.folder, 'short'), 'abcd\n');
	cases.push([{ 'kek-file': path.join(lab.folder, 'short') }, /32 bytes|key/i]);
	for (const [changes, reason] of cases) {
		const { code, text } = await starts(changes);
		assert.equal(code, 1, `${JSON.stringify(changes)}: ${text}`);
		assert.match(text, reason);
	}
});

labTest('options come from a file and from the environment too', {}, async (lab) => {
	const folder = path.join(lab.folder, 'other');
	fs.mkdirSync(folder);
	const file = path.join(lab.folder, 'cardea.json');
	fs.writeFileSync(file, JSON.stringify({ ...lab.server.options, 'data-dir': folder, 'coap-listen': '127.0.0.1:0',
		'coaps-listen': '', 'http-listen': '127.0.0.1:0', 'kek-file': '' }));
	const server = lab.start('by-file', program('CARDEAD'), [`--config=${file}`], { CARDEA_KEK: '11'.repeat(32), CARDEA_LOG_LEVEL: 'debug' });
	await server.line(/^ready$/);
	assert.ok(!server.lines.some((line) => line.includes('listening coaps')));
	await server.stop();
});
