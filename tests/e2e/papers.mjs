// Certificates for a test, in a folder that goes with it.
import fs from 'node:fs';
import path from 'node:path';
import { X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { program } from './lab.mjs';

const folder = path.join(process.env.CARDEA_LAB_DIR, `papers-${process.pid}`);
fs.mkdirSync(folder, { recursive: true });
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

const prefix = (name) => path.join(folder, name);
export const pem = (name) => `${prefix(name)}.pem`;
export const key = (name) => `${prefix(name)}.key`;
export const text = (name) => fs.readFileSync(pem(name), 'utf8');

export const fingerprint = (name) => new X509Certificate(text(name)).fingerprint256.replaceAll(':', '');

// A certificate with its key: `file` is how these tests call it.
export function make(file, { name = file, issuer, flags = [], ...options } = {}) {
	execFileSync(program('MAKE_CERTIFICATE'), [`--name=${name}`, ...(issuer ? [`--issuer=${prefix(issuer)}`] : []),
		...Object.entries(options).map(([option, value]) => `--${option}=${value}`),
		...flags.map((flag) => `--${flag}`), prefix(file)]);
}

// For the configuration of a bootstrap.
export function accountWith(name) {
	return { mode: 'x509', certificatePem: text(name), privateKeyPem: fs.readFileSync(key(name), 'utf8') };
}
