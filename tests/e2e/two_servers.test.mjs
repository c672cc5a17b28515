// A device with accounts of two servers: both see it, each may do what object 2 gives it, and each has a registration of
// its own.
import assert from 'node:assert/strict';
import { Device, Server, labTest } from './lab.mjs';

const listening = { server: { 'bootstrap-listen': '127.0.0.1:0' } };
const denied = { status: 403, code: 'device-error', detail: /4\.01/ };

// The first server is the bootstrap server too. `acl` and `resources` of each server go into what it writes.
async function write(lab, second, acl, ofFirst = {}, ofSecond = {}) {
	const security = { mode: 'nosec' };
	await lab.rest.put('/bootstrap/d', { acl, servers: [
		{ shortServerId: 101, uri: lab.server.coap, lifetime: 300, security, resources: ofFirst },
		{ shortServerId: 102, uri: second.coap, lifetime: 400, security, resources: ofSecond }] });
	const [, bootstrap] = /^bootstrap (coap:\S+)$/.exec(lab.server.process.lines.find((line) => /^bootstrap coap:/.test(line)));
	return { bootstrap, 'se-count': 0 };
}

async function twoServers(lab, acl, ofFirst, ofSecond) {
	const second = new Server(lab, {}, 'second');
	await second.start();
	const device = await lab.device('d', await write(lab, second, acl, ofFirst, ofSecond));
	for (const id of [101, 102])
		await device.process.line(new RegExp(`^registered .* server=${id}$`));
	return { first: lab.server, second, device };
}

// Every instance belongs to the first server; the second has some rights.
const acl = [
	{ object: 1, instance: 0, owner: 101, rights: { 101: 15 } },
	{ object: 1, instance: 1, owner: 102, rights: { 102: 15 } },
	{ object: 3, instance: 0, owner: 101, rights: { 101: 15, 102: 1 } },
	{ object: 4, instance: 0, owner: 101, rights: { 101: 1, 0: 1 } },
	{ object: 5, instance: 0, owner: 101, rights: { 101: 15 } },
	{ object: 16, instance: 65535, owner: 65535, rights: { 102: 16 } },
];

const at = (path) => `/devices/d/lwm2m/${path}`;

// Where the next line of this kind is.
async function indexOf(device, pattern, from) {
	const { input } = await device.process.line(pattern, from);
	return device.process.lines.indexOf(input, from);
}

// What comes out of the process from now on.
function next(device, pattern) {
	return device.process.line(pattern, device.process.lines.length);
}

labTest('both see it, and each may what object 2 gives', listening, async (lab) => {
	const { first, second } = await twoServers(lab, acl);
	assert.equal((await first.rest.get('/devices/d')).lifetime, 300);
	assert.equal((await second.rest.get('/devices/d')).lifetime, 400);

	await first.rest.put(at('3/0/14'), { value: '+01:00' });
	assert.equal((await second.rest.get(at('3/0/14'))).resources[0].value, '+01:00');
	await second.rest.refuse('PUT', at('3/0/14'), { json: { value: '+02:00' } }, denied);
	await second.rest.refuse('POST', at('3/0/4'), {}, denied);
	assert.ok((await second.rest.get(at('4/0'))).resources.length > 0); // by the entry for anybody
	await second.rest.refuse('GET', at('5/0'), {}, denied);
	assert.deepEqual([...new Set((await second.rest.get(at('1'))).resources.map(({ path }) => path.split('/')[2]))], ['1']);

	// Whoever may create, owns what it creates.
	const portfolio = { instance: 0, resources: [{ path: '/16/0/0/0', value: 'mine' }] };
	await first.rest.refuse('POST', at('16'), { json: portfolio }, denied);
	assert.equal((await second.rest.call('POST', at('16'), { json: portfolio })).status, 201);
	await first.rest.refuse('GET', at('16/0'), {}, denied);
	assert.equal((await second.rest.delete(at('16/0'))).status, 204);
});

labTest('rights are read and given in words', listening, async (lab) => {
	const { first, second } = await twoServers(lab, acl);
	const list = '/devices/d/access-control';
	const of = async (rest, object, instance) =>
		(await rest.get(list)).items.find((item) => item.object === object && item.instance === instance);
	const all = ['read', 'write', 'execute', 'delete'];
	assert.equal((await first.rest.get(list)).items.length, acl.length);
	assert.deepEqual(await of(second.rest, 3, 0), { object: 3, instance: 0, owner: 101, rights: { 101: all, 102: ['read'] } });
	assert.deepEqual(await of(second.rest, 4, 0), { object: 4, instance: 0, owner: 101, rights: { 0: ['read'], 101: ['read'] } });
	assert.deepEqual(await of(first.rest, 16, 65535), { object: 16, instance: 65535, owner: 65535, rights: { 102: ['create'] } });

	assert.equal((await first.rest.put(`${list}/3/0/102`, { rights: ['read', 'write'] })).status, 204);
	await second.rest.put(at('3/0/14'), { value: '+02:00' });
	assert.equal((await first.rest.delete(`${list}/3/0/102`)).status, 204);
	assert.deepEqual((await of(first.rest, 3, 0)).rights, { 101: all });
	await second.rest.refuse('GET', at('3/0/14'), {}, denied);

	// Without any entry the owner has every right still, and nobody else has one.
	assert.equal((await first.rest.delete(`${list}/5/0/101`)).status, 204);
	assert.deepEqual(await of(first.rest, 5, 0), { object: 5, instance: 0, owner: 101, rights: {} });
	assert.ok((await first.rest.get(at('5/0'))).resources.length > 0);

	await second.rest.refuse('PUT', `${list}/3/0/102`, { json: { rights: ['read'] } }, denied);
	const rows = [
		['PUT', '3/0/102', { rights: ['fly'] }, 400, 'malformed', /rights\[0\]/],
		['PUT', '3/0/102', { rights: ['create'] }, 400, 'malformed', /bootstrap/],
		['PUT', '3/0/102', { rights: ['read', 'read'] }, 400, 'malformed', /rights\[1\]: read is there twice/],
		['PUT', '3/0/102', { rights: 1 }, 400, 'malformed', /rights/],
		['PUT', '3/0/102', { rights: [], owner: 1 }, 400, 'malformed', /owner/],
		['PUT', '3/0', { rights: [] }, 400, 'malformed', /object\/instance\/server/],
		['PUT', '3/65535/102', { rights: [] }, 400, 'malformed', /65535/],
		['PUT', '3/1/102', { rights: [] }, 404, 'not-found', /\/3\/1/],
		['DELETE', '3/0/102', undefined, 404, 'not-found', /102/],
	];
	for (const [method, path, json, status, code, detail] of rows)
		await first.rest.refuse(method, `${list}/${path}`, { json }, { status, code, detail });
});

