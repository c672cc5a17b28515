// openapi.json describes what is there: each of its paths answers, each of its references leads somewhere.
import assert from 'node:assert/strict';
import { labTest } from './lab.mjs';

const verbs = ['get', 'put', 'post', 'patch', 'delete'];

function* references(node) {
	if (node === null || typeof node !== 'object')
		return;
	for (const [name, value] of Object.entries(node)) {
		if (name === '$ref')
			yield value;
		else
			yield* references(value);
	}
}

function follow(document, reference) {
	assert.match(reference, /^#\//);
	return reference.slice(2).split('/').reduce((node, name) => node?.[name], document);
}

// Something that a path parameter could be.
const samples = { ep: 'd', id: '99', path: '3/0/0' };

async function* calls(document) {
	for (const [path, operations] of Object.entries(document.paths))
		for (const verb of verbs)
			if (operations[verb] !== undefined)
				yield { verb, path, operation: operations[verb] };
}

labTest('it is OpenAPI 3.1 whose references resolve', {}, async (lab) => {
	const document = await lab.rest.get('/openapi.json', { token: null });
	assert.match(document.openapi, /^3\.1\./);
	const all = [...references(document)];
	assert.ok(all.length > 20);
	for (const reference of all)
		assert.notEqual(follow(document, reference), undefined, reference);
});

labTest('every operation has a name, a summary and its parameters', {}, async (lab) => {
	const document = await lab.rest.get('/openapi.json');
	const names = new Set();
	for await (const { path, operation } of calls(document)) {
		assert.ok(!names.has(operation.operationId), operation.operationId);
		names.add(operation.operationId);
		assert.ok(operation.summary.length > 5);
		const inPath = operation.parameters.filter((one) => one.in === 'path').map((one) => one.name);
		assert.deepEqual(inPath, [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
	}
});

labTest('every path answers', {}, async (lab) => {
	await lab.device('d');
	const document = await lab.rest.get('/openapi.json');
	let count = 0;
	for await (const { verb, path } of calls(document)) {
		if (path === '/api/v1/events')
			continue; // without end; the stream has tests of its own
		const concrete = path.replace(/\{(\w+)\}/g, (whole, name) => samples[name]);
		const answer = await lab.rest.request(verb.toUpperCase(), concrete);
		assert.notEqual(answer.status, 405, `${verb} ${path}`);
		assert.ok(answer.status < 500 || answer.status === 501, `${verb} ${path}: ${answer.status} ${answer.text}`);
		if (answer.status === 404)
			assert.doesNotMatch(answer.json.detail, /^path:/, `${verb} ${path}: ${answer.text}`);
		count++;
	}
	assert.ok(count > 30);
});

labTest('every operation of a plugin is an order', {}, async (lab) => {
	const document = await lab.rest.get('/openapi.json');
	const { items } = await lab.rest.get('/operations');
	const orders = document.components.schemas.Order.oneOf;
	assert.deepEqual(orders.map((order) => order.properties.operation.const), items.map((item) => item.operation));
	for (const name of ['se.audit', 'se.install', 'se.delete', 'se.put-keys', 'se.script', 'se.store-data', 'se.set-state', 'example.identify'])
		assert.ok(items.some((item) => item.operation === name), name);
	for (const item of items) {
		assert.equal(item.params.type, 'object');
		assert.ok(item.summary.length > 10);
	}
});

labTest('answers are as described', {}, async (lab) => {
	await lab.device('d');
	const document = await lab.rest.get('/openapi.json');
	const { schemas } = document.components;
	const check = (schema, value, where) => {
		if (schema.$ref)
			return check(follow(document, schema.$ref), value, where);
		for (const name of schema.required ?? [])
			assert.ok(value !== null && name in value, `${where}.${name} is missing`);
		if (schema.properties && value !== null && typeof value === 'object')
			for (const [name, inner] of Object.entries(value)) {
				assert.ok(name in schema.properties, `${where}.${name} is not described`);
				check(schema.properties[name], inner, `${where}.${name}`);
			}
		if (schema.items && Array.isArray(value))
			value.forEach((item, i) => check(schema.items, item, `${where}[${i}]`));
	};
	await lab.run('d', 'example.identify');
	for (const [schema, path] of [['Device', '/devices/d'], ['DeviceList', '/devices'], ['JobList', '/jobs'], ['TokenList', '/tokens'],
		['OperationList', '/operations'], ['Records', '/devices/d/lwm2m/3/0'], ['Links', '/devices/d/lwm2m/3/discover'],
		['Inventory', '/devices/d/secure-elements'], ['PackageList', '/packages'], ['CredentialList', '/credentials'],
		['KeySetList', '/devices/d/keysets'], ['Trace', '/jobs/1/trace']])
		check(schemas[schema], await lab.rest.get(path), path);
});

labTest('health and readiness need no token', {}, async (lab) => {
	const base = new URL(lab.server.http);
	for (const path of ['/healthz', '/readyz']) {
		const answer = await fetch(new URL(path, base));
		assert.equal(answer.status, 200, path);
	}
});
