//! A frame and the PDUs that it completed, as far as counting goes.

use streamlens_decoders::{PacketType, PduState};
use streamlens_model::{Frame, Occurrence};

/// What counting needs to know of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameFacts {
    pub(crate) at: Occurrence,
    /// Length on the wire in bytes.
    pub(crate) wire_length: u32,
    /// The interface that captured it, modulo 2^16.
    pub(crate) interface: u16,
    /// Whether it is the same frame as one just before it in its flow.
    pub(crate) is_copy: bool,
}

impl FrameFacts {
    /// Of a frame of which it is not known yet whether it is a copy.
    #[inline(always)]
    pub(crate) fn of(frame: &Frame<'_>) -> Self {
        let at = Occurrence { frame: frame.number, time: frame.time };
        Self { at, wire_length: frame.original_length, interface: frame.interface as u16, is_copy: false }
    }
}

/// A PDU that a frame completed, as far as counting goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pdu {
    pub(crate) kind: PacketType,
    pub(crate) length: u32,
    pub(crate) state: PduState,
    /// The kind of the PDU that this one lies in.
    pub(crate) within: Option<PacketType>,
}

/// The PDUs that a frame completed, in their order: one, mostly.
#[derive(Debug, Default)]
pub(crate) struct Pdus {
    pub(crate) first: Option<Pdu>,
    pub(crate) others: Vec<Pdu>,
}

impl Pdus {
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.first = None;
        self.others.clear();
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, pdu: Pdu) {
        if self.first.is_none() {
            self.first = Some(pdu);
        } else {
            self.others.push(pdu);
        }
    }

    /// The only one.
    #[inline(always)]
    pub(super) fn only(&self) -> Option<&Pdu> {
        self.first.as_ref().filter(|_| self.others.is_empty())
    }
}
