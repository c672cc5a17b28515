// Values are those of the version of an object that the device registered; LwM2M versions are negotiated.
import assert from 'node:assert/strict';
import { CoapClient, methods, pathOf } from './coap.mjs';
import { labTest } from './lab.mjs';

const definition = (version, type) => `<LWM2M><Object ObjectType="MODefinition"><Name>Thing</Name><ObjectID>42769</ObjectID>
<ObjectURN>urn:oma:lwm2m:x:42769:${version}</ObjectURN><ObjectVersion>${version}</ObjectVersion>
<MultipleInstances>Multiple</MultipleInstances><Mandatory>Optional</Mandatory><Resources><Item ID="1"><Name>${type} of ${version}</Name>
<Operations>RW</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type>${type}</Type>
<RangeEnumeration></RangeEnumeration></Item></Resources></Object></LWM2M>`;

const one = Buffer.from([0xc1, 0x01, 0x31]); // resource 1, one octet, 0x31, as TLV

async function register(device, endpoint, version, links) {
	return device.request(methods.POST, { path: 'rd', format: 40, payload: links, query: [`ep=${endpoint}`, 'lt=60', ...version] });
}

async function thing(lab, endpoint, link) {
	const device = await CoapClient.open(lab.server.coap);
	device.serve((request) => (request.code === methods.GET && pathOf(request) === '/42769/0/1'
		? { code: 0x45, format: 11542, payload: one } : { code: 0x44 }));
	assert.equal((await register(device, endpoint, ['lwm2m=1.0'], `</1/0>,</3/0>,${link}`)).codeText, '2.01');
	return device;
}

labTest('values are read, named and checked by the registered version', {}, async (lab) => {
	for (const [version, type] of [['1.0', 'Integer'], ['2.0', 'String']])
		await lab.rest.call('POST', '/models', { body: definition(version, type), headers: { 'Content-Type': 'application/xml' } });
	const devices = await Promise.all([['old', '</42769>;ver=1.0,</42769/0>'], ['new', '</42769>;ver=2.0,</42769/0>'],
		['unsaid', '</42769/0>'], ['future', '</42769>;ver=3.0,</42769/0>']].map(([name, link]) => thing(lab, name, link)));
	for (const [endpoint, type, value, name] of [['old', 'integer', 49, 'Integer of 1.0'], ['new', 'string', '1', 'String of 2.0'],
		['unsaid', 'integer', 49, 'Integer of 1.0'], ['future', 'string', '1', 'String of 2.0']]) {
		const [resource] = (await lab.rest.get(`/devices/${endpoint}/lwm2m/42769/0/1`)).resources;
		assert.deepEqual([resource.type, resource.value, resource.name], [type, value, name], endpoint);
	}
	await lab.rest.put('/devices/new/lwm2m/42769/0/1', { value: 'text' });
	await lab.rest.put('/devices/old/lwm2m/42769/0/1', { value: 7 });
	await lab.rest.refuse('PUT', '/devices/old/lwm2m/42769/0/1', { json: { value: 'text' } },
		{ status: 400, code: 'malformed', detail: /42769\/0\/1/ });
	devices.forEach((device) => device.close());
});

labTest('a version of LwM2M is accepted or refused by what it is', {}, async (lab) => {
	const device = await CoapClient.open(lab.server.coap);
	for (const [version, code] of [[['lwm2m=1.0'], '2.01'], [['lwm2m=1.1'], '2.01'], [['lwm2m=1.2'], '2.01'], [[], '2.01'],
		[['lwm2m=1.3'], '4.12'], [['lwm2m=2.0'], '4.12'], [['lwm2m=one'], '4.00']]) {
		const answer = await register(device, 'd', version, '</1/0>,</3/0>');
		assert.equal(answer.codeText, code, `lwm2m: ${version}`);
		if (code === '2.01')
			assert.equal((await lab.rest.get('/devices/d')).version, version[0]?.slice(6) ?? '1.0');
	}
	device.close();
});
