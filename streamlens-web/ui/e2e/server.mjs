// The built command as a server of its own, on a port of its own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The command: STREAMLENS_BIN, or that which cargo built last. */
export const command =
  process.env.STREAMLENS_BIN ??
  ['release', 'debug'].map((kind) => join(root, 'target', kind, 'streamlens')).find((path) => existsSync(path));

/** The demo capture. */
export const demo = join(root, 'examples/captures/demo.pcapng');

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
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${said}`);
    const answer = await fetch(`${url}healthz`).catch(() => undefined);
    if (answer?.ok) break;
    await new Promise((done) => setTimeout(done, 50));
  }
  return {
    url,
    port: at,
    said: () => said,
    async stop(signal = 'SIGINT') {
      child.kill(signal);
      await ended;
    },
  };
}
