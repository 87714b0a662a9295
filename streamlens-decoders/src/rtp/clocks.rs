//! The media clocks of a stream: payload types may have clocks of their own (RFC 7160), and what is not sound (telephone
//! events, RFC 4733; comfort noise, RFC 3389) stays out of the sound's jitter.

use smallvec::SmallVec;
use streamlens_model::{Occurrence, Timestamp};

use super::jitter::JitterBank;
use super::payload_type::static_payload_type;
use super::steps::ClockStep;

/// The most clocks that are kept apart in a stream; packets of further ones are no measure of jitter.
const MAX_CLOCKS: usize = 8;

/// Whose clock it is: payload types with the same rate by RFC 3551 share one, every other has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Rate(u32),
    PayloadType(u8),
}

impl Owner {
    fn of(payload_type: u8) -> Self {
        fixed_rate(payload_type).map_or(Self::PayloadType(payload_type), Self::Rate)
    }
}

/// The rate that RFC 3551 assigns to a payload type. None for comfort noise, which goes with voice of any rate.
pub(super) fn fixed_rate(payload_type: u8) -> Option<u32> {
    match payload_type {
        13 | 19 => None,
        _ => static_payload_type(payload_type).map(|known| known.clock_rate_hz),
    }
}

/// One clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    owner: Owner,
    packets: u64,
    pub(super) jitter: JitterBank,
}

impl Clock {
    fn new(owner: Owner) -> Self {
        let rate = match owner {
            Owner::Rate(rate) => Some(rate),
            Owner::PayloadType(_) => None,
        };
        Self { owner, packets: 0, jitter: JitterBank::new(rate) }
    }

    /// Its rate in Hz where RFC 3551 sets it.
    pub(super) fn fixed_rate(&self) -> Option<u32> {
        match self.owner {
            Owner::Rate(rate) => Some(rate),
            Owner::PayloadType(_) => None,
        }
    }
}

/// The clocks of one stream.
#[derive(Clone, Debug)]
pub(super) struct Clocks {
    list: SmallVec<[Clock; 1]>,
    recent: usize,
    payload_type: u8,
}

impl Clocks {
    pub(super) fn new(payload_type: u8) -> Self {
        let mut list = SmallVec::new();
        list.push(Clock::new(Owner::of(payload_type)));
        Self { list, recent: 0, payload_type }
    }

    /// Records a packet. Gives a step of a clock that has become certain.
    #[inline]
    pub(super) fn observe(
        &mut self,
        payload_type: u8,
        at: Occurrence,
        time: Timestamp,
        timestamp: u32,
        is_behind: bool,
    ) -> Option<ClockStep> {
        if payload_type != self.payload_type {
            self.turn_to(payload_type);
        }
        let clock = self.list.get_mut(self.recent)?;
        clock.packets += 1;
        clock.jitter.observe(at, time, timestamp, is_behind)
    }

    #[cold]
    fn turn_to(&mut self, payload_type: u8) {
        self.payload_type = payload_type;
        let owner = Owner::of(payload_type);
        self.recent = self.list.iter().position(|clock| clock.owner == owner).unwrap_or(self.list.len());
        if self.recent == self.list.len() && self.recent < MAX_CLOCKS {
            self.list.push(Clock::new(owner));
        }
    }

    /// Begins afresh with the next packet. Gives what steps have become certain.
    pub(super) fn restart(&mut self) -> impl Iterator<Item = ClockStep> {
        self.list.iter_mut().filter_map(|clock| clock.jitter.restart())
    }

    /// The clock that most packets have; of equals the first.
    pub(super) fn main(&self) -> Option<&Clock> {
        self.list.iter().rev().max_by_key(|clock| clock.packets)
    }

