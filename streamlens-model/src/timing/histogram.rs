//! Counts of values in buckets of bounded relative width, in little memory.

use histogram::{Config, SparseHistogram};

/// Powers of two are cut into `2^GROUPING` buckets, so that a bucket is at most 1/64 of its lower end wide and its
/// middle at most 0.79 % away from any value in it.
const GROUPING: u32 = 6;
/// Values below are counted exactly.
const EXACT: u64 = 1 << (GROUPING + 1);
/// Buckets that are kept together; eight counts are one cache line.
const PAGE: u32 = 8;

/// The buckets of the `histogram` crate (grouping power 6, all of `u64`), of which only pages with counts exist.
///
/// A steady stream touches two or three pages (66 bytes each), a stream that jitters over three decades about
/// eighty (5 KiB); all pages of `u64` are 466 (30 KiB).
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    numbers: Vec<u16>,
    counts: Vec<[u64; PAGE as usize]>,
    /// The page that was counted in last, and where it stands.
    number: u32,
    last: usize,
}

impl Histogram {
    /// Counts a value.
    #[inline]
    pub(crate) fn add(&mut self, value: u64) {
        let bucket = bucket_of(value);
        match self.counts.get_mut(self.last) {
            Some(page) if bucket / PAGE == self.number => page[(bucket % PAGE) as usize] += 1,
            _ => self.add_many(bucket, 1),
        }
    }

    /// Counts in another bucket's page than last.
    #[inline(never)]
    fn add_many(&mut self, bucket: u32, count: u64) {
        self.number = bucket / PAGE;
        let number = self.number as u16;
        self.last = self.numbers.binary_search(&number).unwrap_or_else(|place| {
            self.numbers.insert(place, number);
            self.counts.insert(place, [0; PAGE as usize]);
            place
        });
        if let Some(page) = self.counts.get_mut(self.last) {
            page[(bucket % PAGE) as usize] += count;
        }
    }

    /// Adds the counts of another histogram.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets() {
            self.add_many(bucket, count);
        }
    }

    /// Buckets with counts, in order.
    fn buckets(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.numbers.iter().zip(&self.counts).flat_map(|(&number, page)| {
            let first = u32::from(number) * PAGE;
            (first..).zip(page.iter().copied()).filter(|&(_, count)| count > 0)
        })
    }

    /// The middles of buckets with counts, in order.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets().map(|(bucket, count)| (middle(bucket), count))
    }

    /// The values below which the given parts (0.0 to 1.0) of all values lie, as the middle of the bucket that holds
    /// that rank. `None` without values.
    pub(crate) fn quantiles<const N: usize>(&self, parts: [f64; N]) -> Option<[u64; N]> {
        let (buckets, counts): (Vec<u32>, Vec<u64>) = self.buckets().unzip();
        let config = Config::new(GROUPING as u8, 64).ok()?;
        let sparse = SparseHistogram::from_parts(config, buckets, counts).ok()?;
        let found = sparse.quantiles(&parts).ok()??;
        let mut out = [0; N];
        for (slot, part) in out.iter_mut().zip(parts) {
            let part = histogram::Quantile::new(part).ok()?;
            let bucket = found.get(&part)?;
            *slot = bucket.start() + (bucket.end() - bucket.start()) / 2;
        }
        Some(out)
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.numbers.capacity() * 2 + self.counts.capacity() * size_of::<[u64; PAGE as usize]>()
    }
}

/// The index of a value's bucket.
#[inline]
const fn bucket_of(value: u64) -> u32 {
    if value < EXACT {
        return value as u32;
    }
    let power = value.ilog2();
    let within = (value >> (power - GROUPING)) as u32 & ((1 << GROUPING) - 1);
    EXACT as u32 + ((power - GROUPING - 1) << GROUPING) + within
}

/// The middle of a bucket.
const fn middle(bucket: u32) -> u64 {
    if bucket < EXACT as u32 {
        return bucket as u64;
    }
    let (group, within) = ((bucket - EXACT as u32) >> GROUPING, (bucket - EXACT as u32) & ((1 << GROUPING) - 1));
    let shift = group + 1;
    let start = ((1_u64 << GROUPING) + within as u64) << shift;
    start + ((1_u64 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn buckets_are_those_of_the_histogram_crate(shift in 0_u32..64, low in any::<u64>()) {
            let value = low >> shift;
            let mut dense = ::histogram::Histogram::new(GROUPING as u8, 64).unwrap();
            dense.increment(value).unwrap();
            let bucket = dense.iter().enumerate().find(|(_, b)| b.count() > 0).unwrap();
            prop_assert_eq!(bucket.0 as u32, bucket_of(value));
            let range = bucket.1.start()..=bucket.1.end();
            prop_assert!(range.contains(&middle(bucket_of(value))), "{} in {:?}", middle(bucket_of(value)), range);
        }

        #[test]
        fn the_middle_is_within_one_percent(shift in 0_u32..64, low in any::<u64>()) {
            let value = low >> shift;
            prop_assert!(middle(bucket_of(value)).abs_diff(value) as f64 <= value as f64 * 0.0079);
        }
    }
}
