// Frames that come: figures, heat map, time; captures that are dropped; a server that goes and comes back; tokens.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, open, until } from './browser.mjs';
import { write } from './frames.mjs';
import { demo, serve } from './server.mjs';

let browser;
let folder;
before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'streamlens-e2e-'));
});
after(async () => {
  if (folder) rmSync(folder, { recursive: true });
});

const frames = async (page) =>
  Number((await page.locator('.summary').innerText()).match(/([\d,]+) frames/)?.[1].replaceAll(',', ''));

test('shows frames as they come, a heat map by the second, and moments that were', async () => {
  // it goes on for longer than the test takes on any machine
  const long = join(folder, 'long.pcap');
  write(long, { frames: 60_000, length: 200, apart: 20_000 });
  const server = await serve(['--replay', long]);
  const { page, rows, shot, close } = await open(browser, server.url, { viewport: { width: 1400, height: 1200 } });
  await until('rows', async () => (await rows.count()) === 4);
  const first = await frames(page);
  await until('more frames', async () => (await frames(page)) > first + 20);
  await rows.first().locator('[data-column=dst]').click();
  const heat = page.locator('.heat canvas');
  await heat.waitFor();
  const columns = async () => Number(await heat.getAttribute('data-columns'));
  const had = await columns();
  await until('the heat map grows by a column', async () => (await columns()) > had);
  await shot('live');
  await page.keyboard.press('p');
  await page.locator('.timebar.is-past').waitFor();
  await until('the moment is in the address', () => /at=/.test(page.url()));
  const held = await page.locator('.summary .time').innerText();
  const heldFrames = await frames(page);
  await page.keyboard.press('[');
  await until('a moment before', async () => (await page.locator('.summary .time').innerText()) < held);
  assert.ok((await frames(page)) < heldFrames, 'fewer frames were there then');
  await shot('past');
  await page.keyboard.press('l');
  await page.locator('.timebar .is-live').waitFor();
  await until('now again', async () => (await frames(page)) >= heldFrames);
  await close();
  await server.stop();
});

test('takes captures, shows rows of them, and says why it takes another thing not', async () => {
  const server = await serve([]);
  const { page, rows, shot, accessible, close } = await open(browser, server.url, { allow: /status of 422/ });
  await page.getByRole('heading', { name: 'Drop a capture here' }).waitFor();
  await accessible('the empty page');
  await shot('empty');
  await page.setInputFiles('input[type=file]', demo);
  await until('23 flows', async () => (await rows.count()) === 23);
  await page.locator('.tab', { hasText: 'demo.pcapng' }).waitFor();
  const junk = join(folder, 'junk.pcap');
  writeFileSync(junk, 'hello');
  await drop(page, junk, 'junk.pcap');
  await page.locator('.uploads .is-bad', { hasText: 'junk.pcap' }).waitFor();
  await shot('upload-refused');
  await accessible('a capture that was refused');
  await close();
  await server.stop();
});

/** Drops a file on the page, as a hand would. */
async function drop(page, path, name) {
  const bytes = [...readFileSync(path)];
  const data = await page.evaluateHandle(
    ([bytes, name]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(bytes)], name));
      return transfer;
    },
    [bytes, name],
  );
  for (const type of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('.app', type, { dataTransfer: data });
}

test('says that the connection is lost, keeps what it has, and is right again by itself', async () => {
  const server = await serve([demo]);
  const { page, rows, shot, accessible, close } = await open(browser, server.url, {
    allow: /WebSocket connection|ERR_CONNECTION_(REFUSED|RESET)/,
  });
  await until('rows', async () => (await rows.count()) === 23);
  await server.stop('SIGKILL');
  // that it takes at most 2 s is judged by clocks of their own, in src/store/connection.test.ts
  await page.locator('.lost').waitFor();
  assert.equal(await rows.count(), 23);
  await shot('lost');
  await accessible('a lost connection');
  const again = await serve([demo], { port: server.port });
  await page.locator('.lost').waitFor({ state: 'detached' });
  await until('rows again', async () => (await rows.count()) === 23);
  await close();
  await again.stop();
});

