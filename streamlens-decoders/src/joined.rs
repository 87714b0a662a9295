//! Datagrams that hold several packets of one stream, as receive offload hands them on: the adapter or the kernel joins
//! datagrams of one length that follow each other, the last of which may be shorter (UDP GRO).

/// How far the number of a part may be from the one that it would have without loss and reordering: what was joined lay close
/// together.
const NEAR: i64 = 64;

/// What a datagram holds, by the numbers in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// One packet, as far as can be told.
    One,
    /// Packets of so many bytes, but for the last, which may be shorter: at least two. Each begins like the first and has a
    /// number near it.
    Parts(usize),
    /// A packet of the stream with a number near it stands behind the first, and what follows is not one packet after another
    /// of that length.
    Unclear,
}

impl Joined {
    /// Judges a datagram whose first packet has so many bytes. `ahead` says how many numbers ahead of the first a packet is
    /// that the bytes begin with; `None` where they begin with none of the stream, or with one that states another length.
    pub(crate) fn judge(payload: &[u8], first: usize, ahead: impl Fn(&[u8]) -> Option<i64>) -> Self {
        if first == 0 || payload.len() <= first {
            return Self::One;
        }
        let is_packet = |(place, part): (i64, &[u8])| is_near(place, ahead(part));
        let mut behind = (1_i64..).zip(payload.chunks(first).skip(1));
        if !behind.next().is_some_and(is_packet) {
            Self::One
        } else if behind.all(is_packet) {
            Self::Parts(first)
        } else {
            Self::Unclear
        }
    }
}

/// Whether a number so far ahead of the first may be that of the packet at this place behind it.
pub(crate) fn is_near(place: i64, ahead: Option<i64>) -> bool {
    ahead.is_some_and(|ahead| (ahead - place).abs() <= NEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of which the first byte is the number.
    fn judge(payload: &[u8], first: usize) -> Joined {
        Joined::judge(payload, first, |part| (part.len() < 3).then(|| i64::from(part[0]) - i64::from(payload[0])))
    }

    #[test]
    fn parts_have_one_length_and_numbers_near_each_other() {
        assert_eq!(judge(&[5, 0, 6, 0, 7, 0], 2), Joined::Parts(2));
        assert_eq!(judge(&[5, 0, 6, 0, 7], 2), Joined::Parts(2));
        // one was lost between them
        assert_eq!(judge(&[5, 0, 7, 0, 8, 0], 2), Joined::Parts(2));
        assert_eq!(judge(&[5, 0, 6, 0, 80, 0], 2), Joined::Unclear);
        assert_eq!(judge(&[5, 0, 80, 0, 7, 0], 2), Joined::One);
        assert_eq!(judge(&[5, 0], 2), Joined::One);
        assert_eq!(judge(&[5, 0], 0), Joined::One);
        assert_eq!(judge(&[], 3), Joined::One);
    }
}
