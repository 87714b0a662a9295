// What the page costs with 50,000 flows of which 5,000 change a tick: figures of one run, in Chromium without a screen.
// `npm run figures`, or `npm run figures -- MINUTES` for how long memory is looked at; 30 unless told.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch, open, until } from './browser.mjs';
import { write } from './frames.mjs';
import { serve } from './server.mjs';

const minutes = Number(process.argv[2] ?? 30);
const FLOWS = 50_000;
const folder = mkdtempSync(join(tmpdir(), 'streamlens-figures-'));
const capture = join(folder, 'many.pcap');
// half a minute, again and again: each flow has a frame a second
write(capture, { frames: 1_500_000, length: 90, apart: 20, flows: FLOWS });
const server = await serve(['--replay', '--loop', capture]);
const browser = await launch();
const say = (what, value, bound) => console.log(`${what.padEnd(60)} ${value.padStart(12)}   ${bound}`);
const seconds = (count) => new Promise((done) => setTimeout(done, count * 1000));

// how long messages take, from before the page listens
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
await context.addInitScript(() => {
  window.took = [];
  window.long = [];
  new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => one.duration))).observe({
    type: 'longtask',
  });
  const { get, set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
  Object.defineProperty(WebSocket.prototype, 'onmessage', {
    get,
    set(listener) {
      set.call(this, (event) => {
        const begun = performance.now();
        listener(event);
        window.took.push(performance.now() - begun);
      });
    },
  });
  Object.defineProperty(document, 'hidden', { get: () => window.isHidden ?? false });
});
const { page, rows } = await open(browser, server.url, { context });
await until('rows', async () => (await rows.count()) > 10);
await until('all flows', async () => /50,000 flows/.test(await page.locator('.app').innerText()));
const devtools = await context.newCDPSession(page);
await devtools.send('Performance.enable');
const metric = async (name) =>
  (await devtools.send('Performance.getMetrics')).metrics.find((one) => one.name === name).value;
const heap = async () => {
  await devtools.send('HeapProfiler.collectGarbage');
  return (await devtools.send('Runtime.getHeapUsage')).usedSize / (1 << 20);
};
/** Frames a second while something is done. */
async function frames(doing) {
  const counted = page.evaluate(
    () =>
      new Promise((done) => {
        const end = performance.now() + 8000;
        let count = 0;
        const frame = () => {
          count += 1;
          if (performance.now() < end) requestAnimationFrame(frame);
          else done(count / 8);
        };
        requestAnimationFrame(frame);
      }),
  );
  let isDone = false;
  counted.then(() => {
    isDone = true;
  });
  while (!isDone) await doing();
  return counted;
}

// the first show is over
await seconds(5);
await page.evaluate(() => {
  window.took.length = 0;
  window.long.length = 0;
});
const still = await frames(() => seconds(0.1));
await page.mouse.move(600, 500);
const scrolled = await frames(async () => {
  await page.mouse.wheel(0, 300);
  await seconds(0.016);
});
say('frames/s standing still, scrolling', `${still.toFixed(1)}, ${scrolled.toFixed(1)}`, '');
say('scrolling : standing still', (scrolled / still).toFixed(3), '>= 0.9');
const [took, long] = await page.evaluate(() => [window.took, window.long]);
took.sort((one, other) => one - other);
say(`applying a message, p95 of ${took.length}`, `${took[Math.floor(took.length * 0.95)].toFixed(2)} ms`, '<= 4 ms');
say('tasks over 50 ms, the longest', `${long.length}, ${Math.max(0, ...long).toFixed(0)} ms`, 'none');
const shown = await metric('TaskDuration');
await seconds(10);
const ofShown = (await metric('TaskDuration')) - shown;
const hide = (is) =>
  page.evaluate((is) => {
    window.isHidden = is;
    document.dispatchEvent(new Event('visibilitychange'));
  }, is);
await hide(true);
await seconds(2);
const hidden = await metric('TaskDuration');
await seconds(10);
const ofHidden = (await metric('TaskDuration')) - hidden;
await hide(false);
say('seconds of work in ten, shown and hidden', `${ofShown.toFixed(3)}, ${ofHidden.toFixed(3)}`, '');
say('hidden : shown', (ofHidden / ofShown).toFixed(4), '<= 0.02');
await seconds(60);
const first = await heap();
await seconds(60 * (minutes - 1));
const last = await heap();
say(`used heap after 1 and ${minutes} min`, `${first.toFixed(1)}, ${last.toFixed(1)} MiB`, '');
say(`after ${minutes} min : after 1 min`, (last / first).toFixed(3), '<= 1.1');
await server.stop();
await browser.close();
rmSync(folder, { recursive: true });
