//! Which streams are real: probation of a new SSRC by its sequence numbers (after RFC 3550 A.1, made milder, so that
//! loss, duplicates and reordering at the beginning cost nothing).

/// A step ahead of at most this many numbers agrees with a running sequence. A random number passes with a chance of
/// 1 in 655, and a random SSRC hardly ever comes twice, so one agreement already decides.
const MAX_STEP: i16 = 100;
/// Only the first packets are judged: a stream that held so long is left alone.
const JUDGED_PACKETS: u8 = 20;

/// What speaks for and against one SSRC.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probation {
    highest: u16,
    timestamp: u32,
    seen: u8,
    agreed: u8,
    contradicted: u8,
}

impl Probation {
    pub(super) fn new(sequence: u16, timestamp: u32) -> Self {
        Self { highest: sequence, timestamp, seen: 1, agreed: 0, contradicted: 0 }
    }

    /// Judges the next packet of the SSRC.
    pub(super) fn observe(&mut self, sequence: u16, timestamp: u32) {
        if self.is_over() {
            return;
        }
        self.seen += 1;
        let step = sequence.wrapping_sub(self.highest).cast_signed();
        match step {
            1..=MAX_STEP => {
                self.agreed += 1;
                self.highest = sequence;
            }
            // A duplicate says nothing; a constant where the sequence should be, beside a moving timestamp, does.
            0 if timestamp == self.timestamp => {}
            0 => self.contradicted += 1,
            step if (-MAX_STEP..0).contains(&step) => {}
            _ => {
                self.contradicted += 1;
                self.highest = sequence;
            }
        }
        self.timestamp = timestamp;
    }

    /// Whether the SSRC is a stream: `(1 - 0.85 * 0.5^agreed) * (1 - 2 * contradicted / judged)` is one half or more.
    pub(super) fn is_proven(&self) -> bool {
        let judged = f32::from(self.agreed + self.contradicted);
        self.agreed > 0
            && (1.0 - 0.85 * 0.5_f32.powi(i32::from(self.agreed))) * (1.0 - 2.0 * f32::from(self.contradicted) / judged)
                >= 0.5
    }

    fn is_over(&self) -> bool {
        self.seen >= JUDGED_PACKETS
    }
}

/// How many packets of unproven streams a flow may still count. They are taken on credit, so that the first packet of
/// every real stream counts; a flow of random bytes soon has none left, and what does not fit is refused.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    left: u8,
    proven_packets: u8,
}

impl Credit {
    /// Three packets: with the figures of the probe these alone can't identify a flow.
    const INITIAL: u8 = 3;
    const MAX: u8 = 8;
    /// So many packets of proven streams earn credit for one more.
    const EARNED_PER: u8 = 16;

    pub(super) fn new() -> Self {
        Self { left: Self::INITIAL, proven_packets: 0 }
    }

    #[inline]
    pub(super) fn earn(&mut self) {
        self.proven_packets += 1;
        if self.proven_packets == Self::EARNED_PER {
            self.proven_packets = 0;
            self.give_back(1);
        }
    }

    pub(super) fn spend(&mut self) -> bool {
        let has = self.left > 0;
        self.left -= u8::from(has);
        has
    }

    pub(super) fn give_back(&mut self, packets: u8) {
        self.left = self.left.saturating_add(packets).min(Self::MAX);
    }
}
