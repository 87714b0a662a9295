// A capture that was read: table, filter, details, link, export, looks.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { launch, open, until } from './browser.mjs';
import { write } from './frames.mjs';
import { command, demo, serve } from './server.mjs';

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([serve([demo]), launch()]);
});

const IENA = '192.168.20.11:40001 -> 192.168.20.50:5600';
const rowOf = (page, name) => page.locator(`[data-row="${name}"]`);

test('shows all flows of the demo, and expands them by pointer and keys', async () => {
  const { page, rows, shot, close } = await open(browser, server.url);
  await until('23 flows', async () => (await rows.count()) === 23);
  assert.equal(await page.title(), 'StreamLens');
  assert.equal(await page.getAttribute('[role=treegrid]', 'aria-rowcount'), '24');
  await shot('flows');
  const clipped = await page
    .locator('[data-column=findings]')
    .evaluateAll((cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.innerText));
  assert.deepEqual(clipped, [], 'findings are seen whole');
  const [width, line] = await page.evaluate(() => {
    const text = document.body.appendChild(document.createElement('p'));
    text.innerHTML = '<span class="lamp is-live"></span> live';
    const sizes = [text.firstChild.getBoundingClientRect().width, document.querySelector('[role=status]').innerText];
    text.remove();
    return sizes;
  });
  assert.equal(width, 8, 'a lamp in a line of text has its size');
  assert.match(line, /23 flows/);
  await rowOf(page, IENA).locator('[data-twist]').click();
  await rowOf(page, `${IENA}/UDP/IENA`).waitFor();
  assert.equal(await rowOf(page, IENA).getAttribute('aria-expanded'), 'true');
  await rowOf(page, IENA).focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
  await rowOf(page, `${IENA}/UDP/IENA/stream:key 0x0A01`).waitFor();
  const stream = rowOf(page, `${IENA}/UDP/IENA/stream:key 0x0A01`);
  assert.equal(await stream.getAttribute('aria-level'), '4');
  assert.equal(await stream.locator('[data-column=lost]').innerText(), '3');
  await shot('tree');
  await page.keyboard.press('ArrowLeft');
  await stream.waitFor({ state: 'detached' });
  await page.keyboard.press('End');
  await until('the focus is on the last row', () =>
    page.evaluate(
      () =>
        document.activeElement?.getAttribute('aria-rowindex') ===
        document.querySelector('[role=treegrid]')?.getAttribute('aria-rowcount'),
    ),
  );
  await close();
});

