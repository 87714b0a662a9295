// Captures that a test makes: as large, or as long, as it needs them.
import { closeSync, openSync, writeSync } from 'node:fs';

/** Frames that are written at once. */
const TOGETHER = 5_000;

/** Bytes that a frame of so many takes in a file, with its head. */
export const record = (length) => length + 16;

/** Writes UDP as pcap: so many frames of so many bytes, so many microseconds from each to the next, of flows by turns. */
export function write(path, { frames, length, apart, flows = 4 }) {
  const file = openSync(path, 'w');
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  writeSync(file, head);
  const each = record(length);
  const records = Buffer.alloc(TOGETHER * each);
  for (let first = 0; first < frames; first += TOGETHER) {
    const count = Math.min(TOGETHER, frames - first);
    for (let place = 0; place < count; place++) {
      const number = first + place;
      const of = records.subarray(place * each, (place + 1) * each);
      of.writeUInt32LE(1_700_000_000 + Math.floor((number * apart) / 1e6), 0);
      of.writeUInt32LE((number * apart) % 1e6, 4);
      of.writeUInt32LE(length, 8);
      of.writeUInt32LE(length, 12);
      const frame = of.subarray(16);
      frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
      frame.writeUInt16BE(length - 14, 16);
      frame.set([64, 17], 22);
      const flow = number % flows;
      frame.set([10, 0, 1 + Math.floor(flow / 10_000), 1, 10, 0, 0, 2], 26);
      frame.writeUInt16BE(5_000 + (flow % 10_000), 34);
      frame.writeUInt16BE(6_000, 36);
      frame.writeUInt16BE(length - 34, 38);
    }
    writeSync(file, records, 0, count * each);
  }
  closeSync(file);
}
