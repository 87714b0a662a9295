//! Findings that stand at no single flow, such as those of a PTP domain or of a redundant pair, and the rows they concern.
//!
//! * One that names no encoding is of the whole capture, and of no row.
//! * One that names an encoding and no stream concerns each row of that encoding.
//! * One that names a stream concerns the streams with that identifier or name, or whose identifier goes on behind it (`domain 0`
//!   names `domain 0 0200c0fffea80a01-1 Sync`), and their encodings, whatever these are called: legs of a pair may be refined
//!   further than the pair. It also concerns the encoding that it names where not all streams of that were kept, for it may be
//!   among those that were not.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::{Element, RowRef};
use crate::{Finding, Place, StreamHealth};

/// By what a finding and a row meet; hashed.
#[derive(Hash)]
enum Meeting<'a> {
    /// The encoding, for findings that name no stream.
    Encoding(&'a str),
    /// The encoding, for findings that name a stream which may not have been kept.
    StreamsOf(&'a str),
    /// A stream's identifier, what that begins with, or its name.
    Stream(&'a str),
}

/// What findings that stand at no flow, but in an encoding, are met by.
fn meetings_of(place: &Place, see: &mut dyn FnMut(Meeting<'_>)) {
    let Place { flow: None, encoding: Some(encoding), stream, .. } = place else { return };
    match stream {
        None => see(Meeting::Encoding(encoding)),
        Some(stream) => {
            see(Meeting::Stream(stream));
            see(Meeting::StreamsOf(encoding));
        }
    }
}

/// What a row meets such findings by; a packet type meets those of its encoding.
fn meetings_at(row: &RowRef<'_>, see: &mut dyn FnMut(Meeting<'_>)) {
    let Some(encoding) = row.encoding() else { return };
    match row.element() {
        Element::Stream(stream) => meetings_of_stream(stream, see),
        Element::Encoding(_) | Element::PacketType(_) => {
            let name = &*encoding.encoding_name;
            see(Meeting::Encoding(name));
            if encoding.health.streams_not_kept > 0 {
                see(Meeting::StreamsOf(name));
            }
            encoding.health.streams.iter().for_each(|stream| meetings_of_stream(stream, see));
        }
        Element::Flow(_) | Element::Transport(_) => {}
    }
}

fn meetings_of_stream(stream: &StreamHealth, see: &mut dyn FnMut(Meeting<'_>)) {
    see(Meeting::Stream(&stream.id));
    stream.name.as_deref().into_iter().for_each(|name| see(Meeting::Stream(name)));
    for (end, _) in stream.id.match_indices(' ') {
        if let Some(beginning) = stream.id.get(..end) {
            see(Meeting::Stream(beginning));
        }
    }
}

/// Rows that are shown, as far as findings that stand at no flow can tell.
///
/// What meets them is kept as hashes with keys of its own, at most 65,536 of them: from then on every such finding concerns what
/// is shown.
#[derive(Clone, Debug, Default)]
pub struct ShownRows {
    hasher: RandomState,
    met: HashSet<u64>,
}

impl ShownRows {
    const MOST: usize = 1 << 16;

    /// Adds a row that is shown. Those of encodings matter, with all their streams; others are passed over.
    pub fn add(&mut self, row: &RowRef<'_>) {
        if self.is_full() || !matches!(row.element(), Element::Encoding(_)) {
            return;
        }
        meetings_at(row, &mut |meeting| {
            if !self.is_full() {
                self.met.insert(self.hasher.hash_one(meeting));
            }
        });
    }

    /// Whether a finding that stands at no flow names a stream that none of all rows has, such as one that was announced and never
    /// came, and an encoding that was added.
    #[must_use]
    pub fn concern_with_nobody(&self, finding: &Finding, all: &Self) -> bool {
        let Place { flow: None, encoding: Some(encoding), .. } = &finding.place else { return false };
        self.met.contains(&self.hasher.hash_one(Meeting::Encoding(encoding))) && !all.concern(finding)
    }

    /// Whether there is no more room: every finding at no flow concerns what is shown.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.met.len() >= Self::MOST
    }

    /// Whether a finding that stands at no flow concerns a row that was added or, naming no encoding, the capture; false of
    /// those that stand at a flow.
    #[must_use]
    pub fn concern(&self, finding: &Finding) -> bool {
        if finding.place.flow.is_some() {
            return false;
        }
        let mut concerns = finding.place.encoding.is_none() || self.is_full();
        meetings_of(&finding.place, &mut |meeting| concerns |= self.met.contains(&self.hasher.hash_one(meeting)));
        concerns
    }
}

/// Findings that stand at no flow, by what they meet rows by.
#[derive(Clone, Debug, Default)]
pub(super) struct SpanningFindings {
    hasher: RandomState,
    /// How many were added.
    count: u32,
    /// By each meeting the findings: their numbers in the order of adding, and their kinds.
    by_meeting: HashMap<u64, Vec<(u32, [u8; 3])>>,
}

impl SpanningFindings {
    /// Adds one of this kind; those that stand at a flow or name no encoding are passed over.
    pub(super) fn add(&mut self, place: &Place, kind: [u8; 3]) {
        let Self { hasher, count, by_meeting } = self;
        meetings_of(place, &mut |meeting| {
            by_meeting.entry(hasher.hash_one(meeting)).or_default().push((*count, kind));
        });
        *count = count.saturating_add(1);
    }

    /// The kinds of those that concern a row, in the order of adding. Allocates nothing where there are none.
    pub(super) fn at(&self, row: &RowRef<'_>) -> Vec<[u8; 3]> {
        let mut found = Vec::new();
        if !self.by_meeting.is_empty() {
            meetings_at(row, &mut |meeting| {
                found.extend(self.by_meeting.get(&self.hasher.hash_one(meeting)).into_iter().flatten().copied());
            });
            found.sort_unstable();
            found.dedup();
        }
        found.into_iter().map(|(_, kind)| kind).collect()
    }
}
