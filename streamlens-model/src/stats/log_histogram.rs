//! Counts of values in buckets of bounded relative width, in little memory.

/// Buckets that are kept together; eight counts are one cache line.
const PAGE: u32 = 8;

/// A logarithmic histogram of unsigned numbers, of which only the parts with counts take memory.
///
/// Each power of two is cut into `2^GROUPING` buckets, and numbers below `2^(GROUPING + 1)` have a bucket each. With the
/// grouping of 6 that it has unless told, a bucket is at most 1/64 of its lower end wide and its middle at most 0.79 %
/// away from any number in it. The buckets are those of the `histogram` crate with the same grouping power.
///
/// Memory grows by pages of eight neighbouring buckets (66 bytes each): a steady stream touches two or three, one that
/// scatters over three decades about eighty (5 KiB); all pages of a grouping of 6 are 466 (30 KiB).
///
/// ```
/// use streamlens_model::stats::LogHistogram;
/// let mut histogram: LogHistogram = LogHistogram::default();
/// (1..=1000).for_each(|number| histogram.add(number));
/// let median = histogram.quantile(0.5).unwrap().middle();
/// assert!(median.abs_diff(500) <= 4);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LogHistogram<const GROUPING: u32 = 6> {
    numbers: Vec<u16>,
    counts: Vec<[u64; PAGE as usize]>,
    /// The number of the page that was counted in last, and its index.
    number: u32,
    last: usize,
}

/// A bucket of a [`LogHistogram`]: the numbers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The lowest number in it.
    pub low: u64,
    /// The highest number in it.
    pub high: u64,
}

impl Bucket {
    /// Its middle, rounded down.
    #[must_use]
    pub const fn middle(self) -> u64 {
        self.low + (self.high - self.low) / 2
    }
}

/// The bucket that holds a given rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The bucket.
    pub bucket: Bucket,
    /// How many numbers are in lower buckets.
    pub below: u64,
    /// How many numbers are in it.
    pub count: u64,
}

impl<const GROUPING: u32> LogHistogram<GROUPING> {
    /// Numbers below have a bucket each.
    const EXACT: u64 = 1 << (GROUPING + 1);

    /// Counts a number.
    #[inline]
    pub fn add(&mut self, value: u64) {
        let bucket = Self::index_of(value);
        match self.counts.get_mut(self.last) {
            Some(page) if bucket / PAGE == self.number => page[(bucket % PAGE) as usize] += 1,
            _ => self.add_many(bucket, 1),
        }
    }

    /// Counts in another page than last.
    #[inline(never)]
    fn add_many(&mut self, bucket: u32, count: u64) {
        self.number = bucket / PAGE;
        // there are at most 2^GROUPING * 65 buckets, an eighth as many pages
        let number = self.number as u16;
        self.last = self.numbers.binary_search(&number).unwrap_or_else(|index| {
            self.numbers.insert(index, number);
            self.counts.insert(index, [0; PAGE as usize]);
            index
        });
        if let Some(page) = self.counts.get_mut(self.last) {
            page[(bucket % PAGE) as usize] += count;
        }
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.indexed() {
            self.add_many(bucket, count);
        }
    }

