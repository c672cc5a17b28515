// A lab: one real cardead and any number of real cardea-device processes on loopback, with everything that they keep in
// a folder of its own below the build folder. The second start of a server uses the ports of the first, so that its devices
// find it again.
//
// From the environment (meson sets it): CARDEA, CARDEAD, CARDEA_DEVICE, MAKE_CAP, MAKE_CERTIFICATE, READ_CARD, CARDEA_PLUGINS (paths with colons),
// CARDEA_MODEL_DIR, CARDEA_LAB_DIR.
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { createHash, randomBytes } from 'node:crypto';
import { withPorts } from './ports.mjs';
import { Process } from './process.mjs';
import { Rest, StreamEnded } from './rest.mjs';

export const finalStates = ['succeeded', 'failed', 'unknown', 'cancelled'];

// What the tests are built with: sanitizers take time and memory.
export const isSanitized = (process.env.CARDEA_SANITIZED ?? '') !== '';

const labsFolder = process.env.CARDEA_LAB_DIR;
const testName = path.basename(process.argv[1], '.test.mjs');
let labCount = 0;

export function program(variable) {
	const file = process.env[variable];
	if (!file)
		throw new Error(`${variable} is not set: run this by "meson test --suite e2e"`);
	return file;
}

// Firmware as cardea-device wants it, see tests/device/firmware_package.h: a version, a digest, and anything.
export function firmwarePackage(version, size = 3000, isCorrupt = false) {
	const body = randomBytes(size);
	const digest = createHash('sha256').update(body).digest('hex');
	body[size - 1] ^= Number(isCorrupt);
	return Buffer.concat([Buffer.from(`VERSION ${version}\nSHA256 ${digest}\n`), body]);
}

// A test with a lab of its own. When it fails the logs of all its processes are printed; when it passes, all of them must
// also end well, which with sanitizers means: without leaks.
export function labTest(name, settings, body) {
	test(name, () => inLab(settings, body));
}

export async function inLab(settings, body) {
	const lab = new Lab(settings);
	try {
		await lab.server.start();
		await body(lab);
		await lab.close();
	} catch (error) {
		console.error(`in ${lab.folder}:\n${lab.logs()}`);
		throw error;
	} finally {
		await lab.abandon();
	}
	fs.rmSync(lab.folder, { recursive: true });
}

export class Lab {
	// settings.server: options of cardead.
	constructor(settings = {}) {
		this.folder = path.join(labsFolder, `${testName}-${process.pid}-${++labCount}`);
		fs.rmSync(this.folder, { recursive: true, force: true });
		fs.mkdirSync(path.join(this.folder, 'plugins'), { recursive: true });
		for (const plugin of program('CARDEA_PLUGINS').split(':'))
			fs.symlinkSync(plugin, path.join(this.folder, 'plugins', path.basename(plugin)));
		this.processes = [];
		this.server = new Server(this, settings.server);
	}

	get rest() {
		return this.server.rest;
	}

	start(name, file, args, environment) {
		const started = new Process(name, file, args, environment);
		this.processes.push(started);
		return started;
	}

	// A device that has registered. Options are those of cardea-device; `true` is a flag, a list an option that is repeated.
	async device(endpoint, options = {}) {
		const device = new Device(this, endpoint, options);
		await device.start();
		return device;
	}

	// A device with a credential in the server, over DTLS.
	async secureDevice(endpoint, options = {}) {
		const key = randomBytes(16).toString('hex');
		await this.rest.put(`/credentials/${endpoint}`, { kind: 'psk', identity: `id-of-${endpoint}`, keyHex: key });
		return this.device(endpoint, { server: this.server.coaps, 'psk-identity': `id-of-${endpoint}`, 'psk-key': key,
			...options });
	}

