//! Rows as they stand in messages. A row is written once for all clients that show it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use streamlens_model::row::{Level, Row, RowHealth, RowName, RowTiming, Sighting, SightingLine, mean_bit_rate};
use streamlens_model::{Address, Endpoint, TrafficType};

/// What is known of a flow beside its row.
#[derive(Debug, Default)]
pub(super) struct FlowExtra<'a> {
    pub(super) transports: Vec<&'a str>,
    pub(super) encodings: Vec<&'a str>,
    pub(super) lost: Option<u64>,
    pub(super) expected: Option<u64>,
    /// Of a transport.
    pub(super) ports: Option<(u16, u16)>,
    /// Rows right below a row that is no flow.
    pub(super) below: u64,
    /// What several probes saw of the flow.
    pub(super) sighting: Option<&'a Sighting>,
}

/// The own fields of a row, without brackets.
#[derive(Debug, Default)]
pub(super) struct RowText {
    /// The look that it is of.
    pub(super) version: u64,
    pub(super) own: Parts,
    /// Of an encoding: the fields of its health, which has the streams in it.
    pub(super) health: Parts,
    /// Fields that this row has had a value of at some time.
    known: u64,
    /// Probes that have seen the flow at some time.
    probes: BTreeSet<Arc<str>>,
}

/// Fields for one that holds nothing, and for one that may hold any earlier ones.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) whole: Box<[u8]>,
    /// `None` where it is the same.
    patch: Option<Box<[u8]>>,
}

impl Parts {
    /// What a client gets.
    pub(super) fn of(&self, is_patch: bool) -> &[u8] {
        match &self.patch {
            Some(patch) if is_patch => patch,
            _ => &self.whole,
        }
    }
}

impl RowText {
    /// Writes the fields of a row as it is now.
    pub(super) fn write(
        &mut self,
        version: u64,
        row: &Row,
        name: Option<&RowName>,
        extra: &FlowExtra<'_>,
        findings: [u64; 3],
    ) {
        let mut fields = Fields { known: self.known, ..Fields::default() };
        let mut health = Fields { known: self.known, bit: 40, ..Fields::default() };
        match row.id.level {
            Level::Flow => {
                flow(&mut fields, row, name, extra);
                sighting(&mut fields, extra.sighting, &mut self.probes);
            }
            Level::Transport => {
                named(&mut fields, "protocol_name", name);
                fields.some("port_info", extra.ports.map(|(src_port, dst_port)| Ports { src_port, dst_port }).as_ref());
                counts(&mut fields, row);
            }
            Level::Encoding => {
                named(&mut fields, "encoding_name", name);
                fields.some("confidence_score", row.confidence.as_ref());
                counts(&mut fields, row);
                fields.some("malformed", (row.malformed > 0).then_some(&row.malformed));
                sums(&mut health, &row.health, row.health.received);
            }
            Level::Stream => {
                if let Some(RowName::Stream(id, name)) = name {
                    fields.always("id", &**id);
                    fields.some("name", name.as_deref().as_ref());
                }
                sums(&mut fields, &row.health, Some(row.packets));
                fields.some("drift_ppm", row.health.drift_ppm.as_ref());
                fields.some("packet_rate", row.packet_rate.as_ref());
            }
            Level::PacketType => {
                named(&mut fields, "type_name", name);
                counts(&mut fields, row);
                fields.some("incomplete", (row.malformed > 0).then_some(&row.malformed));
            }
        }
        fields.some("rows_below", (extra.below > 0).then_some(&extra.below));
        severities(&mut fields, findings);
        self.known = fields.known | health.known;
        (self.version, self.own, self.health) = (version, fields.parts(), health.parts());
    }
}

