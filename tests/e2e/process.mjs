// A program under test: started, watched line by line, ended by its process id.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

// Nothing here waits for time; this is how long an event may take before we stop believing in it.
const patience_ms = Number(process.env.CARDEA_PATIENCE_MS ?? 180000);

export function withPatience(promise, what) {
	let timer;
	const impatient = new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(new Error(`waited ${patience_ms} ms in vain for ${what}`)), patience_ms);
	});
	return Promise.race([promise, impatient]).finally(() => clearTimeout(timer));
}

const running = new Set();
process.on('exit', () => {
	for (const child of running)
		child.kill('SIGKILL');
});

export class Process {
	constructor(name, path, args, environment = {}) {
		this.name = name;
		this.lines = [];
		this.waiting = new Set();
		this.status = null;
		this.child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
		running.add(this.child);
		this.exited = new Promise((resolve) => {
			this.child.on('error', (error) => this.#end(resolve, { code: null, signal: null, error }));
			this.child.on('close', (code, signal) => this.#end(resolve, { code, signal }));
		});
		for (const stream of [this.child.stdout, this.child.stderr])
			createInterface({ input: stream }).on('line', (line) => this.#take(line));
	}

	get pid() {
		return this.child.pid;
	}

	#take(line) {
		this.lines.push(line);
		for (const wait of [...this.waiting])
			wait(line);
	}

	#end(resolve, status) {
		this.status = status;
		running.delete(this.child);
		resolve(status);
	}

	// The first line, printed already or still to come, that the expression fits: its match. `from` skips lines.
	line(expression, from = 0) {
		for (const line of this.lines.slice(from)) {
			const match = expression.exec(line);
			if (match)
				return Promise.resolve(match);
		}
		let look;
		const seen = new Promise((resolve, reject) => {
			look = (line) => {
				const match = expression.exec(line);
				if (match)
					resolve(match);
			};
			this.waiting.add(look);
			this.exited.then((status) => reject(new Error(`${this.name} ended (${describe(status)}) before ${expression}`)));
		});
		return withPatience(seen, `${expression} of ${this.name}`).finally(() => this.waiting.delete(look));
	}

	// Pulls the plug.
	async kill() {
		this.child.kill('SIGKILL');
		return this.exited;
	}

	// Asks it to end; the status is that of an orderly end, or the test fails.
	async stop() {
		if (this.status === null)
			this.child.kill('SIGTERM');
		const status = await withPatience(this.exited, `the end of ${this.name}`);
		if (status.code !== 0)
			throw new Error(`${this.name} ended with ${describe(status)}`);
	}

	log() {
		return this.lines.map((line) => `  ${this.name}: ${line}`).join('\n');
	}
}

function describe({ code, signal, error }) {
	return error ? error.message : signal ? `signal ${signal}` : `status ${code}`;
}
