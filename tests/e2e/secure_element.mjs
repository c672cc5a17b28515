// What the tests about secure elements share: load files, key sets, and a look into the card from outside.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { program } from './lab.mjs';

const run = promisify(execFile);

export const packageAid = 'A000000999010001';
export const appletAid = 'A00000099901000101';
export const issuerAid = 'A000000151000000';
export const factoryKey = '404142434445464748494A4B4C4D4E4F';

let capCount = 0;

// A CAP file as a Buffer.
export async function makeCap(lab, { aid = packageAid, applet = appletAid, size = 2000, form = 'zip', version = '1.0' } = {}) {
	const file = path.join(lab.folder, `load-file-${++capCount}.cap`);
	await run(program('MAKE_CAP'), [`--package-aid=${aid}`, `--applet-aid=${applet}`, `--size=${size}`, `--form=${form}`, `--version=${version}`, file]);
	return fs.readFile(file);
}

export async function uploadCap(lab, options = {}) {
	const content = await makeCap(lab, options);
	const answer = await lab.rest.call('POST', '/packages?kind=se-load-file&name=test.cap',
		{ body: content, headers: { 'Content-Type': 'application/octet-stream' } });
	assert.equal(answer.status, 201);
	assert.equal(answer.headers.location, `/api/v1/packages/${answer.json.id}`);
	assert.equal(answer.json.sha256Hex.toLowerCase(), createHash('sha256').update(content).digest('hex'));
	return answer.json;
}

export async function putKeys(lab, endpoint, { version = 0x30, enc = factoryKey, mac = enc, dek = enc } = {}) {
	await lab.rest.put(`/devices/${endpoint}/keysets`, { kind: 'scp03', version, encHex: enc, macHex: mac, dekHex: dek });
}

// { applications, securityDomains, loadFiles: counts; objects: AID to { kind, lifeCycle, sha256 } or null }
export async function readCard(device, aids = [packageAid, appletAid]) {
	const { stdout } = await run(program('READ_CARD'), [device.cardFile(), ...aids]);
	const lines = stdout.trim().split('\n').map((line) => line.split(' '));
	const [applications, securityDomains, loadFiles] = lines.splice(0, 3).map(([, count]) => Number(count));
	const objects = Object.fromEntries(lines.map(([aid, kind, lifeCycle, sha256]) =>
		[aid, kind === 'absent' ? null : { kind, lifeCycle: parseInt(lifeCycle, 16), sha256 }]));
	return { applications, securityDomains, loadFiles, objects };
}

export function succeeded(job) {
	assert.equal(job.state, 'succeeded', `${job.operation}: ${JSON.stringify(job.error)}`);
	return job;
}

export async function audit(lab, endpoint, params = {}) {
	const job = succeeded(await lab.run(endpoint, 'se.audit', params));
	return job.result.secureElement;
}

export function trace(lab, job) {
	return lab.rest.all(`/jobs/${job.id}/trace`, 1000);
}

// The C-APDUs of a trace with their answers; null for one that was not answered. The commands of a script come in one
// step, its answers in another.
export function exchanges(lines) {
	const all = [];
	let asked = [], step;
	for (const line of lines.filter(({ layer }) => layer === 'apdu')) {
		if (line.direction === 'answer') {
			const next = asked.shift();
			if (next)
				next.answer = line.text;
			continue;
		}
		if (line.step !== step)
			asked = [];
		step = line.step;
		const one = { command: line.text, answer: null };
		asked.push(one);
		all.push(one);
	}
	return all;
}
