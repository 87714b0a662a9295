//! Counts per interval of time add up to what they are counts of, and none is negative.
#![allow(unreachable_pub, missing_docs, reason = "several test files use it")]

use streamlens::model::{Analysis, ApplicationEncoding, Interval, PacketTypeStats, StreamHealth};

/// What does not add up, in an analysis with intervals of frames that all have a time.
pub fn wrong_sums(analysis: &Analysis) -> Vec<String> {
    let mut wrong = Wrong::default();
    for flow in &analysis.flows {
        wrong.level(&flow.key, &flow.intervals, flow.total_packets, flow.total_bytes);
        for transport in &flow.transport_protocols {
            let place = format!("{} {}", flow.key, transport.protocol_name);
            wrong.level(&place, &transport.intervals, transport.packet_count, transport.byte_count);
            transport.application_encodings.iter().for_each(|encoding| wrong.encoding(&place, encoding));
        }
    }
    wrong.0
}

#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn expect<T: PartialEq + std::fmt::Debug>(&mut self, place: &dyn std::fmt::Display, what: &str, sum: T, total: T) {
        if sum != total {
            self.0.push(format!("{place}: {what} {sum:?} in intervals, {total:?} in all"));
        }
    }

    fn level(&mut self, place: &dyn std::fmt::Display, intervals: &[Interval], packets: u64, bytes: u64) {
        self.expect(place, "packets", intervals.iter().map(|of| of.packets).sum(), packets);
        self.expect(place, "bytes", intervals.iter().map(|of| of.bytes).sum(), bytes);
        let is_ascending = intervals.is_sorted_by(|one, next| one.start < next.start);
        self.expect(place, "order", is_ascending, true);
    }

    fn lost(&mut self, place: &dyn std::fmt::Display, lost: &[Option<i64>], total: Option<u64>) {
        let negative = lost.iter().flatten().filter(|lost| **lost < 0).count();
        self.expect(place, "negative losses", negative, 0);
        let known = lost.iter().any(Option::is_some);
        self.expect(place, "lost", known.then(|| lost.iter().flatten().sum()), total.map(u64::cast_signed));
    }

    fn encoding(&mut self, place: &str, encoding: &ApplicationEncoding) {
        let place = format!("{place} {}", encoding.encoding_name);
        self.level(&place, &encoding.intervals, encoding.packet_count, encoding.byte_count);
        let lost: Vec<_> = encoding.intervals.iter().map(|of| of.lost).collect();
        self.lost(&place, &lost, encoding.health.sums().lost);
        encoding.health.streams.iter().for_each(|stream| self.stream(&place, stream));
        encoding.packet_types.iter().for_each(|kind| self.packet_type(&place, kind));
    }

    fn stream(&mut self, place: &str, stream: &StreamHealth) {
        let place = format!("{place} {}", stream.id);
        self.expect(&place, "packets", stream.intervals.iter().map(|of| of.packets).sum(), stream.received);
        let lost: Vec<_> = stream.intervals.iter().map(|of| of.lost).collect();
        self.lost(&place, &lost, stream.lost);
    }

    fn packet_type(&mut self, place: &str, kind: &PacketTypeStats) {
        let place = format!("{place} {}", kind.type_name);
        self.level(&place, &kind.intervals, kind.packet_count, kind.byte_count);
        kind.packet_types.iter().for_each(|inner| self.packet_type(&place, inner));
    }
}
