// Fails where the built page is larger than what a first visit may cost.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const LIMIT = 250 * 1024;

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

const sizes = files('dist').map((path) => [path, gzipSync(readFileSync(path), { level: 9 }).length]);
const total = sizes.reduce((sum, [, size]) => sum + size, 0);
for (const [path, size] of sizes) console.log(`${String(size).padStart(8)} ${path}`);
console.log(`${String(total).padStart(8)} gzipped in all, of ${LIMIT}`);
process.exit(total > LIMIT ? 1 : 0);