    /// Steps at the end, after which too few packets came to be certain.
    pub(super) fn last_steps(&self) -> impl Iterator<Item = ClockStep> {
        self.list.iter().filter_map(|clock| clock.jitter.last_step())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamlens_model::{StreamId, Value};

    use crate::rtp::RtpDecoder;
    use crate::testing::{Captured, udp};
    use crate::{DecodingResult, FlowReport, StreamDecoder, StreamReport};

    const SECOND: i64 = 1_000_000_000;

    /// A packet as it arrives.
    #[derive(Clone, Copy, Debug)]
    struct Sent {
        payload_type: u8,
        sequence: u16,
        timestamp: u32,
        nanos: i64,
    }

    fn captured(sent: &Sent) -> Captured {
        let mut bytes = vec![0x80, sent.payload_type];
        bytes.extend(sent.sequence.to_be_bytes());
        bytes.extend(sent.timestamp.to_be_bytes());
        bytes.extend(0xCAFE_u32.to_be_bytes());
        bytes.extend([0x55; 160]);
        let mut captured = udp(&bytes);
        captured.time = Some(streamlens_model::Timestamp::from_nanos(1_700_000_000 * SECOND + sent.nanos));
        captured
    }

    /// What is said of the stream, and the findings with their counts and sentences.
    fn measure(packets: &[Sent]) -> (StreamReport, Vec<(&'static str, u64, String)>) {
        let mut flow = RtpDecoder::new().flow_decoder(&Default::default()).unwrap();
        for packet in packets {
            flow.decode_packet(&captured(packet).packet(), &mut DecodingResult::default()).unwrap();
        }
        let mut report = FlowReport::default();
        flow.report(&mut report);
        let findings = report.findings.iter().flat_map(|log| log.iter());
        let findings = findings.map(|(code, _, found)| (code, found.count, found.text.clone())).collect();
        (report.streams[&StreamId(0xCAFE)].clone(), findings)
    }

    fn float(report: &StreamReport, name: &str) -> f64 {
        match report.measures.get(name) {
            Some(Value::Float(value)) => *value,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Packets of G.711 every 20 ms from a number, a timestamp and a time on, each late by some microseconds.
    fn part(sequence: u16, timestamp: u32, nanos: i64, late_us: &[u16]) -> Vec<Sent> {
        let one = |(n, &late): (u32, &u16)| Sent {
            payload_type: 0,
            sequence: sequence.wrapping_add(n as u16),
            timestamp: timestamp.wrapping_add(n * 160),
            nanos: nanos + i64::from(n) * 20_000_000 + i64::from(late) * 1000,
        };
        (0..).zip(late_us).map(one).collect()
    }

    #[test]
    fn each_payload_type_has_its_own_clock_and_events_have_no_part_in_the_sound() {
        let mut packets = Vec::new();
        for n in 0..200_u16 {
            let time = i64::from(n) * 20_000_000;
            // an event of 10 packets that all have the timestamp of its beginning, and comfort noise on another clock
            let is_event = (60..70).contains(&n);
            let is_noise = n % 50 == 49;
            let (payload_type, timestamp) = match (is_event, is_noise) {
                (true, _) => (101, 60 * 320),
                (_, true) => (13, u32::from(n) * 160),
                _ => (96, u32::from(n) * 320),
            };
            packets.push(Sent { payload_type, sequence: n, timestamp, nanos: time });
        }
        let (report, _) = measure(&packets);
        assert_eq!(report.measures.get("clock_rate_hz"), Some(&Value::from(16_000_u32)));
        assert_eq!((report.jitter_ns, float(&report, "jitter_max_ns")), (Some(0.0), 0.0));
    }

    #[test]
    fn a_silence_that_is_not_counted_is_a_step_and_one_that_is_is_none() {
        for (counted, found) in [(true, 0), (false, 3)] {
            let mut packets = Vec::new();
            for burst in 0..4_u16 {
                let timestamp = u32::from(burst) * if counted { 32_000 } else { 8_000 };
                packets.extend(part(burst * 50, timestamp, i64::from(burst) * 4 * SECOND, &[0; 50]));
            }
            let (report, findings) = measure(&packets);
            let steps: u64 = findings.iter().map(|(_, count, _)| count).sum();
            assert_eq!(steps, found, "{findings:?}");
            assert!(report.jitter_ns.unwrap() < 1.0 && report.drift_ppm.is_none_or(|ppm| ppm.abs() < 1.0));
        }
    }

    #[test]
    fn packets_that_the_network_held_back_are_late_and_no_step_of_the_clock() {
        let mut packets = part(0, 0, 0, &[0; 400]);
        // nothing for three seconds, then all at once
        for (n, packet) in (0..).zip(packets.iter_mut().skip(100).take(151)) {
            packet.nanos = packet.nanos.max(5 * SECOND + n * 100_000);
        }
        let (report, findings) = measure(&packets);
        assert_eq!(findings, []);
        assert!(float(&report, "jitter_max_ns") > 150e6, "{report:?}");
    }

    #[test]
    fn a_clock_of_another_rate_is_no_drift() {
        // timestamps at 16,000 Hz under a payload type of 8,000 Hz
        let packets: Vec<_> = (0..700)
            .map(|n| Sent {
                payload_type: 0,
                sequence: n,
                timestamp: u32::from(n) * 320,
                nanos: i64::from(n) * 20_000_000,
            })
            .collect();
        let (report, findings) = measure(&packets);
        assert_eq!(report.drift_ppm, None);
        let (code, count, text) = &findings[0];
        assert_eq!((*code, *count), ("rtp.clock-rate", 1));
        assert_eq!(
            text,
            "the timestamps make 16,000 ticks a second, the clock rate is 8,000 Hz by the static payload type"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// However often a sender begins again, jitter is that of the last part, its peak that of the worst, and drift that of
        /// the longest.
        #[test]
        fn a_restart_leaves_the_figures_of_the_parts(
            parts in proptest::collection::vec((any::<u32>(), proptest::collection::vec(0_u16..5_000, 3..80)), 1..5),
        ) {
            let (mut whole, mut alone) = (Vec::new(), Vec::new());
            for (n, (timestamp, late)) in (0_u16..).zip(&parts) {
                let packets = part(n * 13_000, *timestamp, i64::from(n) * 10 * SECOND, late);
                alone.push(measure(&packets).0);
                whole.extend(packets);
            }
            let (report, findings) = measure(&whole);
            prop_assert_eq!(report.jitter_ns, alone.last().unwrap().jitter_ns);
            let worst = alone.iter().map(|part| float(part, "jitter_max_ns")).fold(0.0, f64::max);
            prop_assert_eq!(float(&report, "jitter_max_ns"), worst);
            prop_assert_eq!(findings, []);
        }
    }
}