fn flow(fields: &mut Fields, row: &Row, name: Option<&RowName>, extra: &FlowExtra<'_>) {
    if let Some(RowName::Flow(key, cast)) = name {
        fields.always("src", &End::from(key.src));
        fields.always("dst", &End::from(key.dst));
        fields.always("vlan", key.vlan.as_slice());
        fields.some("traffic_type", cast.map(TrafficType::name).as_ref());
    }
    let bytes = row.bytes.unwrap_or_default();
    fields.some("first_seen", row.first_seen.as_ref());
    fields.some("last_seen", row.last_seen.as_ref());
    fields.always("total_packets", &row.packets);
    fields.always("total_bytes", &bytes);
    fields.some("bit_rate", mean_bit_rate(row.first_seen, row.last_seen, row.packets, bytes).as_ref());
    rates(fields, row);
    timing(fields, &row.timing);
    fields.always("transports", &extra.transports);
    fields.always("encodings", &extra.encodings);
    fields.some("lost", extra.lost.as_ref());
    fields.some("expected", extra.expected.as_ref());
}

/// What each probe saw. One that saw it once and does no more is taken away.
fn sighting(fields: &mut Fields, of: Option<&Sighting>, probes: &mut BTreeSet<Arc<str>>) {
    let Some(of) = of else { return };
    fields.always("totals_of", &*of.totals_of);
    fields.object("probes", |fields| {
        for gone in probes.iter().filter(|name| of.lines.iter().all(|line| line.probe != **name)) {
            push(&mut fields.patch, &**gone);
            fields.patch.extend_from_slice(b":null,");
        }
        for line in &of.lines {
            // a client may hold any of it
            let mut inner = Fields { known: u64::MAX, ..Fields::default() };
            at_probe(&mut inner, line);
            for (out, inner) in [(&mut fields.whole, &inner.whole), (&mut fields.patch, &inner.patch)] {
                push(out, &*line.probe);
                out.extend_from_slice(b":{");
                out.extend_from_slice(inner.strip_suffix(b",").unwrap_or(inner));
                out.extend_from_slice(b"},");
            }
        }
    });
    probes.extend(of.lines.iter().map(|line| Arc::clone(&line.probe)));
}

fn at_probe(fields: &mut Fields, line: &SightingLine) {
    fields.always("vlan", line.vlan.as_slice());
    fields.some("first_seen", line.row.first_seen.as_ref());
    fields.some("last_seen", line.row.last_seen.as_ref());
    fields.always("total_packets", &line.row.packets);
    fields.always("total_bytes", &line.row.bytes.unwrap_or_default());
    rates(fields, &line.row);
    timing(fields, &line.row.timing);
    fields.some("lost", line.lost.as_ref());
}

fn named(fields: &mut Fields, key: &str, name: Option<&RowName>) {
    if let Some(RowName::Named(name)) = name {
        fields.always(key, &**name);
    }
}

fn counts(fields: &mut Fields, row: &Row) {
    fields.always("packet_count", &row.packets);
    fields.always("byte_count", &row.bytes.unwrap_or_default());
    rates(fields, row);
    timing(fields, &row.timing);
}

fn rates(fields: &mut Fields, row: &Row) {
    fields.some("packet_rate", row.packet_rate.as_ref());
    fields.some("bit_rate_now", row.bit_rate.as_ref());
}

fn timing(fields: &mut Fields, timing: &RowTiming) {
    fields.object("timing_stats", |fields| {
        fields.always("count", &timing.count);
        for (key, value) in [("min_ns", timing.min_ns), ("max_ns", timing.max_ns)] {
            fields.some(key, value.as_ref());
        }
        for (key, value) in
            [("mean_ns", timing.mean_ns), ("std_dev_ns", timing.std_dev_ns), ("jitter_ns", timing.jitter_ns)]
        {
            fields.some(key, value.as_ref());
        }
        for (key, value) in [("p50_ns", timing.p50_ns), ("p95_ns", timing.p95_ns), ("p99_ns", timing.p99_ns)] {
            fields.some(key, value.as_ref());
        }
        fields.some("outliers", timing.outliers.map(|count| Count { count }).as_ref());
        fields.some("backwards", (timing.backwards > 0).then_some(&timing.backwards));
    });
}

