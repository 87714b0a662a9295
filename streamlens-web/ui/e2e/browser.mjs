// A browser, and pages that are watched for what must never happen.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const out = join(here, 'out');
mkdirSync(out, { recursive: true });

/** How long anything may take, on a machine however busy, in milliseconds: nothing is judged by it but that it never comes. */
const PATIENCE = 120_000;

/** Browsers that run. */
const running = new Set();
// also where a hook or a test has failed
after(() => Promise.all([...running].map((browser) => browser.close())));

/** Starts a browser, which ends with the tests of the file. */
export async function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  running.add(browser);
  return browser;
}

/** A page whose console, policy violations and requests are looked at by `verify`. */
export async function open(browser, url, options = {}) {
  const context = options.context ?? (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  const { host } = new URL(url);
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (options.allow?.test(message.text())) return;
    faults.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const to = new URL(request.url());
    if (!['data:', 'blob:'].includes(to.protocol) && to.host !== host) faults.push(`foreign request: ${request.url()}`);
  });
  await page.exposeFunction('tellViolation', (text) => faults.push(`policy: ${text}`));
  await page.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) =>
      window.tellViolation(`${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  await page.goto(url);
  return {
    page,
    context,
    rows: page.locator('[role=treegrid] [data-row]'),
    /** Keeps a picture, to be looked at. */
    shot: (name) => page.screenshot({ path: join(out, `${name}.png`) }),
    /** axe finds nothing. */
    async accessible(what) {
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      const told = violations.map(
        (one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`,
      );
      assert.deepEqual(told, [], what);
    },
    /** Nothing has happened that must not. */
    verify: () => assert.deepEqual(faults, []),
    async close() {
      assert.deepEqual(faults, []);
      await context.close();
    },
  };
}

/** Waits until something is so. */
export async function until(what, is) {
  const end = Date.now() + PATIENCE;
  let last;
  while (Date.now() < end) {
    last = await is();
    if (last) return last;
    await new Promise((done) => setTimeout(done, 50));
  }
  return assert.fail(`${what}: not within ${PATIENCE} ms`);
}
