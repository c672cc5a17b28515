// The trace of a job as a capture: Wireshark's own dissectors find in it what the job did.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { labTest } from './lab.mjs';
import { appletAid, factoryKey, putKeys, succeeded, uploadCap } from './secure_element.mjs';

function tshark(file, args) {
	const { status, stdout, stderr, error } = spawnSync('tshark', ['-r', file, ...args], { encoding: 'utf8' });
	assert.ifError(error);
	assert.equal(status, 0, stderr);
	return stdout.trim().split('\n').map((line) => line.split('\t'));
}

const fields = (file, filter, names) => tshark(file, ['-Y', filter, '-T', 'fields', ...names.flatMap((name) => ['-e', name])]);

async function capture(lab, job) {
	const answer = await lab.rest.call('GET', `/jobs/${job.id}/trace?format=pcapng`);
	assert.equal(answer.status, 200);
	assert.equal(answer.headers['content-type'], 'application/x-pcapng');
	const file = path.join(lab.folder, `job-${job.id}.pcapng`);
	fs.writeFileSync(file, answer.bytes);
	return file;
}

labTest('an installation, dissected', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd', device.keys);
	const pack = await uploadCap(lab);
	const job = succeeded(await lab.run('d', 'se.install', { package: pack.id, instanceAidHex: `${appletAid}01` }));
	const file = await capture(lab, job);

	assert.deepEqual(fields(file, '_ws.malformed && coap', ['frame.number']), [['']], 'every CoAP message is whole');
	const requests = fields(file, 'coap.code < 32 && coap.code > 0', ['coap.code', 'coap.opt.uri_path_recon', 'frame.interface_name']);
	assert.ok(requests.some(([code, where]) => code === '2' && where === '/30401/0/17'), 'the script is run by POST');
	assert.ok(requests.every(([, , name]) => name === 'coap'));
	assert.deepEqual(fields(file, 'coap.retransmitted', ['frame.number']), [['']], 'each message once');
	const answers = fields(file, 'coap.code >= 64', ['coap.code', 'udp.srcport']);
	assert.ok(answers.some(([code]) => code === '68'), '2.04 Changed');

	const apdus = fields(file, 'gsm_sim && frame.interface_name == "apdu"', ['gsm_sim.apdu.ins', 'gsm_sim.apdu.sw', 'frame.comment']);
	assert.ok(apdus.length > 10);
	assert.match(apdus[0][2], /^INITIALIZE UPDATE/);
	const refused = apdus.filter(([, sw]) => sw !== '0x9000');
	assert.ok(refused.length > 0 && refused.every(([ins, sw]) => ins === '0xf2' && sw === '0x6a88'), 'GET STATUS: nothing is there');
	const loads = apdus.filter(([, , comment]) => comment.startsWith('LOAD'));
	assert.ok(loads.length >= 8 && loads.every(([ins]) => ins === '0xe8'));

	const clear = fields(file, 'gsm_sim && frame.interface_name == "apdu-in-clear"', ['udp.payload', 'frame.comment']);
	const install = clear.find(([, comment]) => comment.startsWith('INSTALL [for install'));
	assert.ok(install[0].toUpperCase().includes(`${appletAid}01`), 'the application, as the channel hides it');
	const all = fs.readFileSync(file).toString('hex').toUpperCase();
	assert.ok(!all.includes(factoryKey), 'no key');
});

labTest('what is secret does not get into a capture', {}, async (lab) => {
	const device = await lab.device('d');
	await putKeys(lab, 'd', device.keys);
	const pack = await uploadCap(lab);
	succeeded(await lab.run('d', 'se.install', { package: pack.id, instanceAidHex: `${appletAid}01` }));
	const dataHex = 'C0FFEE'.repeat(20);
	const job = succeeded(await lab.run('d', 'se.store-data', { aidHex: `${appletAid}01`, dataHex, securityLevel: 'c-mac' }));
	const all = fs.readFileSync(await capture(lab, job)).toString('hex').toUpperCase();
	assert.ok(!all.includes('C0FFEEC0FFEE'));
	await lab.rest.refuse('GET', `/jobs/${job.id}/trace?format=xml`, {}, { status: 400, code: 'malformed', detail: /format/ });
});
