//! What speaks for and against a payload format, packet by packet.

use streamlens_model::{FindingLog, Occurrence, Severity, Subject};

/// Packets that fit a payload format, and packets that contradict it.
///
/// While a stream is young one packet in fifty is too much against it. Once it has its format, packets that contradict it are
/// faults of the sender and no reason to take the format from the stream, until they are most of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Evidence {
    /// Packets that fit.
    pub(crate) good: u64,
    /// Packets that don't.
    pub(crate) bad: u64,
    is_established: bool,
    faults: Option<(u64, Occurrence, Occurrence)>,
}

impl Evidence {
    /// So many packets that fit establish a format.
    const ESTABLISHED: u64 = 100;

    /// Records a packet that fits.
    #[inline]
    pub(crate) fn support(&mut self) {
        self.good += 1;
        if self.good == Self::ESTABLISHED {
            self.is_established = self.is_plausible();
        }
    }

    /// Records a packet that doesn't.
    #[cold]
    pub(crate) fn contradict(&mut self, at: Occurrence) {
        self.bad += 1;
        if self.is_established {
            let (count, first, _) = self.faults.unwrap_or((0, at, at));
            self.faults = Some((count + 1, first, at));
        }
    }

    /// Whether it can be the format.
    pub(crate) fn is_plausible(&self) -> bool {
        if self.is_established { self.bad <= self.good } else { self.bad * 50 <= self.good }
    }

    /// Points out the packets that contradicted the format when it was established.
    pub(crate) fn log(&self, code: &'static str, findings: &mut FindingLog) {
        let Some((count, first, last)) = self.faults else { return };
        let (place, at) = ((None, Subject::default()), (first, last));
        findings.add_counted((code, Severity::Warning), place, count, at, || {
            format!("{count} of {} payloads contradict the format of the stream", self.good + self.bad)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(packets: impl IntoIterator<Item = bool>) -> Evidence {
        let mut evidence = Evidence::default();
        for (frame, fits) in (1..).zip(packets) {
            if fits {
                evidence.support();
            } else {
                evidence.contradict(Occurrence { frame, time: None });
            }
        }
        evidence
    }

    #[test]
    fn a_young_stream_loses_its_format_by_one_packet_in_fifty_and_an_old_one_keeps_it() {
        assert!(!evidence((0..60).map(|n| n % 30 != 29)).is_plausible());
        let old = evidence((0..100).map(|_| true).chain((0..100).map(|n| n % 2 == 0)));
        assert!(old.is_plausible());
        let mut findings = FindingLog::default();
        old.log("x.payload", &mut findings);
        let (_, _, finding) = findings.iter().next().unwrap();
        assert_eq!((finding.count, finding.first.frame, finding.last.frame), (50, 102, 200));
        assert_eq!(finding.text, "50 of 200 payloads contradict the format of the stream");
    }

    #[test]
    fn a_stream_of_mostly_other_packets_loses_it_in_the_end() {
        assert!(!evidence((0..100).map(|_| true).chain((0..101).map(|_| false))).is_plausible());
    }
}
