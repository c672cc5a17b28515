// Somebody else's plugin: built against what is installed and nothing else, loaded by the installed server's own rules.
import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { labTest, program } from './lab.mjs';

const run = promisify(execFile);

function findFile(folder, name) {
	const found = fs.readdirSync(folder, { recursive: true }).find((file) => path.basename(file) === name);
	assert.ok(found, `${name} is installed`);
	return path.join(folder, found);
}

async function buildPlugin(lab, name) {
	const root = path.join(lab.folder, 'root'), source = path.join(lab.folder, `${name}.c`), plugin = path.join(lab.folder, `${name}.so`);
	await run('meson', ['install', '-C', program('CARDEA_BUILD'), '--no-rebuild', '--quiet'], { env: { ...process.env, DESTDIR: root } });
	const text = fs.readFileSync(program('EXAMPLE_SOURCE'), 'utf8');
	fs.writeFileSync(source, text.replaceAll('"example', `"${name}`));
	const environment = { ...process.env, PKG_CONFIG_PATH: path.dirname(findFile(root, 'cardea.pc')), PKG_CONFIG_SYSROOT_DIR: root };
	const flags = await run('pkg-config', ['--cflags', '--libs', 'cardea'], { env: environment });
	await run('cc', ['-shared', '-fPIC', '-Werror', '-o', plugin, source, ...flags.stdout.trim().split(/\s+/), ...sanitizers()]);
	return plugin;
}

// What the library was built with, whoever links it needs too.
function sanitizers() {
	const kinds = process.env.CARDEA_SANITIZED;
	return kinds ? [`-fsanitize=${kinds}`] : [];
}

labTest('is built with pkg-config, loaded and run', {}, async (lab) => {
	const plugin = await buildPlugin(lab, 'outside');
	await lab.server.stop();
	fs.copyFileSync(plugin, path.join(lab.folder, 'plugins', 'outside.so'));
	await lab.server.start();
	const { items } = await lab.rest.get('/operations');
	assert.ok(items.some(({ operation, plugin: owner }) => operation === 'outside.identify' && owner === 'outside'));
	await lab.device('d');
	const job = await lab.run('d', 'outside.identify');
	assert.equal(job.state, 'succeeded', JSON.stringify(job.error));
	assert.deepEqual(job.result, { manufacturer: 'Cardea', modelNumber: 'reference device', serialNumber: 'd' });
});

labTest('one that cannot be loaded keeps the server from starting, and is named', {}, async (lab) => {
	await lab.server.stop();
	fs.writeFileSync(path.join(lab.folder, 'plugins', 'broken.so'), 'not a shared object');
	await assert.rejects(lab.server.start(), /ended \(status 1\)/);
	assert.match(lab.server.process.log(), /broken\.so/);
});