    /// Buckets with counts, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        self.indexed().map(|(index, count)| (Self::bucket(index), count))
    }

    fn indexed(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.numbers.iter().zip(&self.counts).flat_map(|(&number, page)| {
            let first = u32::from(number) * PAGE;
            (first..).zip(page.iter().copied()).filter(|&(_, count)| count > 0)
        })
    }

    /// How many numbers were counted. Walks all buckets.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// The bucket of the number of a rank, 1 being the lowest; of ranks beyond the last, that of the highest number.
    /// `None` without numbers. Walks the buckets.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> Option<Ranked> {
        let (mut below, mut last) = (0, None);
        for (index, count) in self.indexed() {
            last = Some((index, below, count));
            if below + count >= rank {
                break;
            }
            below += count;
        }
        last.map(|(index, below, count)| Ranked { bucket: Self::bucket(index), below, count })
    }

    /// The bucket that a part (0.0 to 1.0) of all numbers do not exceed, by nearest rank. `None` without numbers.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Bucket> {
        let rank = (part * self.total() as f64).ceil() as u64;
        self.at_rank(rank.max(1)).map(|ranked| ranked.bucket)
    }

    /// The bucket that a number is counted in.
    #[must_use]
    pub const fn bucket_of(value: u64) -> Bucket {
        Self::bucket(Self::index_of(value))
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<u16>() + self.counts.capacity() * size_of::<[u64; PAGE as usize]>()
    }

    /// The index of a number's bucket.
    #[inline]
    const fn index_of(value: u64) -> u32 {
        if value < Self::EXACT {
            return value as u32;
        }
        let power = value.ilog2();
        let within = (value >> (power - GROUPING)) as u32 & ((1 << GROUPING) - 1);
        Self::EXACT as u32 + ((power - GROUPING - 1) << GROUPING) + within
    }

    const fn bucket(index: u32) -> Bucket {
        if index < Self::EXACT as u32 {
            return Bucket { low: index as u64, high: index as u64 };
        }
        let beyond = index - Self::EXACT as u32;
        let shift = (beyond >> GROUPING) + 1;
        let low = ((1_u64 << GROUPING) + (beyond & ((1 << GROUPING) - 1)) as u64) << shift;
        Bucket { low, high: low + ((1_u64 << shift) - 1) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Histogram = LogHistogram<6>;

    fn anything() -> impl Strategy<Value = u64> {
        (0_u32..64, any::<u64>()).prop_map(|(shift, low)| low >> shift)
    }

    #[test]
    fn without_numbers_there_is_no_rank() {
        assert_eq!((Histogram::default().at_rank(1), Histogram::default().quantile(0.5)), (None, None));
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_the_histogram_crate(value in anything()) {
            let mut dense = ::histogram::Histogram::new(6, 64).unwrap();
            dense.increment(value).unwrap();
            let bucket = dense.iter().enumerate().find(|(_, b)| b.count() > 0).unwrap();
            let index = Histogram::index_of(value);
            prop_assert_eq!(bucket.0 as u32, index);
            prop_assert_eq!(Histogram::bucket(index), Bucket { low: bucket.1.start(), high: bucket.1.end() });
        }

        #[test]
        fn a_number_is_in_its_bucket_and_the_middle_near_it(value in anything()) {
            let (fine, coarse) = (Histogram::bucket(Histogram::index_of(value)), LogHistogram::<5>::bucket(LogHistogram::<5>::index_of(value)));
            prop_assert!((fine.low..=fine.high).contains(&value) && (coarse.low..=coarse.high).contains(&value));
            prop_assert!(fine.middle().abs_diff(value) as f64 <= value as f64 * 0.0079);
            prop_assert!(coarse.middle().abs_diff(value) as f64 <= value as f64 * 0.0157);
        }

        #[test]
        fn ranks_are_those_of_a_sorted_list(mut values in proptest::collection::vec(anything(), 1..200), cut in 0_usize..200, part in 0.0_f64..=1.0) {
            let (mut whole, mut first, mut later) = (Histogram::default(), Histogram::default(), Histogram::default());
            for (at, &value) in values.iter().enumerate() {
                whole.add(value);
                if at < cut { first.add(value) } else { later.add(value) }
            }
            first.merge(&later);
            prop_assert!(first.iter().eq(whole.iter()));
            prop_assert_eq!(whole.total(), values.len() as u64);
            values.sort_unstable();
            for (at, &value) in values.iter().enumerate() {
                let Ranked { bucket, below, count } = whole.at_rank(at as u64 + 1).unwrap();
                prop_assert!((bucket.low..=bucket.high).contains(&value));
                prop_assert_eq!(below, values.iter().filter(|&&other| other < bucket.low).count() as u64);
                prop_assert_eq!(count, values.iter().filter(|&&other| (bucket.low..=bucket.high).contains(&other)).count() as u64);
            }
            let exact = values[((part * values.len() as f64).ceil() as usize).max(1) - 1];
            let found = whole.quantile(part).unwrap();
            prop_assert!((found.low..=found.high).contains(&exact));
        }
    }
}