test('filters: a right one, a wrong one, one completed by keys, one from a value', async () => {
  const { page, rows, shot, accessible, close } = await open(browser, server.url);
  await until('rows', async () => (await rows.count()) === 23);
  await page.keyboard.press('/');
  await page.keyboard.type('encoding == IENA and lost > 0');
  await page.keyboard.press('Enter');
  await until('one flow', async () => (await rows.count()) === 1);
  assert.match(page.url(), /filter=/);
  const box = page.getByRole('combobox', { name: 'Filter' });
  await box.fill('ptp and jiter > 5ms');
  await until(
    'the mistake is marked',
    async () =>
      (await page
        .locator('.filter-marks mark')
        .textContent()
        .catch(() => '')) === 'jiter',
  );
  assert.equal(await box.getAttribute('aria-invalid'), 'true');
  assert.match(await page.locator('.mistake').innerText(), /jitter/);
  await shot('filter-mistake');
  await accessible('a filter with a mistake');
  await box.fill('');
  await box.pressSequentially('enco');
  await page.getByRole('option', { name: 'encoding', exact: true }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await until('the completion is taken', async () => (await box.inputValue()).startsWith('encoding '));
  await page.keyboard.press('Escape');
  await box.fill('');
  await page.keyboard.press('Enter');
  await until('all flows again', async () => (await rows.count()) === 23);
  await rowOf(page, IENA)
    .locator('[data-column=dst] .text')
    .click({ modifiers: ['Control'] });
  await until('a filter from the value', async () => (await box.inputValue()).includes('192.168.20.50'));
  await close();
});

/** Holds what the page asks of an address until it is let go and answered; says how many it holds. */
async function hold(page, address) {
  const held = [];
  await page.route(address, (route) => held.push(route));
  return {
    count: () => held.length,
    release: async () => {
      await page.unroute(address);
      // what the page has given up meanwhile wants no answer
      for (const route of held.splice(0)) {
        await route.continue().catch(() => {});
        const answer = await route.request().response();
        await answer?.finished();
      }
      // what the page makes of it is drawn by then
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    },
  };
}

test('a late answer belongs to the text that it is of, and to no other', async () => {
  const { page, rows, close } = await open(browser, server.url);
  await until('rows', async () => (await rows.count()) === 23);
  const box = page.getByRole('combobox', { name: 'Filter' });
  const options = page.getByRole('option');
  const mark = page.locator('.filter-marks mark');
  // completions of another text are no choices, neither before nor after the answer
  await box.focus();
  await page.keyboard.press('ArrowDown');
  await options.first().waitFor();
  let late = await hold(page, '**/filter/complete');
  await box.pressSequentially('encoding == IENA');
  await until('completions are asked for', () => late.count() > 0);
  assert.equal(await options.filter({ visible: true }).count(), 0);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await until('one flow', async () => (await rows.count()) === 1);
  assert.equal(await box.inputValue(), 'encoding == IENA');
  await late.release();
  assert.equal(await options.filter({ visible: true }).count(), 0, 'the list stays shut');
  // so it is with mistakes
  await box.fill('jiter > 5ms');
  await until('the mistake is marked', async () => (await mark.count()) === 1);
  late = await hold(page, '**/filter/check');
  await box.fill('jitter > 5ms');
  await until('the text is checked', () => late.count() > 0);
  assert.equal(await box.getAttribute('aria-invalid'), 'false');
  assert.equal(await mark.count(), 0);
  await late.release();
  assert.equal(await mark.count(), 0);
  await close();
});

test('a completion puts the caret with the text, however late the next frame is', async () => {
  const { page, rows, close } = await open(browser, `${server.url}#filter=encoding%20%3D%3D%20IENA`);
  await until('one flow', async () => (await rows.count()) === 1);
  const box = page.getByRole('combobox', { name: 'Filter' });
  await box.fill('');
  await box.pressSequentially('enco');
  await page.getByRole('option', { name: 'encoding', exact: true }).waitFor();
  await page.evaluate(() => {
    const frames = [];
    const request = window.requestAnimationFrame;
    window.requestAnimationFrame = (frame) => frames.push(frame);
    window.letFramesCome = () => {
      window.requestAnimationFrame = request;
      for (const frame of frames) frame(performance.now());
    };
  });
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await until('the completion is taken', async () => (await box.inputValue()) === 'encoding ');
  assert.equal(await box.evaluate((input) => input.selectionStart), 'encoding '.length);
  await page.keyboard.press('Escape');
  await box.selectText();
  await page.evaluate(() => window.letFramesCome());
  await page.keyboard.press('Delete');
  assert.equal(await box.inputValue(), '');
  await page.keyboard.press('Enter');
  await until('all flows again', async () => (await rows.count()) === 23);
  await close();
});

test('sorts as the server does, by any column', async () => {
  const { page, rows, close } = await open(browser, server.url);
  await until('rows', async () => (await rows.count()) === 23);
  for (const [title, sort] of [
    ['#Frames', 'packets'],
    ['#Frames', '-packets'],
    ['\u0394T', 'dt'],
    ['Dst:Port', 'dst'],
  ]) {
    await page.getByRole('columnheader', { name: title, exact: true }).getByRole('button').click();
    const wanted = (await (await fetch(`${server.url}api/v1/analyses/1/flows?sort=${sort}`)).json()).order;
    await until(`sorted by ${sort}`, async () => {
      const names = await rows.evaluateAll((all) =>
        all.sort((one, other) => one.dataset.index - other.dataset.index).map((row) => row.dataset.row),
      );
      return JSON.stringify(names) === JSON.stringify(wanted);
    });
  }
  await close();
});

test('columns are chosen, moved and widened, and stay so', async () => {
  const { page, shot, accessible, close } = await open(browser, server.url);
  await page.locator('[data-row]').first().waitFor();
  await page.keyboard.press('c');
  await page.getByRole('checkbox', { name: /^Cast/ }).uncheck();
  await page.getByRole('checkbox', { name: /^Drift/ }).check();
  await page.getByRole('button', { name: 'Proto further left' }).click();
  await accessible('the columns');
  await shot('columns');
  await page.keyboard.press('Escape');
  const edge = await page.getByRole('columnheader', { name: 'Proto' }).locator('.edge').boundingBox();
  await page.mouse.move(edge.x + 3, edge.y + 3);
  await page.mouse.down();
  await page.mouse.move(edge.x + 63, edge.y + 3);
  await page.mouse.up();
  await page.reload();
  const titles = await page.getByRole('columnheader').allInnerTexts();
  assert.deepEqual(
    titles.slice(0, 4).map((title) => title.trim()),
    ['Src:Port', 'Dst:Port', 'Proto', 'VLAN'],
  );
  assert.ok(!titles.includes('Cast') && titles.some((title) => title.startsWith('Drift')));
  assert.ok((await page.getByRole('columnheader', { name: 'Proto' }).boundingBox()).width > 180);
  await close();
});

/** How many dots of a canvas are drawn on. */
const dots = (canvas) =>
  canvas.evaluate((of) => {
    const { data } = of.getContext('2d').getImageData(0, 0, of.width, of.height);
    let drawn = 0;
    for (let place = 3; place < data.length; place += 4) if (data[place] > 0) drawn += 1;
    return drawn;
  });

test('draws the details of a row of a capture', async () => {
  const { page, rows, shot, accessible, close } = await open(browser, server.url, {
    viewport: { width: 1400, height: 1800 },
  });
  await until('rows', async () => (await rows.count()) === 23);
  await rowOf(page, IENA).locator('[data-column=dst]').click();
  await page.locator('.histogram .bar').first().waitFor({ state: 'attached' });
  await page.locator('.details', { hasText: 'Health of the streams' }).waitFor();
  await shot('detail');
  await accessible('the details');
  await close();
});

test('charts of what comes zoom together, and a brush sets the span', async () => {
  // it goes on for longer than the test takes on any machine: where it started over, charts would begin anew under the hand
  const folder = mkdtempSync(join(tmpdir(), 'streamlens-e2e-'));
  const long = join(folder, 'long.pcap');
  write(long, { frames: 60_000, length: 200, apart: 20_000 });
  const server = await serve(['--replay', long]);
  const { page, context, rows, shot, accessible, close } = await open(browser, server.url, {
    viewport: { width: 1400, height: 1800 },
  });
  await until('rows', async () => (await rows.count()) === 4);
  await rows.first().locator('[data-column=dst]').click();
  // what stands above the charts
  await page.locator('.histogram .bar').first().waitFor({ state: 'attached' });
  await page.locator('.heat canvas').waitFor();
  await page.locator('.chart .u-over').first().waitFor();
  for (const canvas of await page.locator('.chart canvas').all())
    await until('a chart is drawn', async () => (await dots(canvas)) > 100);
  await shot('charts');
  await accessible('the charts');
  const over = page.locator('.chart .u-over').first();
  const before = await over.screenshot();
  const box = await over.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + 20);
  await page.mouse.wheel(0, -400);
  await until('zoomed', async () => !before.equals(await over.screenshot()));
  await over.dblclick();
  await page.keyboard.down('Shift');
  await page.mouse.move(box.x + box.width * 0.3, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 20, { steps: 4 });
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await until('the span is in the address', () => /from=.*to=/.test(page.url()));
  await shot('brush');
  // a link shows the same to somebody else
  const second = await open(browser, page.url(), { context });
  await until('the same rows', async () => (await second.rows.count()) === (await rows.count()));
  const shown = (of) => of.locator('.details h2').innerText();
  await until('the same details', async () => (await shown(second.page)) === (await shown(page)));
  second.verify();
  await close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

test('findings lead to their row', async () => {
  const { page, shot, accessible, close } = await open(browser, server.url);
  await page.locator('[data-row]').first().waitFor();
  await page.keyboard.press('f');
  const finding = page.locator('.finding', { hasText: 'iena.loss' });
  await finding.waitFor();
  await shot('findings');
  await accessible('the findings');
  await finding.getByRole('button', { name: 'To the row' }).click();
  await page.locator('.row.is-selected').waitFor();
  assert.match(await page.locator('.row.is-selected').getAttribute('data-row'), /UDP\/IENA/);
  await close();
});

test('what is saved is what the command prints', async () => {
  const { page, rows, close } = await open(
    browser,
    `${server.url}#filter=${encodeURIComponent('encoding == IENA')}&depth=stream`,
  );
  await until('rows', async () => (await rows.count()) > 1);
  await page.getByRole('button', { name: 'Save' }).click();
  const href = await page.getByRole('link', { name: /JSON$/ }).first().getAttribute('href');
  const saved = JSON.parse(await (await fetch(href)).text());
  const printed = JSON.parse(
    execFileSync(command, ['-Y', 'encoding == IENA', '--format', 'json', demo], { encoding: 'utf8' }),
  );
  assert.deepEqual(saved.flows, printed.flows);
  assert.deepEqual(saved.findings, printed.findings);
  await close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`is accessible, ${colorScheme}, wide and at 390`, async () => {
    const { page, rows, shot, accessible, close } = await open(browser, server.url, { colorScheme });
    await until('rows', async () => (await rows.count()) === 23);
    await accessible('the table');
    await page.keyboard.press('?');
    await accessible('the keys');
    await shot(`keys-${colorScheme}`);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Pages' }).click();
    await page.locator('.paged tbody tr').first().waitFor();
    await accessible('the pages');
    await page.getByRole('button', { name: 'Pages' }).click();
    await page.setViewportSize({ width: 390, height: 800 });
    await rows.first().waitFor();
    await accessible('at 390');
    await shot(`narrow-${colorScheme}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `the page itself doesn't scroll sideways: ${wide}`);
    await rowOf(page, IENA).locator('[data-column=src] .text').click();
    await page.locator('.details h2').waitFor();
    await accessible('details at 390');
    await shot(`narrow-detail-${colorScheme}`);
    await close();
  });
}
