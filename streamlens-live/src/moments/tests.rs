use streamlens_model::LinkType;
use streamlens_pcap::CaptureReader;

use super::*;

/// Frames at these times in milliseconds (none below 0), of so many bytes, so many a batch.
pub(crate) struct Times {
    pub(crate) times: Vec<i64>,
    pub(crate) size: usize,
    pub(crate) at_once: usize,
    pub(crate) given: usize,
    pub(crate) interfaces: Vec<Interface>,
}

impl Times {
    pub(crate) fn new(times: impl IntoIterator<Item = i64>, size: usize, at_once: usize) -> Self {
        let interfaces = vec![Interface { link_type: LinkType::ETHERNET, ..Interface::default() }];
        Self { times: times.into_iter().collect(), size, at_once, given: 0, interfaces }
    }
}

impl FrameSource for Times {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        batch.first_number = self.given as u64 + 1;
        let left = self.times.get(self.given..).unwrap_or_default();
        for time in left.iter().take(self.at_once) {
            let mut data = vec![0; self.size.max(8)];
            data[..8].copy_from_slice(&time.to_be_bytes());
            let time = (*time >= 0).then(|| Timestamp::from_nanos(time * 1_000_000));
            let (link_type, original_length) = (LinkType::ETHERNET, self.size as u32);
            batch.push(&Frame { number: 0, time, link_type, interface: 0, original_length, data: &data });
        }
        self.given += batch.len();
        Ok(!batch.is_empty())
    }
    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
    fn warnings(&self) -> &[Warning] {
        &[]
    }
    fn format(&self) -> &'static str {
        "times"
    }
    fn name(&self) -> &'static str {
        "times"
    }
}

/// The times of the frames of a pcapng, as they were given.
pub(crate) fn times(bytes: Vec<u8>) -> Vec<i64> {
    let mut reader = CaptureReader::from_bytes("memory", bytes).expect("a capture");
    let mut found = Vec::new();
    while let Some(frame) = reader.next_frame().expect("it reads") {
        found.push(i64::from_be_bytes(frame.data[..8].try_into().expect("8 bytes")));
    }
    assert!(reader.warnings().is_empty());
    found
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_nanos(ms * 1_000_000)
}

fn all() -> RangeInclusive<Timestamp> {
    Timestamp::from_nanos(i64::MIN)..=Timestamp::from_nanos(i64::MAX)
}

/// Reads a source to its end; all that was in memory after each batch was within the limit.
fn read(source: Times, limits: BufferLimits) -> Moments {
    let mut source = Remember::new(source, limits);
    let (moments, mut batch) = (source.moments(), FrameBatch::default());
    while source.read_batch(&mut batch).expect("it reads") {
        let pieces = moments.lock().pieces.iter().map(|piece| piece.bytes()).sum::<u64>();
        assert_eq!(moments.bytes(), pieces);
        assert!(pieces <= limits.bytes, "{pieces} of {}", limits.bytes);
    }
    moments
}

#[test]
fn frames_between_two_times_are_written_and_no_others() {
    let moments = read(Times::new((0..1000).map(|n| n * 10), 60, 7), BufferLimits::default());
    let mut out = Vec::new();
    let written = moments.write(ms(2000)..=ms(3000), |_| true, &mut out).expect("it writes");
    assert_eq!(written, Written { frames: 101, oldest: Some(ms(0)), is_cut: false });
    assert_eq!(times(out), (200..=300).map(|n| n * 10).collect::<Vec<_>>());
    let mut out = Vec::new();
    let odd = |frame: &Frame<'_>| frame.number % 2 == 1;
    assert_eq!(moments.write(ms(0)..=ms(50), odd, &mut out).expect("it writes").frames, 3);
    assert_eq!(times(out), [0, 20, 40]);
}

#[test]
fn frames_without_a_time_go_with_the_one_before() {
    let moments = read(Times::new([-1, 10, -2, 20, -3, 30], 60, 1), BufferLimits::default());
    let mut out = Vec::new();
    moments.write(ms(10)..=ms(20), |_| true, &mut out).expect("it writes");
    assert_eq!(times(out), [10, -2, 20, -3]);
}

#[test]
fn memory_is_bounded_by_bytes_and_holds_the_last_frames() {
    for (limit, size) in [(1 << 16, 60), (1 << 20, 60), (1 << 20, 9000), (1 << 22, 1500)] {
        let moments = read(Times::new(0..50_000, size, 100), BufferLimits { nanos: None, bytes: limit });
        let mut out = Vec::new();
        let written = moments.write(all(), |_| true, &mut out).expect("it writes");
        let found = times(out);
        assert!(found.iter().copied().eq(50_000 - found.len() as i64..50_000), "the last ones without a hole");
        assert!(written.is_cut && written.oldest == found.first().map(|first| ms(*first)));
        // capacities double, and a sixteenth is let go at a time
        let kept = (found.len() * (size + 40)) as u64;
        assert!(kept >= limit / 4, "{kept} of {limit}");
    }
}

#[test]
fn memory_is_bounded_by_time() {
    let limits = BufferLimits { nanos: Some(5_000_000_000), bytes: 1 << 22 };
    let moments = read(Times::new((0..2000).map(|n| n * 10), 1500, 3), limits);
    let mut out = Vec::new();
    let written = moments.write(ms(15_000)..=ms(19_990), |_| true, &mut out).expect("it writes");
    assert_eq!((written.frames, written.is_cut), (500, false));
    let oldest = written.oldest.expect("a time").as_nanos() / 1_000_000;
    assert!((13_000..=14_990).contains(&oldest), "a piece more than wanted at most: {oldest}");
}

#[test]
fn a_frame_larger_than_the_memory_is_kept_alone() {
    let moments = read(Times::new(0..10, 200_000, 1), BufferLimits { nanos: None, bytes: 1 << 20 });
    assert!(moments.bytes() > 0);
    let mut source = Remember::new(Times::new(0..10, 200_000, 1), BufferLimits { nanos: None, bytes: 1 << 12 });
    let (moments, mut batch) = (source.moments(), FrameBatch::default());
    while source.read_batch(&mut batch).expect("it reads") {}
    let mut out = Vec::new();
    assert_eq!(moments.write(all(), |_| true, &mut out).expect("it writes").frames, 1);
}

#[test]
fn a_write_that_takes_long_holds_nobody_up() {
    let mut source = Remember::new(Times::new(0..100, 60, 10), BufferLimits::default());
    let (moments, mut batch) = (source.moments(), FrameBatch::default());
    source.read_batch(&mut batch).expect("it reads");
    let mut out = Vec::new();
    let written = moments.write(
        all(),
        |_| {
            // the source goes on from within the write: were the memory locked, this would never end
            source.read_batch(&mut batch).expect("it reads");
            true
        },
        &mut out,
    );
    assert_eq!(written.expect("it writes").frames, 10);
    assert_eq!(moments.write(all(), |_| true, &mut Vec::new()).expect("it writes").frames, 100);
}
