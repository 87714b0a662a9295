//! The flows that a network monitor sees.

use std::cell::{OnceCell, RefCell};

use streamlens_decoders::{Peer, Peers};

use super::Snapshot;
use super::rows::FlowPlace;
use crate::flow::{EncodingEntry, FlowEntry};
use crate::shard::Shard;

/// The flows of some encodings.
pub(super) struct Watched<'s> {
    snapshot: &'s Snapshot<'s>,
    /// Names of the encodings, by decoder; `None` where they are not watched.
    names: Vec<Option<&'static str>>,
    /// Flow and decoder by the index of a peer. Made when first needed.
    places: OnceCell<Vec<(FlowPlace, u16)>>,
    replay: RefCell<Shard>,
}

impl<'s> Watched<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'s>, own: &str, watched: &[&str]) -> Self {
        let is_wanted = |name: &&'static str| *name == own || watched.contains(name);
        let names = snapshot.engine.registry.iter().map(|decoder| Some(decoder.encoding_name()).filter(is_wanted));
        let (names, places) = (names.collect(), OnceCell::new());
        Self { snapshot, names, places, replay: RefCell::new(Shard::for_replay()) }
    }

    /// Flow and decoder of a peer.
    pub(super) fn place(&self, peer: usize) -> Option<(FlowPlace, u16)> {
        self.places().get(peer).copied()
    }

    fn name(&self, decoder: u16) -> Option<&'static str> {
        self.names.get(usize::from(decoder)).copied().flatten()
    }

    fn places(&self) -> &[(FlowPlace, u16)] {
        self.places.get_or_init(|| {
            let decoded = self.snapshot.flows().flat_map(|(at, _, flow)| {
                encodings(flow)
                    .map(|encoding| encoding.decoder.0)
                    .filter(|&decoder| self.name(decoder).is_some())
                    .map(move |decoder| (at, decoder))
            });
            let held = self.snapshot.cards.iter().flat_map(|card| {
                let has = |decoder: &u16| card.decoders >> decoder & 1 == 1 && self.name(*decoder).is_some();
                (0..64).filter(has).map(|decoder| (card.row.at, decoder))
            });
            decoded.chain(held).collect()
        })
    }
}

impl Peers for Watched<'_> {
    fn has(&self, encoding: &str) -> bool {
        self.places().iter().any(|&(_, decoder)| self.name(decoder) == Some(encoding))
    }

    fn visit(&self, least_frames: u64, see: &mut dyn FnMut(usize, &Peer<'_>)) {
        let mut replay = self.replay.borrow_mut();
        let mut at = 0;
        // the encodings of a flow stand together
        for same in self.places().chunk_by(|(a, _), (b, _)| a == b) {
            let first = at;
            at += same.len();
            let Some(&(flow, _)) = same.first() else { continue };
            if self.snapshot.frame_count(flow) < least_frames {
                continue;
            }
            self.snapshot.show(&mut replay, flow, |_, flow| {
                for encoding in encodings(flow) {
                    let Some(place) = same.iter().position(|(_, decoder)| *decoder == encoding.decoder.0) else {
                        continue;
                    };
                    let Some(name) = self.name(encoding.decoder.0) else { continue };
                    let decoder = encoding.flow_decoder.as_deref();
                    see(first + place, &Peer { flow: &flow.key, decoder, encoding: name });
                }
            });
        }
    }
}

fn encodings(flow: &FlowEntry) -> impl Iterator<Item = &EncodingEntry> {
    flow.transports().flat_map(|transport| &transport.encodings)
}
