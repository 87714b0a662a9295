//! What lies around frames and is not theirs: mirror formats and tunnels, which are taken off where that is asked for, and trailers with
//! time stamps.
//!
//! It is done where frames come into the engine: the record of a frame is made to be that of the inner one, and nothing behind
//! it knows that there was more. Unless more than mirror formats is to be taken off, it is done while frames are sorted by shard, where
//! their headers are looked at anyway.

mod layers;
mod options;
mod stamps;
#[cfg(test)]
mod tests;
mod trailer;
#[cfg(test)]
mod trailer_tests;

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use streamlens_model::{CaptureSummary, FlowKey, Frame, FrameRecord, LinkType, OuterPath, Warning};

use self::layers::Inner;
pub(crate) use self::layers::is_of_mirror;
pub use self::options::{TimeSource, Tunnel, Tunnels};
use self::stamps::Stamps;
use self::trailer::Evidence;
use crate::dissect::{Dissected, dissect};
use crate::key::PackedKey;

/// Layers that are taken off one frame at most.
const DEEPEST: usize = 8;
/// Flows of which it is kept what lay around them, and paths of one flow.
const MOST_FLOWS: usize = 65_536;
const MOST_PATHS: usize = 8;
/// Interfaces whose trailers are looked for.
const MOST_INTERFACES: usize = 4096;

/// Takes off what lies around frames, and keeps what it was.
#[derive(Debug, Default)]
pub(crate) struct Outer {
    tunnels: Tunnels,
    time_source: TimeSource,
    /// Whether every frame has to be looked into.
    is_thorough: bool,
    /// Bytes on the wire that were taken off.
    bytes: u64,
    paths: HashMap<PackedKey, Vec<OuterPath>, RandomState>,
    /// Frames of flows and paths for which there was no room.
    not_kept: u64,
    /// By interface.
    evidence: Vec<Evidence>,
    stamps: Stamps,
    /// Frames whose time was told by a trailer or by ERSPAN, and those whose time is the capture's.
    told: u64,
    untold: u64,
}

impl Outer {
    pub(crate) fn new(tunnels: Tunnels, time_source: TimeSource) -> Self {
        let is_thorough = time_source == TimeSource::Trailer
            || Tunnel::ALL.into_iter().any(|tunnel| tunnels.has(tunnel) && !Tunnels::MIRRORS.has(tunnel));
        Self { tunnels, time_source, is_thorough, ..Self::default() }
    }

    /// Whether every frame has to be looked into, before it is counted.
    pub(crate) fn is_thorough(&self) -> bool {
        self.is_thorough
    }

    /// Takes off what a mirror has put around a frame, unless all frames were looked into before.
    pub(crate) fn take_off_mirror(&mut self, record: &mut FrameRecord, bytes: &[u8]) {
        if !self.is_thorough {
            self.take_off(std::slice::from_mut(record), bytes);
        }
    }

    /// Takes off what lies around these frames. Returns how many bytes that are, on the wire and captured.
    pub(crate) fn take_off(&mut self, records: &mut [FrameRecord], bytes: &[u8]) -> (u64, u64) {
        let mut taken = (0, 0);
        if self.time_source == TimeSource::Trailer {
            self.weigh(records, bytes);
        }
        for record in records {
            let data = data_of(record, bytes);
            let is_asked = self.tunnels != Tunnels::NONE && layers::may_be_mirrored(record.link_type, data);
            if self.is_thorough || is_asked || record.link_type == LinkType::PKTAP {
                let (wire, captured) = self.open(record, bytes);
                taken = (taken.0 + wire, taken.1 + captured);
            }
        }
        self.bytes += taken.0;
        taken
    }

    /// Looks for trailers.
    fn weigh(&mut self, records: &[FrameRecord], bytes: &[u8]) {
        for record in records {
            let interface = record.interface as usize;
            if interface >= self.evidence.len() && interface < MOST_INTERFACES {
                self.evidence.resize(interface + 1, Evidence::default());
            }
            let is_whole = record.captured_length == record.original_length;
            if let (Some(evidence), Some(time), true) = (self.evidence.get_mut(interface), record.time, is_whole) {
                evidence.weigh(record.link_type, data_of(record, bytes), time);
            }
        }
        self.evidence.iter_mut().for_each(Evidence::decide);
    }

    #[inline(never)]
    fn open(&mut self, record: &mut FrameRecord, bytes: &[u8]) -> (u64, u64) {
        let before = (record.original_length, record.captured_length);
        let captured_at = record.time;
        let mut is_told = self.time_source == TimeSource::Trailer && self.cut_trailer(record, bytes);
        let mut paths: [Option<OuterPath>; DEEPEST] = Default::default();
        for path in &mut paths {
            let Some(frame) = record.frame(bytes) else { break };
            let Some(inner) = layers::open(&frame, self.tunnels) else { break };
            if self.time_source == TimeSource::Trailer
                && let (Some(stamp), Some(time)) = (inner.stamp, captured_at)
                && let Some(time) = self.stamps.time(stamp, time, inner.layer, (inner.src, inner.dst, inner.id))
            {
                record.time = Some(time);
                is_told = true;
            }
            *path = Some(enter(record, bytes, &inner));
        }
        self.told += u64::from(is_told);
        self.untold += u64::from(!is_told);
        if paths[0].is_some() {
            self.keep(record, bytes, paths.into_iter().flatten());
        }
        let taken = |before: u32, now: u32| u64::from(before.saturating_sub(now));
        (taken(before.0, record.original_length), taken(before.1, record.captured_length))
    }