fn sums(fields: &mut Fields, health: &RowHealth, received: Option<u64>) {
    let counts = [
        ("received", received),
        ("expected", health.expected),
        ("lost", health.lost),
        ("duplicated", health.duplicated),
        ("reordered", health.reordered),
        ("restarts", health.restarts),
        ("longest_gap", health.longest_gap),
    ];
    for (key, count) in counts {
        fields.some(key, count.as_ref());
    }
    fields.some("jitter_ns", health.media_jitter_ns.as_ref());
}

fn severities(fields: &mut Fields, counts: [u64; 3]) {
    if counts == [0; 3] {
        return fields.some::<u64>("findings", None);
    }
    let bit = fields.next_bit();
    fields.known |= bit;
    fields.object("findings", |fields| {
        for (key, count) in ["info", "warning", "error"].into_iter().zip(counts) {
            fields.some(key, (count > 0).then_some(&count));
        }
    });
}

#[derive(Serialize)]
struct Ports {
    src_port: u16,
    dst_port: u16,
}

#[derive(Serialize)]
struct Count {
    count: u64,
}

#[derive(Serialize)]
struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

impl From<Endpoint> for End {
    fn from(end: Endpoint) -> Self {
        Self { address: Some(end.address).filter(|address| *address != Address::None), port: end.port }
    }
}

/// Writes fields with a comma behind each, for both at once.
#[derive(Debug, Default)]
struct Fields {
    whole: Vec<u8>,
    patch: Vec<u8>,
    known: u64,
    bit: u32,
}

impl Fields {
    fn next_bit(&mut self) -> u64 {
        let bit = 1 << (self.bit % 64);
        self.bit += 1;
        bit
    }

    fn always<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        let begin = self.whole.len();
        push_key(&mut self.whole, key);
        push(&mut self.whole, value);
        self.whole.push(b',');
        self.patch.extend_from_slice(&self.whole[begin..]);
    }

    fn some<T: Serialize + ?Sized>(&mut self, key: &str, value: Option<&T>) {
        let bit = self.next_bit();
        match value {
            Some(value) => {
                self.known |= bit;
                self.always(key, value);
            }
            None if self.known & bit != 0 => {
                push_key(&mut self.patch, key);
                self.patch.extend_from_slice(b"null,");
            }
            None => {}
        }
    }

    fn object(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        let mut inner = Self { known: self.known, bit: self.bit, ..Self::default() };
        write(&mut inner);
        (self.known, self.bit) = (inner.known, inner.bit);
        for (out, inner) in [(&mut self.whole, inner.whole), (&mut self.patch, inner.patch)] {
            push_key(out, key);
            out.push(b'{');
            out.extend_from_slice(inner.strip_suffix(b",").unwrap_or(&inner));
            out.extend_from_slice(b"},");
        }
    }

    fn parts(self) -> Parts {
        let cut = |text: Vec<u8>| -> Box<[u8]> { text.strip_suffix(b",").unwrap_or(&text).into() };
        let patch = (self.patch != self.whole).then(|| cut(self.patch));
        Parts { whole: cut(self.whole), patch }
    }
}

fn push_key(out: &mut Vec<u8>, key: &str) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends the text of a value.
pub(super) fn push<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // what has no text is no value
        out.truncate(begin);
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_defined_is_taken_away_of_those_that_had_it() {
        let mut text = RowText::default();
        let mut row = Row { packets: 3, packet_rate: Some(1.5), ..Row::default() };
        text.write(1, &row, None, &FlowExtra::default(), [0, 2, 0]);
        assert_eq!(text.own.of(true), text.own.of(false));
        row.packet_rate = None;
        text.write(2, &row, None, &FlowExtra::default(), [0; 3]);
        let parse = |bytes: &[u8]| -> serde_json::Value {
            serde_json::from_str(&format!("{{{}}}", std::str::from_utf8(bytes).expect("text"))).expect("JSON")
        };
        let (whole, patch) = (parse(text.own.of(false)), parse(text.own.of(true)));
        assert!(whole.get("packet_rate").is_none() && whole.get("findings").is_none());
        assert!(
            patch["packet_rate"].is_null() && patch.get("packet_rate").is_some() && patch.get("findings").is_some()
        );
        assert!(patch.get("lost").is_none(), "never had it");
    }
}
