//! What happens to the payload of a frame: it is offered to the flow's encodings, then to all decoders, and what they
//! say of its PDUs is noted.

mod datagram;
mod decode;
mod stream;

pub(crate) use self::stream::Hole;
use hashbrown::HashMap;
use streamlens_decoders::{ConversationMonitor, DecodingResult, PacketType, StreamDecoder};
use streamlens_model::{Address, Endpoint, FlowKey, Occurrence};
use streamlens_registry::{DecoderIndex, DecoderRegistry, Ranked};

use crate::flow::Pdus;
use crate::options::EngineOptions;

/// What an analysis is made with.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'e> {
    pub(crate) registry: &'e DecoderRegistry,
    pub(crate) options: &'e EngineOptions,
}

/// Buffers that are used again for every payload.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) ranked: Vec<Ranked>,
    pub(crate) result: DecodingResult,
    /// PDUs that the frame at hand completed.
    pub(crate) pdus: Pdus,
    /// Stream bytes put together for ranking.
    pub(crate) joined: Vec<u8>,
    /// Whether the segment at hand left its stream waiting behind a hole.
    pub(crate) has_hole: bool,
}

/// Both endpoints of a conversation, and the decoder of its flows.
type ConversationKey = (Endpoint, Endpoint, DecoderIndex);

/// The monitors of conversations, by both endpoints and decoder. A monitor lives as long as any of its flows.
#[derive(Default)]
pub(crate) struct Conversations {
    places: HashMap<ConversationKey, u32, foldhash::fast::RandomState>,
    list: Vec<Conversation>,
    vacant: Vec<u32>,
}

struct Conversation {
    key: ConversationKey,
    /// Encodings that refer to it.
    users: u32,
    /// `None` where nothing refers to it any more.
    monitor: Option<Box<dyn ConversationMonitor>>,
}

/// A PDU that its decoder published, for its network monitor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    pub(crate) at: Occurrence,
    pub(crate) flow: FlowKey,
    pub(crate) decoder: DecoderIndex,
    pub(crate) kind: PacketType,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

/// What was published since it was last emptied.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: Vec<Published>,
}

impl Outbox {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }

    /// Takes what a decoder has published, if anything.
    #[inline]
    pub(crate) fn take(&mut self, result: &DecodingResult, decoder: DecoderIndex, flow: &FlowKey, at: Occurrence) {
        let Some(published) = result.published() else { return };
        let (kind, offset, length) = (result.packet_type, self.bytes.len(), published.len());
        self.records.push(Published { at, flow: *flow, decoder, kind, offset, length });
        self.bytes.extend_from_slice(published);
    }
}

/// Everything but the flow that work on a payload needs.
pub(crate) struct PacketContext<'w> {
    pub(crate) env: Settings<'w>,
    pub(crate) scratch: &'w mut Scratch,
    pub(crate) conversations: &'w mut Conversations,
    pub(crate) outbox: &'w mut Outbox,
}

impl PacketContext<'_> {
    /// Reborrows the context for a call by value. The packet path hands it by value to functions beside it: for a reference the
    /// context would have to be in memory for every packet, not just for those that come there.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> PacketContext<'_> {
        let Self { env, scratch, conversations, outbox } = self;
        PacketContext { env: *env, scratch, conversations, outbox }
    }
}

impl Conversations {
    /// The place of the monitor for a flow of a decoder; made where the decoder has monitors and there is none yet.
    fn place(&mut self, flow: &FlowKey, index: DecoderIndex, decoder: &dyn StreamDecoder) -> Option<u32> {
        let monitor = decoder.conversation_monitor()?;
        let (a, b) = (station(flow.src), station(flow.dst));
        let key = (a.min(b), a.max(b), index);
        if let Some(&place) = self.places.get(&key) {
            self.list.get_mut(place as usize)?.users += 1;
            return Some(place);
        }
        let new = Conversation { key, users: 1, monitor: Some(monitor) };
        let place = match self.vacant.pop() {
            Some(place) => {
                *self.list.get_mut(place as usize)? = new;
                place
            }
            None => {
                self.list.push(new);
                u32::try_from(self.list.len() - 1).ok()?
            }
        };
        self.places.insert(key, place);
        Some(place)
    }

    /// The monitor at a place.
    pub(crate) fn monitor(&self, place: u32) -> Option<&dyn ConversationMonitor> {
        self.list.get(place as usize)?.monitor.as_deref()
    }

    /// The monitor at a place, to be shown PDUs.
    #[inline]
    pub(crate) fn monitor_mut(&mut self, place: u32) -> Option<&mut (dyn ConversationMonitor + 'static)> {
        self.list.get_mut(place as usize)?.monitor.as_deref_mut()
    }

    /// An encoding that refers to the place is gone; the monitor goes with the last one.
    pub(crate) fn leave(&mut self, place: u32) {
        let Some(conversation) = self.list.get_mut(place as usize) else { return };
        conversation.users = conversation.users.saturating_sub(1);
        if conversation.users == 0 && conversation.monitor.take().is_some() {
            self.places.remove(&conversation.key);
            self.vacant.push(place);
        }
    }
}

/// An endpoint with the locally administered bit of a MAC address taken out: see `conversation_hash`.
fn station(mut endpoint: Endpoint) -> Endpoint {
    if let Address::Mac(mac) = &mut endpoint.address {
        mac.0[0] &= !0x02;
    }
    endpoint
}
