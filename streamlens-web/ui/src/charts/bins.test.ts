import { expect, it } from 'vitest';
import { binned, binOf, lowOf, PER_DECADE } from './bins';

it('puts lengths into bins by powers of ten', () => {
  expect([0, 1, 10, 1000, 1e9].map(binOf)).toEqual([0, 0, PER_DECADE, 3 * PER_DECADE, 9 * PER_DECADE]);
  expect(lowOf(binOf(1e6))).toBeCloseTo(1e6);
});

it('adds up the buckets of a bin, and keeps the empty ones between', () => {
  const bins = binned([
    { low_ns: 1000, high_ns: 1010, count: 2 },
    { low_ns: 1011, high_ns: 1020, count: 3 },
    { low_ns: 10_000, high_ns: 10_100, count: 1 },
  ]);
  expect(bins.length).toBe(PER_DECADE + 1);
  expect(bins[0]?.count).toBe(5);
  expect(bins.at(-1)?.count).toBe(1);
  expect(bins.reduce((sum, bin) => sum + bin.count, 0)).toBe(6);
  expect(binned([])).toEqual([]);
});
