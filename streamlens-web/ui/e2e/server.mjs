// The built command as a server of its own, on a port of its own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The command: STREAMLENS_BIN, or that which cargo built last. */
export const command =
  process.env.STREAMLENS_BIN ??
  ['release', 'debug'].map((kind) => join(root, 'target', kind, 'streamlens')).find((path) => existsSync(path));

/** The demo capture. */
export const demo = join(root, 'examples/captures/demo.pcapng');

/** Servers that run. */
const running = new Set();
const endAll = (signal) => [...running].map((server) => server.stop(signal));
// a test that fails leaves its servers behind, and those would keep this process
after(() => Promise.all(endAll()));
process.on('exit', () => endAll('SIGKILL'));

/** A server that has not ended after this time, in milliseconds, is killed. */
const PATIENCE = 10_000;

function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.on('error', failed);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/** Starts `streamlens serve` and waits until it answers. */
export async function serve(args, { port } = {}) {
  if (command === undefined) throw new Error('there is no command: cargo build, or set STREAMLENS_BIN');
  const at = port ?? (await freePort());
  const child = spawn(command, ['serve', '--listen', `127.0.0.1:${at}`, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text;
    });
  }
  const ended = new Promise((done) => child.on('exit', done));
  const url = `http://127.0.0.1:${at}/`;
  const server = {
    url,
    port: at,
    pid: child.pid,
    said: () => said,
    async stop(signal = 'SIGINT') {
      running.delete(server);
      child.kill(signal);
      const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
      await ended;
      clearTimeout(late);
    },
  };
  running.add(server);
  for (const end = Date.now() + 12 * PATIENCE; ; ) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${said}`);
    const answer = await fetch(`${url}healthz`).catch(() => undefined);
    if (answer?.ok) return server;
    if (Date.now() > end) throw new Error(`the server does not answer: ${said}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
