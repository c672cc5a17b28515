// What the tests of the OMA enabler test cases share. Their names begin with the number of the case; docs/conformance.md
// lists them. Times are shorter than in the cases, values as there where the device has them.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';
import { ScriptedDevice } from './scripted_device.mjs';

// The device of a test as its server sees it, through REST.
export class Seen {
	constructor(lab, endpoint = 'd') {
		this.lab = lab;
		this.base = `/devices/${endpoint}/lwm2m/`;
	}

	// { path: value } of what was read.
	async read(path, format) {
		const answer = await this.lab.rest.get(`${this.base}${path}${format === undefined ? '' : `?format=${format}`}`);
		if (format !== undefined)
			assert.equal(answer.format, format);
		return values(answer.resources);
	}

	async reads(path, expected, format) {
		const read = await this.read(path, format);
		for (const [name, value] of Object.entries(expected))
			assert.deepEqual(read[name], value, `${name} in ${JSON.stringify(read)}`);
	}

	write(path, value) {
		return this.lab.rest.put(this.base + path, { value });
	}

	// The body as it is, in that format.
	writeBody(method, path, type, body) {
		return this.lab.rest.call(method, this.base + path, { body, headers: { 'Content-Type': type } });
	}

	writePart(path, resources) {
		return this.lab.rest.call('PATCH', this.base + path, { json: { resources } });
	}

	execute(path) {
		return this.lab.rest.call('POST', this.base + path);
	}

	create(object, json) {
		return this.lab.rest.call('POST', `${this.base}${object}`, { json });
	}

	delete(path) {
		return this.lab.rest.delete(this.base + path);
	}

	async discover(path, query = '') {
		return (await this.lab.rest.get(`${this.base}${path}/discover${query}`)).links.split(',');
	}

	attributes(path, query) {
		return this.lab.rest.put(`${this.base}${path}/attributes?${query}`);
	}

	async observe(path, query = '') {
		return values((await this.lab.rest.call('PUT', `${this.base}${path}/observe${query}`)).json.resources);
	}

	cancel(path) {
		return this.lab.rest.delete(`${this.base}${path}/observe`);
	}

	// The device refuses with that code.
	async refused(method, path, code, options = {}) {
		const answer = await this.lab.rest.request(method, this.base + path, options);
		assert.equal(answer.headers['x-device-code'], code, `${answer.status} ${answer.text}`);
	}

	async composite(what, paths, format = 'senml-cbor') {
		const answer = await this.lab.rest.post(`${this.base.replace('lwm2m/', 'composite/')}${what}?format=${format}`, { paths });
		assert.equal(answer.format, format);
		return values(answer.resources);
	}

	writeComposite(resources, format = 'senml-cbor') {
		return this.lab.rest.call('POST', `${this.base.replace('lwm2m/', 'composite/')}write?format=${format}`, { json: { resources } });
	}
}

export function values(resources) {
	return Object.fromEntries(resources.map(({ path, value }) => [path, value]));
}

// Against cardea-device ...
export function enablerTest(id, title, options, body) {
	labTest(`${id} ${title}`, {}, async (lab) => {
		const device = await lab.device('d', options);
		await body(new Seen(lab), device, lab);
	});
}

// ... and against a device of a script, with the configuration of the case.
export function scriptedTest(id, title, objects, body, options = {}) {
	labTest(`${id} ${title}`, {}, async (lab) => {
		const device = await ScriptedDevice.register(lab, 'd', objects(), options);
		await body(new Seen(lab), device, lab);
		device.close();
	});
}

// When notifications of a path come, in ms after the call; the first `count` of them.
export async function notificationTimes(lab, path, count) {
	const events = await lab.rest.events();
	const from = Date.now(), times = [];
	for (let seen = 0; times.length < count;) {
		const event = await events.find('notification', (data) => data.path === path, seen);
		seen = events.events.indexOf(event) + 1;
		times.push(Date.now() - from);
	}
	events.close();
	return times;
}