labTest('of a device without object 2 nothing is listed', {}, async (lab) => {
	await lab.device('alone');
	assert.deepEqual((await lab.rest.get('/devices/alone/access-control')).items, []);
	await lab.rest.refuse('PUT', '/devices/alone/access-control/3/0/101', { json: { rights: ['read'] } },
		{ status: 404, code: 'not-found', detail: /object 2/ });
	await lab.rest.refuse('GET', '/devices/none/access-control', {}, { status: 404, code: 'not-found', detail: /none/ });
});

labTest('an update is asked of one server, a bootstrap ends both', listening, async (lab) => {
	const { first, second, device } = await twoServers(lab, acl);
	const updated = next(device, /^updated .* server=102$/);
	await second.rest.call('POST', at('1/1/8'));
	await updated;
	assert.ok(!device.process.lines.some((line) => /^updated .* server=101$/.test(line)));
	await second.rest.refuse('POST', at('1/0/8'), {}, denied);

	const again = [/^bootstrapped /, /^registered .* server=101$/, /^registered .* server=102$/].map((line) => next(device, line));
	await first.rest.call('POST', at('1/0/9'));
	await Promise.all(again);
});

labTest('one that is disabled leaves the other', listening, async (lab) => {
	const { first, second, device } = await twoServers(lab, acl, { 5: 1 });
	assert.equal((await first.rest.get(at('1/0/5'))).resources[0].value, 1);
	const events = await first.rest.events();
	const back = next(device, /^registered .* server=101$/);
	await first.rest.call('POST', at('1/0/4'));
	await events.find('device.deregistered', (data) => data.endpoint === 'd');
	assert.equal((await second.rest.get(at('3/0/0'))).resources[0].value, 'Cardea');
	await back; // after its Disable Timeout
	assert.equal((await first.rest.get(at('3/0/0'))).resources[0].value, 'Cardea');
	assert.ok(!device.process.lines.some((line) => /^deregistered .* server=102$/.test(line)));
	events.close();
});

labTest('one that is gone leaves the other', listening, async (lab) => {
	const { first, second, device } = await twoServers(lab, acl);
	await second.kill();
	assert.equal((await first.rest.get(at('3/0/0'))).resources[0].value, 'Cardea');
	const events = await first.rest.events();
	await first.rest.put(at('1/0/1'), { value: 500 });
	// An Update that was under way may still say the old one.
	for (let seen = 0; (await first.rest.get('/devices/d')).lifetime !== 500;)
		seen = 1 + events.events.indexOf(await events.find('device.updated', (data) => data.endpoint === 'd', seen));
	events.close();
	await second.start();
	assert.equal((await second.rest.get(at('3/0/0'))).resources[0].value, 'Cardea');
	await device.stop();
	await first.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /d/ });
	await second.rest.refuse('GET', '/devices/d', {}, { status: 404, code: 'not-found', detail: /d/ });
});

const registrations = (device) => device.process.lines.map((line) => /^registered .* server=(\d+)$/.exec(line)?.[1]).filter(Boolean);

labTest('they are registered with in their order', listening, async (lab) => {
	const { device } = await twoServers(lab, acl, { 13: 2 }, { 13: 1 });
	assert.deepEqual(registrations(device), ['102', '101']);
});

labTest('one that blocks is waited for, one that does not is not', listening, async (lab) => {
	const second = new Server(lab, {}, 'second');
	await second.start();
	await second.stop();
	// Without a bootstrap on failure the device goes on trying.
	const device = new Device(lab, 'd', await write(lab, second, acl, { 13: 2 }, { 13: 1, 15: true, 16: false, 17: 2 }));
	device.launch();
	for (let lost = 0, at = 0; lost < 4; lost++, at++)
		at = await indexOf(device, /line\.lost .* server=102/, at);
	assert.deepEqual(registrations(device), []);
	await second.start();
	await device.process.line(/^registered .* server=101$/);
	assert.deepEqual(registrations(device), ['102', '101']);
	assert.equal(device.process.lines.filter((line) => /^bootstrapped /.test(line)).length, 1);

	await second.stop();
	const free = new Device(lab, 'd', { ...await write(lab, second, acl, { 13: 2 }, { 13: 1 }), state: `${lab.folder}/free` });
	await device.stop();
	await free.start();
	assert.deepEqual(registrations(free), ['101']);
});
