//! What a flow's decoder adds to the result.

use std::borrow::Cow;

use streamlens_model::{FindingLog, Metadata, StreamId, Value};

use super::decoder::undeclared;
use super::state::{IenaFlow, Key, StatusCounts};
use super::variant::IenaVariant;
use crate::FlowReport;
use crate::telemetry::{report_clocks, report_findings, report_table};
use crate::text::{UPPER, hex_numbered};

impl IenaFlow {
    pub(super) fn write_report(&self, report: &mut FlowReport) {
        report.metadata.reserve(2);
        // a handful of names, and most flows have one
        let mut variants: Vec<(&str, u64)> = Vec::with_capacity(1);
        for (id, key) in self.keys.iter() {
            let (variant, certainty) = key.verdict();
            let name = variant.map_or("unknown-type", IenaVariant::type_name);
            match variants.iter_mut().find(|(known, _)| *known == name) {
                Some((_, keys)) => *keys += 1,
                None => variants.push((name, 1)),
            }
            key.measures(name, certainty, &mut report.stream(StreamId(id.into())).measures);
            if key.has_undeclared && key.pin.is_none() {
                report.type_names.insert(undeclared(id as u16), Cow::Borrowed(name));
            }
        }
        report_table(&self.keys, "keys", report);
        report.fact("keys_by_variant", Value::map(variants.into_iter().map(|(name, keys)| (name, keys.into()))));
        // Packets of one sender that all have the same flaw prove no more than a few of them.
        if self.keys.iter().all(|(_, key)| !key.is_proved) && self.size_in_bytes > 0 {
            report.confidence_limit = Some(0.6);
            report.reasons.push("every packet has its size in bytes instead of words".into());
        }
        let malformed = [
            ("size counts bytes, not 16-bit words", self.size_in_bytes),
            ("size does not fit", self.other_size),
            ("trailer is not 0xDEAD", self.other_trailer),
        ];
        let mut malformed = malformed.into_iter().filter(|(_, n)| *n > 0).map(|(why, n)| (why, n.into())).peekable();
        if malformed.peek().is_some() {
            report.fact("malformed", Value::map(malformed));
        }
        report_clocks(self, "iena.clock-offset", false, report);
        report_findings(&self.keys, ("iena.key-limit", "keys"), &self.concluded(), report);
    }

    /// What was found; changes of status octets end with what these are now.
    fn concluded(&self) -> Cow<'_, FindingLog> {
        if self.log.is_empty() {
            return Cow::Borrowed(&self.log);
        }
        let mut log = self.log.clone();
        for (code, octet) in [("iena.key-status-changed", 0), ("iena.n2-status-changed", 1)] {
            log.conclude(code, |stream, subject| {
                let (octets, _) = self.keys.find(u32::try_from(stream?.0).ok()?)?.repeated.run()?;
                let now = *octets.get(octet)?;
                (subject.0 as u8 != now).then(|| format!("; now 0x{now:02X}"))
            });
        }
        Cow::Owned(log)
    }
}

impl Key {
    /// The variant of its packets and how sure that is; `None` where no packet keeps the rules.
    pub(super) fn verdict(&self) -> (Option<IenaVariant>, &'static str) {
        let fitting = self.candidates.iter().next().filter(|_| self.tested > 0);
        if self.pin.is_some() {
            (self.pin, "pinned by configuration")
        } else if !self.is_proved {
            (None, "size field wrong")
        } else if self.declared.is_some() {
            let certainty = if self.declares_several {
                "declared by key-status bits, which change"
            } else {
                "declared by key-status bits"
            };
            (self.declared, certainty)
        } else if fitting.is_some() {
            (fitting, "structure")
        } else if self.tested > 0 {
            (Some(IenaVariant::P), "assumed (no repeating structure)")
        } else {
            (Some(IenaVariant::P), "assumed (no payload to judge by)")
        }
    }

    /// In order of the names, which is fastest to insert.
    fn measures(&self, name: &'static str, certainty: &'static str, measures: &mut Metadata) {
        measures.reserve(12);
        let (key_status, n2_status) = self.statuses();
        let mut add = |name: &'static str, value: Value| measures.insert(name.into(), value);
        if self.discarded > 0 {
            add("discard_bit_packets", self.discarded.into());
        }
        add("key_status", histogram(&key_status));
        add("key_status_changes", key_status.changes.into());
        if self.malformed > 0 {
            add("malformed_packets", self.malformed.into());
        }
        add("n2_status", histogram(&n2_status));
        add("n2_status_changes", n2_status.changes.into());
        let candidates = self.candidates.iter().filter(|_| self.tested > 0).map(IenaVariant::letter);
        add("structural_candidates", Value::list(candidates));
        add("structure_tested_packets", self.tested.into());
        add("time_of_year_first_us", self.first_micros.into());
        add("time_of_year_last_us", self.last_micros.into());
        add("type", name.into());
        add("type_certainty", certainty.into());
        self.track.report(measures, true);
    }
}

fn histogram(counts: &StatusCounts) -> Value {
    counts.values.to_value(|value| hex_numbered("0x", value.into(), 2, UPPER))
}