    /// Cuts a trailer off, and believes its time; says whether there was one.
    fn cut_trailer(&mut self, record: &mut FrameRecord, bytes: &[u8]) -> bool {
        let evidence = self.evidence.get_mut(record.interface as usize);
        let is_whole = record.captured_length == record.original_length;
        let Some((evidence, time)) = evidence.zip(record.time).filter(|_| is_whole) else { return false };
        let Some((length, time)) = evidence.trailer(data_of(record, bytes), time) else { return false };
        record.captured_length = record.captured_length.saturating_sub(length as u32);
        record.original_length = record.captured_length;
        record.time = Some(time);
        true
    }

    /// Notes for the flow of an inner frame what lay around it.
    fn keep(&mut self, record: &FrameRecord, bytes: &[u8], paths: impl Iterator<Item = OuterPath>) {
        let Some(frame) = record.frame(bytes) else { return };
        let mut packet = Dissected::new(&frame);
        if dissect(&frame, &mut packet).is_err() {
            return;
        }
        let key = PackedKey::of(&packet);
        if self.paths.len() >= MOST_FLOWS && !self.paths.contains_key(&key) {
            self.not_kept += 1;
            return;
        }
        let known = self.paths.entry(key).or_default();
        for path in paths {
            let has_room = known.len() < MOST_PATHS;
            let is_same = |one: &&mut OuterPath| {
                (&one.layer, one.src, one.dst, one.id) == (&path.layer, path.src, path.dst, path.id)
            };
            match known.iter_mut().find(is_same) {
                Some(one) => {
                    one.packets += 1;
                    one.bytes += path.bytes;
                }
                None if has_room => known.push(path),
                None => self.not_kept += 1,
            }
        }
    }

    /// What lay around the frames of a flow.
    pub(crate) fn paths(&self, key: &FlowKey) -> Vec<OuterPath> {
        if self.paths.is_empty() {
            return Vec::new();
        }
        self.paths.get(&PackedKey::of_key(key)).cloned().unwrap_or_default()
    }

    /// Says in the summary of the capture what was taken off.
    pub(crate) fn fill(&self, summary: &mut CaptureSummary) {
        summary.outer_bytes = self.bytes;
        summary.outer_not_kept = self.not_kept;
        if self.time_source == TimeSource::Capture {
            return;
        }
        let mut sources: Vec<&str> = Vec::new();
        for evidence in &self.evidence {
            if let Evidence::Known { kind, .. } = evidence
                && !sources.contains(&kind.name())
            {
                sources.push(kind.name());
            }
        }
        sources.extend(self.stamps.used());
        let frames = |count: u64| streamlens_model::words::counted(count, "frame");
        let (text, is_used): (Cow<'_, str>, _) = match (sources.is_empty(), self.untold) {
            (true, _) => ("no time stamps of capture equipment were recognised; times are the capture's".into(), false),
            (false, 0) => ("".into(), true),
            (false, untold) => (
                format!("{} have no time stamp of capture equipment; their times are the capture's", frames(untold))
                    .into(),
                true,
            ),
        };
        if is_used {
            summary.timestamps.source = format!("trailer: {}", sources.join(", "));
        }
        if !text.is_empty() {
            let (path, byte, after_frame) = (None, None, None);
            let text = text.into_owned();
            summary.warnings.push(Warning {
                code: "capture.no-trailer".into(),
                path,
                byte,
                after_frame,
                text,
                incomplete: false,
            });
        }
    }
}

/// Makes a record that of the frame inside.
fn enter(record: &mut FrameRecord, bytes: &[u8], inner: &Inner<'_>) -> OuterPath {
    let data = data_of(record, bytes);
    let skipped = inner.bytes.as_ptr().addr().saturating_sub(data.as_ptr().addr());
    let length = (inner.bytes.len() + inner.missing) as u32;
    let taken = record.original_length.saturating_sub(length);
    record.offset += skipped as u32;
    record.captured_length = inner.bytes.len() as u32;
    record.original_length = length;
    record.link_type = inner.link_type;
    let &Inner { layer, src, dst, id, .. } = inner;
    OuterPath { layer: layer.into(), src, dst, id, packets: 1, bytes: u64::from(taken) }
}

#[inline]
fn data_of<'b>(record: &FrameRecord, bytes: &'b [u8]) -> &'b [u8] {
    record.frame(bytes).map_or(&[][..], |frame| frame.data)
}

/// Takes off what lies around a single frame: for those who only look for its flow.
pub(crate) fn inner_of<'a>(frame: &Frame<'a>, tunnels: Tunnels) -> Frame<'a> {
    let mut frame = *frame;
    for _ in 0..DEEPEST {
        let Some(Inner { link_type, bytes, missing, .. }) = layers::open(&frame, tunnels) else { break };
        let original_length = (bytes.len() + missing) as u32;
        frame = Frame { link_type, data: bytes, original_length, ..frame };
    }
    frame
}
