// OMA enabler test cases 1.1-int-755 to 780: object 5 of cardea-device, resource by resource. What the plugin makes of it is in
// firmware.test.mjs.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { enablerTest } from './enabler.mjs';
import { decode, encode, pathOf, types } from './coap.mjs';
import { firmwarePackage } from './lab.mjs';

const opaque = 'application/octet-stream';
const oneDatagram = 300;
const idle = 0, downloaded = 2;
const initial = 0, success = 1;

// A server of files over CoAP, { path: bytes }; without bytes it is gone as soon as somebody asks.
async function fileServer(files) {
	const socket = dgram.createSocket('udp4').unref();
	await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
	socket.on('message', (bytes, { port }) => {
		const request = decode(bytes), path = pathOf(request);
		if (path in files && files[path] === undefined)
			socket.close();
		else
			socket.send(encode({ type: types.ACK, code: path in files ? 0x45 : 0x84, id: request.id, token: request.token,
				payload: files[path] }), port);
	});
	return `coap://127.0.0.1:${socket.address().port}`;
}

const push = (seen, bytes) => seen.writeBody('PUT', '5/0/0', opaque, bytes);
const pull = (seen, uri) => seen.write('5/0/1', uri);

async function stateAndResult(seen) {
	const { '/5/0/3': state, '/5/0/5': result } = await seen.read('5/0');
	return [state, result];
}

// Does what begins something, and waits until the device tells that state and that result.
async function reaches(seen, wanted, begin) {
	const events = await seen.lab.rest.events();
	await seen.observe('5/0');
	await begin();
	const fits = ([{ value: state }, { value: result }]) => state === wanted[0] && result === wanted[1];
	const pair = (values) => [3, 5].map((id) => values.find(({ path }) => path === `/5/0/${id}`));
	await events.find('notification', ({ path, values }) => path === '/5/0' && fits(pair(values)));
	await seen.cancel('5/0');
	events.close();
	assert.deepEqual(await stateAndResult(seen), wanted);
}

async function install(seen, version) {
	const events = await seen.lab.rest.events();
	await seen.execute('5/0/2');
	await events.find('device.registered', ({ endpoint }) => endpoint === 'd'); // it restarts with the new firmware
	events.close();
	assert.deepEqual(await stateAndResult(seen), [idle, success]);
	assert.deepEqual(await seen.read('3/0/3'), { '/3/0/3': version });
}

enablerTest('1.1-int-755', 'Firmware Update: writing the package', {}, async (seen) => {
	await push(seen, Buffer.of(0));
	assert.deepEqual(await stateAndResult(seen), [idle, initial]);
	await push(seen, firmwarePackage('2.0.0', oneDatagram));
	assert.deepEqual(await stateAndResult(seen), [downloaded, initial]);
});

enablerTest('1.1-int-756', 'Firmware Update: writing the package URI', {}, async (seen) => {
	const server = await fileServer({ '/image': firmwarePackage('2.0.0', oneDatagram) });
	await pull(seen, '');
	assert.deepEqual(await stateAndResult(seen), [idle, initial]);
	await reaches(seen, [downloaded, initial], () => pull(seen, `${server}/image`));
});

enablerTest('1.1-int-760', 'Firmware Update: observing the state', {}, async (seen) => {
	await seen.attributes('5/0', 'pmin=0&pmax=10');
	const events = await seen.lab.rest.events();
	assert.deepEqual(await seen.observe('5/0/3'), { '/5/0/3': idle });
	await push(seen, firmwarePackage('2.0.0', oneDatagram));
	await events.find('notification', ({ path, values }) => path === '/5/0/3' && values[0].value === downloaded);
	events.close();
});

enablerTest('1.1-int-770', 'Firmware Update: successful update by push', {}, async (seen) => {
	await push(seen, Buffer.of(0));
	await reaches(seen, [downloaded, initial], () => push(seen, firmwarePackage('2.0.0', oneDatagram)));
	await install(seen, '2.0.0');
});

enablerTest('1.1-int-771', 'Firmware Update: successful update by pull', {}, async (seen) => {
	const server = await fileServer({ '/image': firmwarePackage('2.0.0', oneDatagram) });
	await pull(seen, '');
	await reaches(seen, [downloaded, initial], () => pull(seen, `${server}/image`));
	await install(seen, '2.0.0');
});

for (const [id, title, result] of [['1.1-int-773', 'error case 2, not enough storage', 2], ['1.1-int-774', 'error case 3, out of RAM', 3]]) {
	enablerTest(id, `Firmware Update: ${title}`, { 'firmware-fail': `${result}:2` }, async (seen) => {
		const server = await fileServer({ '/image': firmwarePackage('2.0.0', oneDatagram) });
		assert.deepEqual(await stateAndResult(seen), [idle, initial]);
		await reaches(seen, [idle, result], () => push(seen, firmwarePackage('2.0.0', oneDatagram)));
		await pull(seen, '');
		await reaches(seen, [idle, result], () => pull(seen, `${server}/image`));
	});
}

enablerTest('1.1-int-775', 'Firmware Update: error case 4, the connection is lost', {}, async (seen) => {
	const server = await fileServer({ '/image': undefined });
	await reaches(seen, [idle, 4], () => pull(seen, `${server}/image`));
});

enablerTest('1.1-int-776', 'Firmware Update: error case 5, the integrity check fails', {}, async (seen) => {
	const corrupt = firmwarePackage('2.0.0', oneDatagram, true);
	const server = await fileServer({ '/image': corrupt });
	await reaches(seen, [idle, 5], () => push(seen, corrupt));
	await pull(seen, '');
	await reaches(seen, [idle, 5], () => pull(seen, `${server}/image`));
});

enablerTest('1.1-int-777', 'Firmware Update: error case 6, the type of the package', {}, async (seen) => {
	const server = await fileServer({ '/image': Buffer.from('no firmware') });
	await reaches(seen, [idle, 6], () => push(seen, Buffer.from('no firmware')));
	await pull(seen, '');
	await reaches(seen, [idle, 6], () => pull(seen, `${server}/image`));
});

enablerTest('1.1-int-778', 'Firmware Update: error case 7, an invalid URI', {}, async (seen) => {
	const server = await fileServer({});
	await reaches(seen, [idle, 7], () => pull(seen, `${server}/nowhere`));
});

enablerTest('1.1-int-779', 'Firmware Update: error case 8, the installation fails', { 'firmware-fail': '8:1' }, async (seen) => {
	await push(seen, firmwarePackage('2.0.0', oneDatagram));
	assert.deepEqual(await stateAndResult(seen), [downloaded, initial]);
	await reaches(seen, [downloaded, 8], () => seen.execute('5/0/2'));
	assert.deepEqual(await seen.read('3/0/3'), { '/3/0/3': '1.0.0' });
	await install(seen, '2.0.0'); // it still has the package
});

enablerTest('1.1-int-780', 'Firmware Update: error case 9, an unsupported protocol', {}, async (seen) => {
	await reaches(seen, [idle, 9], () => pull(seen, 'ftp://127.0.0.1/image'));
});
