//! Several captures merged by time.

use streamlens_model::{FrameBatch, FrameSource, Interface, Position, SourceError, Warning};

use crate::{CaptureError, CaptureReader};

/// Bytes and frames of a merged batch, about.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_FRAMES: usize = 1 << 14;

/// Merges several captures by time into one run of frames.
///
/// Frames of equal time come in the order of the captures. A capture's own order is kept even where its times run
/// backwards, and a frame without a time stays right behind the one before it. Interfaces are numbered anew, in the
/// order in which they are met. Each frame is copied once more than by a single [`CaptureReader`].
///
/// Captures that are being written (low latency, follow) hold each other up: which frame is next is known only
/// when each of them has one.
///
/// ```no_run
/// use streamlens_model::{FrameBatch, FrameSource};
/// use streamlens_pcap::{CaptureReader, MergedReader};
///
/// let captures = vec![CaptureReader::open("red.pcap")?, CaptureReader::open("blue.pcapng")?];
/// let mut merged = MergedReader::new(captures);
/// let mut batch = FrameBatch::default();
/// while merged.read_batch(&mut batch)? {
///     for frame in batch.iter() {
///         println!("{} {:?}", frame.number, frame.time);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MergedReader {
    lanes: Vec<Lane>,
    interfaces: Vec<Interface>,
    warnings: Vec<Warning>,
    frames: u64,
    format: String,
    name: String,
}

/// Interfaces of other captures that one may be.
const MAX_SAME: usize = 64;

/// The number of an interface of a capture whose interfaces before it are these: files of one recording describe their interface
/// each anew.
fn number_of(all: &mut Vec<Interface>, interface: &Interface, before: &[(u32, Option<u64>)]) -> u32 {
    let is_free = |place: usize| before.iter().all(|(number, _)| *number as usize != place);
    let mut same = all.iter().take(if before.len() < MAX_SAME { MAX_SAME } else { 0 }).enumerate();
    if let Some((place, _)) = same.find(|(place, known)| known.is_described_like(interface) && is_free(*place)) {
        return place as u32;
    }
    all.push(Interface { dropped: None, ..interface.clone() });
    (all.len() - 1) as u32
}

/// One of the captures.
#[derive(Debug)]
struct Lane {
    reader: CaptureReader,
    batch: FrameBatch,
    next: usize,
    /// The time that the next frame is merged at, in nanoseconds; `None` after the last frame.
    key: Option<i64>,
    /// New number of each of its interfaces, and the frames that it said it dropped.
    interfaces: Vec<(u32, Option<u64>)>,
    warnings_taken: usize,
    /// An error returned after all earlier frames.
    failure: Option<CaptureError>,
    started: bool,
}

impl MergedReader {
    /// Merges these captures; ties go to the earlier ones.
    #[must_use]
    pub fn new(captures: Vec<CaptureReader>) -> Self {
        let join = |parts: Vec<&str>| parts.join(", ");
        Self {
            format: join(captures.iter().map(CaptureReader::format).collect()),
            name: join(captures.iter().map(FrameSource::name).collect()),
            lanes: captures.into_iter().map(Lane::new).collect(),
            interfaces: Vec::new(),
            warnings: Vec::new(),
            frames: 0,
        }
    }

    /// Makes the next frame of a capture the one at its `next`, reading on where its batch is used up.
    fn advance(&mut self, index: usize) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        if lane.next >= lane.batch.len() && lane.key.is_some() {
            lane.next = 0;
            let more = lane.reader.read_batch(&mut lane.batch).unwrap_or_else(|failure| {
                lane.failure = Some(failure);
                false
            });
            self.warnings.extend(lane.reader.warnings().iter().skip(lane.warnings_taken).cloned());
            lane.warnings_taken = lane.reader.warnings().len();
            for (number, interface) in lane.reader.interfaces().iter().enumerate() {
                let (known, before) = match lane.interfaces.get(number) {
                    Some(known) => *known,
                    None => (number_of(&mut self.interfaces, interface, &lane.interfaces), None),
                };
                if let Some(known) = self.interfaces.get_mut(known as usize).filter(|_| interface.dropped.is_some()) {
                    let others = known.dropped.unwrap_or(0).saturating_sub(before.unwrap_or(0));
                    known.dropped = interface.dropped.map(|dropped| dropped.saturating_add(others));
                }
                match lane.interfaces.get_mut(number) {
                    Some((_, dropped)) => *dropped = interface.dropped,
                    None => lane.interfaces.push((known, interface.dropped)),
                }
            }
            if !more {
                lane.key = None;
                return;
            }
        }
        if let Some(time) = lane.batch.records.get(lane.next).and_then(|record| record.time) {
            lane.key = Some(time.as_nanos());
        }
    }

    /// The capture whose frame is next.
    fn first(&self) -> Option<usize> {
        let keyed = self.lanes.iter().enumerate().filter_map(|(index, lane)| lane.key.map(|key| (key, index)));
        keyed.min().map(|(_, index)| index)
    }

    /// Copies frames of one capture until another one's turn has come.
    fn take_run(&mut self, index: usize, batch: &mut FrameBatch) {
        let others = self.lanes.iter().enumerate().filter(|(other, _)| *other != index);
        let rival = others.filter_map(|(other, lane)| lane.key.map(|key| (key, other))).min();
        loop {
            let Some(lane) = self.lanes.get_mut(index) else { return };
            if let Some(mut frame) = lane.batch.frame(lane.next) {
                frame.interface = lane.interfaces.get(frame.interface as usize).map_or(0, |(number, _)| *number);
                batch.push(&frame);
            }
            lane.next += 1;
            self.advance(index);
            let Some(lane) = self.lanes.get(index) else { return };
            let untimed = lane.batch.records.get(lane.next).is_some_and(|record| record.time.is_none());
            let Some(key) = lane.key else { return };
            let loses = rival.is_some_and(|rival| rival < (key, index)) && !untimed;
            if loses || is_full(batch) {
                return;
            }
        }
    }
}

fn is_full(batch: &FrameBatch) -> bool {
    batch.bytes.len() >= BATCH_BYTES || batch.len() >= BATCH_FRAMES
}

impl Lane {
    fn new(reader: CaptureReader) -> Self {
        Self {
            reader,
            batch: FrameBatch::default(),
            next: 0,
            // Before any time: frames without a time at the head of a capture come first.
            key: Some(i64::MIN),
            interfaces: Vec::new(),
            warnings_taken: 0,
            failure: None,
            started: false,
        }
    }
}

impl FrameSource for MergedReader {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        batch.first_number = self.frames + 1;
        for index in 0..self.lanes.len() {
            if self.lanes.get_mut(index).is_some_and(|lane| !std::mem::replace(&mut lane.started, true)) {
                self.advance(index);
            }
        }
        while !is_full(batch) {
            let Some(index) = self.first() else { break };
            self.take_run(index, batch);
        }
        self.frames += batch.len() as u64;
        if batch.is_empty() {
            return self
                .lanes
                .iter_mut()
                .find_map(|lane| lane.failure.take())
                .map_or(Ok(false), |failure| Err(failure.into()));
        }
        Ok(true)
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn position(&self) -> Position {
        let none = Position { read_bytes: 0, total_bytes: Some(0) };
        self.lanes.iter().map(|lane| lane.reader.position()).fold(none, |sum, part| Position {
            read_bytes: sum.read_bytes + part.read_bytes,
            total_bytes: sum.total_bytes.zip(part.total_bytes).map(|(one, other)| one + other),
        })
    }

    fn format(&self) -> &str {
        &self.format
    }

    fn name(&self) -> &str {
        &self.name
    }
}
