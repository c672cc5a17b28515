// REST as a client sees it: requests, problems, and the stream of events.
import http from 'node:http';
import assert from 'node:assert/strict';
import { withPatience } from './process.mjs';

// One request on its own connection. `body` is a Buffer, a string, or an async iterable of Buffers (sent chunked unless
// `headers` has a Content-Length); `json` is encoded. Answers { status, headers, bytes, text, json }.
export function request(base, method, path, { token, headers = {}, json, body } = {}) {
	const url = new URL(base);
	const sent = json === undefined ? body : JSON.stringify(json);
	const head = { ...headers };
	if (token)
		head.Authorization = `Bearer ${token}`;
	if (json !== undefined)
		head['Content-Type'] ??= 'application/json';
	if (typeof sent === 'string' || Buffer.isBuffer(sent))
		head['Content-Length'] ??= Buffer.byteLength(sent);
	else if (sent === undefined && method !== 'GET')
		head['Content-Length'] ??= 0;
	const answered = new Promise((resolve, reject) => {
		const call = http.request({ host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port, method, path, headers: head,
			agent: false });
		call.on('response', (response) => {
			const parts = [];
			response.on('data', (part) => parts.push(part));
			response.on('error', reject);
			response.on('end', () => {
				call.destroy();
				resolve(answerOf(response, Buffer.concat(parts)));
			});
		});
		// A server that answers before it has read everything may close on us while we still write.
		call.on('error', (error) => setImmediate(() => reject(error)));
		send(call, sent).catch(reject);
	});
	return withPatience(answered, `the answer to ${method} ${path}`);
}

async function send(call, body) {
	if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) {
		call.end(body);
		return;
	}
	let isWanted = true, goOn = () => {};
	for (const event of ['response', 'close', 'drain']) {
		call.on(event, () => {
			isWanted &&= event === 'drain';
			goOn();
		});
	}
	for await (const part of body) {
		if (!isWanted)
			return;
		if (!call.write(part))
			await new Promise((resolve) => { goOn = resolve; });
	}
	call.end();
}

function answerOf(response, bytes) {
	const type = response.headers['content-type'] ?? '';
	const text = bytes.toString();
	return {
		status: response.statusCode,
		headers: response.headers,
		bytes,
		text,
		json: /json/.test(type) ? JSON.parse(text) : undefined,
	};
}

export class RestError extends Error {
	constructor(what, answer) {
		super(`${what}: ${answer.status} ${answer.text}`);
		this.answer = answer;
	}
}

export class Rest {
	constructor(base, token) {
		this.base = base;
		this.token = token;
	}

	// Paths are below /api/v1, unless they begin with it or are one of those outside.
	request(method, path, options = {}) {
		const isWhole = /^\/(api\/|healthz$|readyz$)/.test(path);
		return request(this.base, method, isWhole ? path : `/api/v1${path}`, { token: this.token, ...options });
	}

	// What is expected to work: the whole answer ...
	async call(method, path, options) {
		const answer = await this.request(method, path, options);
		if (answer.status >= 300)
			throw new RestError(`${method} ${path}`, answer);
		return answer;
	}

	// ... or its JSON.
	async get(path, options) {
		return (await this.call('GET', path, options)).json;
	}

	async post(path, json, options) {
		return (await this.call('POST', path, { json, ...options })).json;
	}

	put(path, json, options) {
		return this.call('PUT', path, { json, ...options });
	}

	delete(path, options) {
		return this.call('DELETE', path, options);
	}

	// What is expected to be refused: a problem of RFC 9457 with this status and code, whose text says what was wrong.
	async refuse(method, path, options, { status, code, detail }) {
		const answer = await this.request(method, path, options);
		assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
		assert.equal(answer.headers['content-type'], 'application/problem+json');
		assert.equal(answer.json.status, status);
		assert.equal(answer.json.code, code, answer.text);
		assert.match(answer.json.detail, detail);
		return answer;
	}

	// The pages of a list, joined.
	async all(path, limit = 100) {
		const items = [];
		for (let cursor = null; ;) {
			const query = new URLSearchParams({ limit, ...(cursor === null ? {} : { cursor }) });
			const page = await this.get(`${path}${path.includes('?') ? '&' : '?'}${query}`);
			items.push(...page.items);
			if (page.next === null)
				return items;
			cursor = page.next;
		}
	}

	events(lastEventId) {
		return EventStream.open(this, lastEventId);
	}
}

export class StreamEnded extends Error {}

// Server-sent events: every one is kept, so that a wait finds also those that came before it.
export class EventStream {
	static async open(rest, lastEventId) {
		const url = new URL(rest.base);
		const headers = { Authorization: `Bearer ${rest.token}` };
		if (lastEventId !== undefined)
			headers['Last-Event-ID'] = lastEventId;
		const opened = new Promise((resolve, reject) => {
			const call = http.get({ host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port, path: '/api/v1/events', headers,
				agent: false });
			call.on('response', (response) => {
				if (response.statusCode === 200)
					resolve(new EventStream(call, response));
				else
					reject(new Error(`GET /events: ${response.statusCode}`));
			});
			call.on('error', reject);
		});
		return withPatience(opened, 'the stream of events');
	}

	constructor(call, response) {
		this.call = call;
		this.contentType = response.headers['content-type'];
		this.events = [];
		this.waiting = new Set();
		this.hasEnded = false;
		let rest = '';
		response.setEncoding('utf8');
		response.on('data', (part) => {
			const blocks = (rest + part).split('\n\n');
			rest = blocks.pop();
			blocks.forEach((block) => this.#take(block));
		});
		for (const name of ['end', 'error', 'close'])
			response.on(name, () => this.#end());
	}

	#take(block) {
		const event = { id: undefined, type: 'message', data: undefined };
		for (const line of block.split('\n')) {
			const [, field, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
			if (field === 'id')
				event.id = value;
			else if (field === 'event')
				event.type = value;
			else if (field === 'data')
				event.data = JSON.parse(value);
		}
		if (event.data === undefined)
			return;
		this.events.push(event);
		for (const wait of [...this.waiting])
			wait.look(event);
	}

	#end() {
		this.hasEnded = true;
		for (const wait of [...this.waiting])
			wait.end();
	}

	// The first event of that type, come or to come, for which `fits(data, event)` is true. `from` skips events.
	find(type, fits = () => true, from = 0) {
		const isIt = (event) => event.type === type && fits(event.data, event);
		const past = this.events.slice(from).find(isIt);
		if (past)
			return Promise.resolve(past);
		if (this.hasEnded)
			return Promise.reject(new StreamEnded('the stream of events has ended'));
		let wait;
		const found = new Promise((resolve, reject) => {
			wait = {
				look: (event) => isIt(event) && resolve(event),
				end: () => reject(new StreamEnded('the stream of events has ended')),
			};
			this.waiting.add(wait);
		});
		return withPatience(found, `the event ${type}`).finally(() => this.waiting.delete(wait));
	}

	close() {
		this.call.destroy();
	}
}
