// `cardea explain`: by argument, file and standard input, with the status that a script needs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { execFileSync, spawnSync } from 'node:child_process';
import { labTest, program } from './lab.mjs';
import { putKeys } from './secure_element.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cardea-explains-'));
for (const plugin of program('CARDEA_PLUGINS').split(':'))
	fs.symlinkSync(plugin, path.join(folder, path.basename(plugin)));
test.after(() => fs.rmSync(folder, { recursive: true }));

function explain(args, input = '') {
	return spawnSync(program('CARDEA'), ['explain', '--plugin-dir', folder, ...args], { encoding: 'utf8', input });
}

test('lists the kinds that the plugins explain', () => {
	const { status, stdout } = explain([]);
	assert.equal(status, 0);
	for (const kind of ['apdu', 'script', 'tlv', 'cap', 'scp80'])
		assert.match(stdout, new RegExp(`^${kind} +\\S`, 'm'));
});

test('explains hexadecimal of an argument, a dump from standard input, a file', () => {
	assert.match(explain(['apdu', '80CA006600']).stdout, /^GET DATA 0066\n/);
	assert.match(explain(['script', '-'], 'AE 80\n22 05 80 CA 00 66 00\n00 00\n').stdout, /command 1\n +GET DATA 0066/);
	const cap = path.join(folder, 'applet.cap');
	execFileSync(program('MAKE_CAP'), ['--package-aid=D276000085010101', '--applet-aid=D27600008501010101', cap]);
	const { status, stdout } = explain(['cap', cap]);
	assert.equal(status, 0);
	assert.match(stdout, /load file \(cap\).*\n +AID {2}[0-9A-F]+ /);
	assert.match(stdout, /components\n +1 Header/);
});

labTest('a trace is explained by the same words', {}, async (lab) => {
	await lab.device('d');
	await putKeys(lab, 'd');
	const job = await lab.run('d', 'se.audit');
	const { items } = await lab.rest.get(`/jobs/${job.id}/trace?explain=true&limit=1000`);
	const clear = items.find((line) => line.layer === 'gp' && line.text.startsWith('GET STATUS'));
	assert.equal(clear.explained, explain(['c-apdu', clear.rawHex]).stdout);
	assert.match(clear.explained, /^GET STATUS.*\n( +.*\n)+$/);
	const answer = items.find((line) => line.layer === 'gp' && line.direction === 'answer');
	assert.equal(answer.explained, explain(['r-apdu', answer.rawHex]).stdout);
	assert.match(answer.explained, /^SW {2}9000/);
	assert.equal('explained' in (await lab.rest.get(`/jobs/${job.id}/trace`)).items[0], false);
	await lab.rest.refuse('GET', `/jobs/${job.id}/trace?explain=yes`, {}, { status: 400, code: 'malformed', detail: /explain/ });
});

test('says what is wrong, after what could be read, and fails', () => {
	const { status, stdout, stderr } = explain(['tlv', '4F01AA4F05BB']);
	assert.equal(status, 1);
	assert.match(stdout, /4F AID {2}AA/);
	assert.match(stderr, /does not end inside its 6 bytes/);
});

test('a wrong call ends with status 2', () => {
	assert.equal(explain(['apdu']).status, 2);
	assert.equal(explain(['nonsense', '00']).status, 2);
	assert.equal(explain(['apdu', 'no-such-file']).status, 2);
	assert.equal(spawnSync(program('CARDEA'), ['no-such-command']).status, 2);
});
