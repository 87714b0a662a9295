import type { Bucket } from '../protocol';

/** A bin of a scale by powers of ten. */
export interface Bin {
  low: number;
  high: number;
  count: number;
}

/** So many bins a power of ten. */
export const PER_DECADE = 24;

/** The bin of a length in nanoseconds, counted from 1 ns. */
export function binOf(nanos: number): number {
  return nanos <= 1 ? 0 : Math.floor(Math.log10(nanos) * PER_DECADE + 1e-9);
}

/** The shortest length of a bin, in nanoseconds. */
export const lowOf = (bin: number): number => 10 ** (bin / PER_DECADE);

/** A bucket belongs to the bin of its middle. */
export function binOfBucket(bucket: Bucket): number {
  return binOf(bucket.low_ns > 0 ? Math.sqrt(bucket.low_ns * bucket.high_ns) : bucket.high_ns / 2);
}

/** Counts of buckets by bins, with the empty bins between them. */
export function binned(buckets: readonly Bucket[]): Bin[] {
  if (buckets.length === 0) return [];
  const counts = new Map<number, number>();
  for (const bucket of buckets) {
    const bin = binOfBucket(bucket);
    counts.set(bin, (counts.get(bin) ?? 0) + bucket.count);
  }
  const bins = [...counts.keys()];
  const first = bins.reduce((one, other) => Math.min(one, other));
  const last = bins.reduce((one, other) => Math.max(one, other));
  return Array.from({ length: last - first + 1 }, (_, place) => {
    const bin = first + place;
    return { low: lowOf(bin), high: lowOf(bin + 1), count: counts.get(bin) ?? 0 };
  });
}
