//! The flows that a network monitor sees.

use std::sync::{Mutex, OnceLock, PoisonError};

use streamlens_decoders::{Peer, Peers};

use super::Snapshot;
use super::parallel::in_order;
use super::rows::FlowPlace;
use crate::flow::{EncodingEntry, FlowEntry};
use crate::shard::Shard;

/// The flows of some encodings.
pub(super) struct Watched<'s> {
    snapshot: &'s Snapshot<'s>,
    /// Names of the encodings, by decoder; `None` where they are not watched.
    names: Vec<Option<&'static str>>,
    /// Flow and decoder by the index of a peer. Made when first needed.
    places: OnceLock<Vec<(FlowPlace, u16)>>,
}

impl<'s> Watched<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'s>, own: &str, watched: &[&str]) -> Self {
        let is_wanted = |name: &&'static str| *name == own || watched.contains(name);
        let names = snapshot.engine.registry.iter().map(|decoder| Some(decoder.encoding_name()).filter(is_wanted));
        let (names, places) = (names.collect(), OnceLock::new());
        Self { snapshot, names, places }
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

    fn visit(&self, least_frames: u64, see: &mut (dyn FnMut(usize, &Peer<'_>) + Send)) {
        // the encodings of a flow stand together
        let mut first = 0;
        let flows = self.places().chunk_by(|(a, _), (b, _)| a == b).map(|same| {
            first += same.len();
            (first - same.len(), same)
        });
        let is_wanted = |(_, same): &(usize, &[(FlowPlace, u16)])| {
            same.first().is_some_and(|(at, _)| self.snapshot.frame_count(*at) >= least_frames)
        };
        let (held, decoded): (Vec<_>, Vec<_>) =
            flows.filter(is_wanted).partition(|(_, same)| same.iter().any(|(at, _)| at.is_held));
        let see = Mutex::new(see);
        let show = |replay: &mut Shard, &(first, same): &(usize, &[(FlowPlace, u16)])| {
            let Some(&(at, _)) = same.first() else { return };
            self.snapshot.show(replay, at, |_, flow| {
                for encoding in encodings(flow) {
                    let Some(encoding_name) = self.name(encoding.decoder.0) else { continue };
                    let Some(place) = same.iter().position(|(_, decoder)| *decoder == encoding.decoder.0) else {
                        continue;
                    };
                    let peer =
                        Peer { flow: &flow.key, decoder: encoding.flow_decoder.as_deref(), encoding: encoding_name };
                    (see.lock().unwrap_or_else(PoisonError::into_inner))(first + place, &peer);
                }
            });
        };
        in_order(1, &decoded, Shard::for_replay, show, |()| true);
        in_order(self.snapshot.engine.threads, &held, Shard::for_replay, show, |()| true);
    }
}

fn encodings(flow: &FlowEntry) -> impl Iterator<Item = &EncodingEntry> {
    flow.transports().flat_map(|transport| &transport.encodings)
}
