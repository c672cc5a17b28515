// A card in a reader: pcscd and its virtual reader are real, the card behind it is the simulated one. A card tool that
// others wrote talks to it, then cardea-device does, and the server installs an application through both.
import assert from 'node:assert/strict';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { labTest, program } from '../e2e/lab.mjs';
import { appletAid, audit, factoryKey, issuerAid, packageAid, putKeys, succeeded, uploadCap } from '../e2e/secure_element.mjs';

async function insertCard(lab) {
	const card = lab.start('card', program('VIRTUAL_CARD'), [path.join(lab.folder, 'card-in-reader')]);
	await card.line(/^inserted/);
	return card;
}

// Again until pcscd has seen the card: it looks at its readers now and then.
async function openscTool(args) {
	let run;
	for (let tries = 0; tries < 100; tries++) {
		run = spawnSync('opensc-tool', ['--card-driver', 'default', ...args], { encoding: 'utf8' });
		assert.ifError(run.error);
		if (run.status === 0)
			break;
		await setTimeout(100);
	}
	assert.equal(run.status, 0, run.stderr);
	return run.stdout;
}

labTest('OpenSC reads the card, then the server manages it through the device', {}, async (lab) => {
	const card = await insertCard(lab);
	const select = await openscTool(['--send-apdu', `00A4040008${issuerAid}00`]);
	assert.match(select, /SW1=0x90, SW2=0x00/);
	assert.match(select, /6F.*84 08/);

	const device = await lab.device('d', { se: 'pcsc' });
	await putKeys(lab, 'd', { enc: factoryKey });
	const pack = await uploadCap(lab);
	succeeded(await lab.run('d', 'se.install', { package: pack.id, instanceAidHex: `${appletAid}01` }));
	const content = await audit(lab, 'd');
	assert.ok(content.loadFiles.some((file) => file.aidHex === packageAid));
	await device.stop();

	const selected = await openscTool(['--send-apdu', `00A404000A${appletAid}0100`]);
	assert.match(selected, /SW1=0x90, SW2=0x00/, 'OpenSC finds what the server installed');
	await card.kill(); // pulled out of the reader
});

labTest('a reader without a card is said so', {}, async (lab) => {
	const run = spawnSync(program('CARDEA_DEVICE'), ['--se=pcsc', '--pcsc-reader=No such reader', '--server=coap://127.0.0.1:1'],
		{ encoding: 'utf8' });
	assert.notEqual(run.status, 0);
	assert.match(run.stderr, /no reader 0 whose name begins with No such reader/);
});
