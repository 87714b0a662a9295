//! What payloads look like, for those that no decoder takes.

use std::fmt::Write as _;

use streamlens_model::PayloadSample;

use crate::dissect::PacketBody;

/// Bytes of the first payload that are kept.
const FIRST: usize = 32;

/// Lengths of the payloads of a transport, and how the first of them begins.
#[derive(Debug)]
pub(crate) struct Sample {
    payloads: u64,
    shortest: usize,
    longest: usize,
    ether_type: Option<u16>,
    first: [u8; FIRST],
    first_length: usize,
}

impl Sample {
    /// Records a packet that has a payload.
    #[cold]
    pub(crate) fn note(sample: &mut Option<Box<Self>>, content: &PacketBody<'_>) {
        let length = content.payload.len() + content.missing;
        if content.payload.is_empty() {
            return;
        }
        let sample = sample.get_or_insert_with(|| {
            let first_length = content.payload.len().min(FIRST);
            let mut first = [0; FIRST];
            first.iter_mut().zip(content.payload).for_each(|(kept, byte)| *kept = *byte);
            let (shortest, longest, ether_type) = (length, length, content.ether_type);
            Box::new(Self { payloads: 0, shortest, longest, ether_type, first, first_length })
        });
        sample.payloads += 1;
        sample.shortest = sample.shortest.min(length);
        sample.longest = sample.longest.max(length);
    }

    pub(crate) fn shown(&self) -> PayloadSample {
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let mut first_bytes = String::new();
        for byte in self.first.iter().take(self.first_length) {
            let _ = write!(first_bytes, "{byte:02x}");
        }
        PayloadSample {
            payloads: self.payloads,
            shortest: length(self.shortest),
            longest: length(self.longest),
            ether_type: self.ether_type,
            first_bytes,
        }
    }
}