	// Waits for the end of a job, through restarts of the server, and answers the job.
	async end(id) {
		for (;;) {
			await this.server.ready;
			let events;
			try {
				events = await this.rest.events();
				let job = await this.rest.get(`/jobs/${id}`);
				if (!finalStates.includes(job.state)) {
					await events.find('job.updated', (data) => data.id === id && finalStates.includes(data.state));
					job = await this.rest.get(`/jobs/${id}`);
				}
				return job;
			} catch (error) {
				if (!(error instanceof StreamEnded) && !['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code))
					throw error;
				await this.server.turn();
			} finally {
				events?.close();
			}
		}
	}

	// Makes a job and waits for its end.
	async run(endpoint, operation, params = {}, headers = {}) {
		const job = await this.rest.post(`/devices/${endpoint}/operations`, { operation, params }, { headers });
		return this.end(job.id);
	}

	async close() {
		for (const running of [...this.processes].reverse())
			if (running.status === null)
				await running.stop();
	}

	async abandon() {
		await Promise.all(this.processes.filter((running) => running.status === null).map((running) => running.kill()));
	}

	logs() {
		return this.processes.map((ended) => ended.log()).join('\n');
	}
}

function optionsOf(options) {
	return Object.entries(options).flatMap(([name, value]) =>
		[value].flat().filter((one) => one !== false).map((one) => (one === true ? `--${name}` : `--${name}=${one}`)));
}

export class Server {
	// A second server in the same lab has a name of its own.
	constructor(lab, options = {}, name = 'server') {
		this.lab = lab;
		this.name = name;
		this.dataFolder = path.join(lab.folder, name);
		this.options = {
			'data-dir': this.dataFolder,
			'kek-file': path.join(lab.folder, `kek-of-${name}`),
			'plugin-dir': path.join(lab.folder, 'plugins'),
			'model-dir': program('CARDEA_MODEL_DIR'),
			'coap-listen': '127.0.0.1:0',
			'coaps-listen': '127.0.0.1:0',
			'http-listen': '127.0.0.1:0',
			'ack-timeout-ms': 300,
			...options,
		};
		fs.mkdirSync(this.dataFolder, { recursive: true, mode: 0o700 });
		if (this.options['kek-file'] !== '')
			fs.writeFileSync(this.options['kek-file'], `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
		this.starts = 0;
		this.#prepare();
	}

	#prepare() {
		this.ready = new Promise((resolve) => { this.isReady = resolve; });
	}

	async start() {
		const name = this.starts++ === 0 ? this.name : `${this.name} (start ${this.starts})`;
		for (const option of Object.keys(this.options).filter((one) => one.endsWith('-listen')))
			this.options[option] = await withPorts(this.options[option]);
		this.process = this.lab.start(name, program('CARDEAD'), optionsOf(this.options));
		await this.process.line(/^ready$/);
		this.addresses = this.process.lines.map((line) => /^listening (\S+)$/.exec(line)?.[1]).filter(Boolean);
		this.coap = this.addresses.find((address) => address.startsWith('coap://'));
		this.coaps = this.addresses.find((address) => address.startsWith('coaps://'));
		this.http = this.addresses.find((address) => address.startsWith('http'));
		const token = fs.readFileSync(path.join(this.dataFolder, 'admin.token'), 'utf8').trim();
		this.rest = new Rest(this.http, token);
		this.isReady();
	}

	// Gone at once, as when the power goes.
	async kill() {
		this.#prepare();
		await this.process.kill();
	}

	async stop() {
		this.#prepare();
		await this.process.stop();
	}

	async restart() {
		await this.stop();
		await this.start();
	}

	// After a lost connection: the process ends or goes on.
	turn() {
		return new Promise((resolve) => setImmediate(resolve));
	}
}

export class Device {
	constructor(lab, endpoint, options = {}) {
		this.lab = lab;
		this.endpoint = endpoint;
		this.stateFolder = path.join(lab.folder, 'devices');
		this.options = {
			server: lab.server.coap,
			endpoint,
			state: this.stateFolder,
			'ack-timeout-ms': 1000,
			'retry-ms': 100,
			...options,
		};
		fs.mkdirSync(this.stateFolder, { recursive: true });
	}

	// The process alone; it may not get far.
	launch() {
		this.process = this.lab.start(this.endpoint, program('CARDEA_DEVICE'), optionsOf(this.options));
		return this.process;
	}

	async start() {
		this.launch();
		await this.process.line(/^registered /);
	}

	kill() {
		return this.process.kill();
	}

	// Leaves as a device should: de-registers.
	stop() {
		return this.process.stop();
	}

	cardFile(instance = 0) {
		const name = this.endpoint.replace(/[^A-Za-z0-9_-]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
		return path.join(this.stateFolder, name, `card-${instance}`);
	}
}