test('says that a token is missing, or wrong', async () => {
  const token = join(folder, 'token-asked-for');
  writeFileSync(token, 'correct-horse-battery-staple-0123456789\n', { mode: 0o600 });
  const server = await serve(['--token-file', token, demo]);
  const allow = /WebSocket connection|status of 401/;
  for (const [fragment, wanted] of [
    ['', 'The server asks for a token: open the page with #token=TOKEN behind its address.'],
    [
      '#token=battery-staple',
      'The token is not that of the server: open the page with #token=TOKEN behind its address.',
    ],
  ]) {
    const { page, shot, accessible, close } = await open(browser, server.url + fragment, { allow });
    await page.locator('.lost strong', { hasText: wanted }).waitFor();
    await page.locator('.empty', { hasText: wanted }).waitFor();
    assert.ok(!page.url().includes('battery'), page.url());
    await accessible('a token is asked for');
    await shot(fragment === '' ? 'token-missing' : 'token-wrong');
    await close();
  }
  await server.stop();
});

test('many analyses stay tabs that can be read', async () => {
  const server = await serve(['--max-analyses', '16']);
  const headers = { 'Content-Type': 'application/octet-stream' };
  const body = readFileSync(demo);
  for (let number = 1; number <= 14; number++) {
    const answer = await fetch(`${server.url}api/v1/analyses?name=capture-${number}.pcapng`, {
      method: 'POST',
      headers,
      body,
    });
    assert.equal(answer.status, 201);
  }
  const all = async () => (await fetch(`${server.url}api/v1/analyses`)).json();
  await until('all are read', async () => (await all()).every((analysis) => analysis.state === 'ended'));
  const { page, rows, shot, accessible, close } = await open(browser, `${server.url}#analysis=14`);
  await until('rows', async () => (await rows.count()) === 23);
  const names = page.locator('.tab .name');
  assert.equal(await names.count(), 14);
  const cut = await names.evaluateAll((all) => all.filter((name) => name.scrollWidth > name.clientWidth).length);
  assert.equal(cut, 0, 'each name is whole');
  const seen = await page.locator('.tab.is-shown').evaluate((tab) => {
    const [of, around] = [tab.getBoundingClientRect(), tab.parentElement.getBoundingClientRect()];
    return of.left >= around.left - 1 && of.right <= around.right + 1;
  });
  assert.ok(seen, 'the tab of what is shown is seen');
  await accessible('many tabs');
  await shot('tabs');
  await close();
  await server.stop();
});

test('trades the token in the address for a cookie, and forgets it', async () => {
  const token = join(folder, 'token');
  writeFileSync(token, 'correct-horse-battery-staple-0123456789\n', { mode: 0o600 });
  const server = await serve(['--token-file', token, demo]);
  const { page, context, rows, shot, close } = await open(
    browser,
    `${server.url}#token=correct-horse-battery-staple-0123456789&sort=bytes`,
    { allow: /WebSocket connection|ERR_CONNECTION_(REFUSED|RESET)|status of 401/ },
  );
  await until('rows', async () => (await rows.count()) === 23);
  assert.ok(!page.url().includes('token'), page.url());
  assert.match(page.url(), /sort=bytes/);
  const [cookie] = await context.cookies();
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict');
  await page.reload();
  await until('rows again, by the cookie', async () => (await rows.count()) === 23);
  // the cookie is of one start: the page says what to do, and keeps what it has
  await server.stop('SIGKILL');
  const again = await serve(['--token-file', token, demo], { port: server.port });
  await page.locator('.lost strong', { hasText: 'was started anew, and asks for the token again' }).waitFor();
  assert.equal(await rows.count(), 23);
  await shot('token-again');
  await close();
  await again.stop();
});
