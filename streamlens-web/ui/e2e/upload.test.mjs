// Captures that are large: rows before the end, and an upload that is cut off.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, until } from './browser.mjs';
import { record, write } from './frames.mjs';
import { serve } from './server.mjs';

/** Bytes of the capture, at least. */
const SIZE = 200_000_000;
/** Bytes of each frame, and how many there are. */
const LENGTH = 1_400;
const FRAMES = Math.ceil(SIZE / record(LENGTH));
/** Bytes a second while rows are waited for: the upload takes minutes, so that they come before its end on any machine. */
const SLOWLY = 1_000_000;

let browser;
let folder;
let large;
before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'streamlens-e2e-'));
  large = join(folder, 'large.pcap');
  write(large, { frames: FRAMES, length: LENGTH, apart: 20 });
});
after(() => {
  if (folder) rmSync(folder, { recursive: true });
});

const analyses = async (server) => (await fetch(`${server.url}api/v1/analyses`)).json();

test('shows rows of 200 MB while they upload', async () => {
  const server = await serve([]);
  const { page, context, rows, close } = await open(browser, server.url);
  const slowly = await context.newCDPSession(page);
  const atMost = (uploadThroughput) =>
    slowly.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  // until rows are seen it takes its time
  await atMost(SLOWLY);
  await page.setInputFiles('input[type=file]', large);
  await until('four flows', async () => (await rows.count()) === 4);
  const [begun] = await analyses(server);
  assert.equal(begun.state, 'running');
  assert.ok(begun.bytes_read < begun.bytes_total, `${begun.bytes_read} bytes had come`);
  await page.locator('.uploads progress').waitFor();
  await atMost(-1);
  await until('all of it', async () => (await analyses(server))[0].state === 'ended');
  const [ended] = await analyses(server);
  assert.equal(ended.frames, FRAMES);
  assert.equal(ended.exit_status, 0);
  await page.locator('.uploads').waitFor({ state: 'detached' });
  await close();
  await server.stop();
});

test('an upload that its page cuts off is analysed as far as it came', async () => {
  const server = await serve([]);
  const { page, context, rows, verify } = await open(browser, server.url);
  const slowly = await context.newCDPSession(page);
  await slowly.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: SLOWLY,
  });
  await page.setInputFiles('input[type=file]', large);
  await until('rows', async () => (await rows.count()) === 4);
  verify();
  await context.close();
  await until('its end', async () => (await analyses(server))[0].state === 'ended');
  const [cut] = await analyses(server);
  assert.equal(cut.exit_status, 5);
  assert.ok(cut.frames > 0 && cut.frames < FRAMES, `${cut.frames} frames`);
  assert.ok(
    cut.messages.some((message) => message.includes('cut off')),
    cut.messages.join(),
  );
  // another page shows what came
  const second = await open(browser, server.url);
  await until('the rows', async () => (await second.rows.count()) === 4);
  await second.close();
  await server.stop();
});
