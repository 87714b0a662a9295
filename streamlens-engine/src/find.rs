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
