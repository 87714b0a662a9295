//! Which flow a frame belongs to, without counting it: for whoever picks the packets of a flow out of a capture.

use std::collections::HashMap;

use streamlens_model::{Address, FlowKey, Frame, VlanStack};

use crate::dissect::{Dissected, dissect};
use crate::outer::{Tunnels, inner_of};

/// Fragmented datagrams that are remembered; then all are forgotten.
const MOST: usize = 65_536;

/// Finds the flows of frames that come in the order of the capture. Later fragments belong to the flow of their first one
/// where that came before them, and else to one without ports.
///
/// ```
/// use streamlens_engine::FlowFinder;
/// use streamlens_model::{Frame, LinkType};
/// let data = &[0xff; 60];
/// let frame = Frame { number: 1, time: None, link_type: LinkType::ETHERNET, interface: 0, original_length: 60, data };
/// let flow = FlowFinder::default().flow_of(&frame).expect("a frame of Ethernet");
/// assert_eq!(flow.dst.to_string(), "ff:ff:ff:ff:ff:ff");
/// ```
#[derive(Clone, Debug, Default)]
pub struct FlowFinder {
    tunnels: Tunnels,
    firsts: HashMap<(Address, Address, VlanStack, u32, u8), FlowKey>,
}

impl FlowFinder {
    /// A finder for an analysis in which these layers are taken off frames; the default takes off what the engine's does.
    #[must_use]
    pub fn new(tunnels: Tunnels) -> Self {
        Self { tunnels, ..Self::default() }
    }

    /// The flow of a frame; `None` where it is in none.
    pub fn flow_of(&mut self, frame: &Frame<'_>) -> Option<FlowKey> {
        let frame = &inner_of(frame, self.tunnels);
        let mut packet = Dissected::new(frame);
        dissect(frame, &mut packet).ok()?;
        let own = packet.flow_key();
        let Some(fragment) = packet.fragment else { return Some(own) };
        let protocol = if fragment.is_v6 { 0 } else { fragment.protocol };
        let datagram = (packet.src, packet.dst, packet.vlan, fragment.identification, protocol);
        if fragment.offset > 0 {
            return Some(self.firsts.get(&datagram).copied().unwrap_or(own));
        }
        if self.firsts.len() >= MOST {
            self.firsts.clear();
        }
        self.firsts.insert(datagram, own);
        Some(own)
    }
}

/// A set of frames by their numbers: a bit for each frame up to the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameSet {
    words: Vec<u64>,
}

impl FrameSet {
    /// Adds a frame.
    pub fn insert(&mut self, number: u64) {
        // what doesn't fit into the memory of the machine was never counted
        let Ok(word) = usize::try_from(number / 64) else { return };
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(bits) = self.words.get_mut(word) {
            *bits |= 1 << (number % 64);
        }
    }

    /// Adds the frames of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(own, bits)| *own |= bits);
    }

    /// Whether it has a frame.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.words.get(word));
        word.is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }

    /// Number of frames in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.words.iter().map(|bits| u64::from(bits.count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_in_a_set_that_it_was_added_to() {
        let mut set = FrameSet::default();
        let added = [1, 63, 64, 1000];
        added.into_iter().chain([64]).for_each(|number| set.insert(number));
        let found: Vec<u64> = (0..2000).filter(|number| set.contains(*number)).collect();
        assert_eq!((found, set.count()), (added.to_vec(), 4));
        let mut all = FrameSet::default();
        all.insert(2);
        all.extend(&set);
        assert!(all.contains(2) && all.contains(1000) && all.count() == 5);
    }
}
