//! Which datagrams of an encoding are asked whether they hold several packets that the receiving machine has joined.

use streamlens_decoders::{Joined, StreamDecoder};
use streamlens_model::{Occurrence, Packet};

/// Lengths of datagrams of one packet that are remembered.
const LENGTHS: usize = 4;

/// What is known of joined datagrams of an encoding.
///
/// Joined datagrams have lengths of their own: so each length is asked about once, and nearly all datagrams cost a
/// comparison. From the first joined one on, all are asked; and lengths are forgotten where numbers are missing, which may
/// lie in datagrams of a length that was known.
#[derive(Debug, Default)]
pub(crate) struct JoinedDatagrams {
    /// Lengths that were asked about; 0 stands for none.
    single: [u16; LENGTHS],
    counts: Option<Box<JoinedCounts>>,
}

/// Joined datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JoinedCounts {
    /// Those that were taken apart, and the packets in them.
    pub(crate) apart: u64,
    pub(crate) packets: u64,
    /// Those that could not be.
    pub(crate) whole: u64,
    /// The first and the last of both.
    pub(crate) first: Occurrence,
    pub(crate) last: Occurrence,
}

impl JoinedDatagrams {
    /// Whether a datagram has a length that it is known of that it is one packet.
    #[inline(always)]
    pub(crate) fn is_single(&self, packet: &Packet<'_>) -> bool {
        let length = packet.payload.len() as u16;
        let [a, b, c, d] = self.single;
        a == length || b == length || c == length || d == length
    }

    /// The length of the parts of a joined datagram. One that the capture has cut is not taken apart.
    #[inline(never)]
    pub(crate) fn parts(&mut self, packet: &Packet<'_>, decoder: &dyn StreamDecoder) -> Option<usize> {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let verdict = if packet.missing == 0 { decoder.joined(packet.payload) } else { Joined::One };
        let counts = match verdict {
            Joined::One if self.counts.is_some() => return None,
            Joined::One => {
                self.single.rotate_right(1);
                self.single[0] = packet.payload.len() as u16;
                return None;
            }
            Joined::Parts(_) | Joined::Unclear => self
                .counts
                .get_or_insert_with(|| Box::new(JoinedCounts { apart: 0, packets: 0, whole: 0, first: at, last: at })),
        };
        self.single = [0; LENGTHS];
        counts.last = at;
        let Joined::Parts(length) = verdict else {
            counts.whole += 1;
            return None;
        };
        counts.apart += 1;
        counts.packets += packet.payload.len().div_ceil(length) as u64;
        Some(length)
    }

    /// Forgets lengths: numbers are missing.
    #[inline]
    pub(crate) fn note_gap(&mut self) {
        self.single = [0; LENGTHS];
    }

    /// What was joined; `None` where nothing was.
    pub(crate) fn counts(&self) -> Option<&JoinedCounts> {
        self.counts.as_deref()
    }
}

/// The parts of a joined datagram, each a datagram of its own. The time is that of the first: when the others came is not
/// known.
pub(crate) fn parts<'p>(whole: &Packet<'p>, length: usize) -> impl Iterator<Item = Packet<'p>> {
    let whole = *whole;
    whole.payload.chunks(length.max(1)).enumerate().map(move |(number, payload)| Packet {
        payload,
        time: whole.time.filter(|_| number == 0),
        ..whole
    })
}
