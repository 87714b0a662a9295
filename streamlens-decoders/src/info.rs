//! What a decoder is: plain data, apart from what it does.

use std::borrow::Cow;

use streamlens_model::{Declared, FindingInfo, Term};

use crate::Carrier;

/// What a decoder is: its names, where its protocol is found, what it tells others.
///
/// All of it is plain data that is borrowed from the program or owned, so that a decoder can also come from a description
/// that is read at run time. A decoder that is part of the program keeps it in a `static`:
///
/// ```
/// use streamlens_decoders::{Carrier, DecoderInfo, Term, ValueType};
/// const MEASURES: &[Term] = &[Term::new("pressure_mean", ValueType::Number, "Pa", "The mean of all readings.")];
/// static INFO: DecoderInfo = DecoderInfo::new("Barometer", &[Carrier::Udp])
///     .with_standards("in-house note 7")
///     .with_ports(&[7001])
///     .with_packet_types(&["Reading"])
///     .with_finding_prefix("barometer")
///     .with_measures(&[MEASURES]);
/// assert_eq!(INFO.name, "Barometer");
/// assert!(!INFO.publishes);
/// ```
#[derive(Clone, Debug)]
pub struct DecoderInfo {
    /// The name of the encoding, `RTP`. Unique in a registry, where letter case does not matter.
    pub name: Cow<'static, str>,
    /// The standards it follows, `RFC 3550`, for people. Empty where there are none.
    pub standards: Cow<'static, str>,
    /// What it is carried on. A decoder is asked only about payloads of its carriers.
    pub carriers: Cow<'static, [Carrier]>,
    /// Ports (or Ethernet types) at which it is customarily found, for people and as a hint; a port alone is never proof.
    pub ports: Cow<'static, [u16]>,
    /// The names of its packet types, for people. Open sets list what the standard names.
    pub packet_types: Names,
    /// How the codes of findings about its streams' health begin: `rtp` makes `rtp.loss`.
    pub finding_prefix: Cow<'static, str>,
    /// UDP ports at which others speak of this protocol's streams (5353, where any service is announced by multicast DNS).
    /// Datagrams from or to them are shown to
    /// [`StreamDecoder::inspect_foreign`](crate::StreamDecoder::inspect_foreign).
    pub announcement_ports: Cow<'static, [u16]>,
    /// Whether it [publishes](crate::DecodingResult::publish) PDUs to its [`NetworkMonitor`](crate::NetworkMonitor). What a
    /// decoder publishes that doesn't say so is dropped: monitors are shown PDUs in frame order, and the flows of decoders
    /// that publish nothing may be decoded later.
    pub publishes: bool,
    /// The codes of what it and its monitors find. Those about numbers of streams, which the engine makes with
    /// [`finding_prefix`](Self::finding_prefix), are not among them.
    pub findings: Declared<FindingInfo>,
    /// The facts of its encoding in a flow: the keys of `decoder_metadata` in the document.
    pub facts: Declared<Term>,
    /// The facts of its packet types: the keys of `payload_characteristics`.
    pub packet_type_facts: Declared<Term>,
    /// The measures of its streams: the keys of `measures`.
    pub measures: Declared<Term>,
    /// Of all these values, at any depth, those that hold a clock in frames against the times of the frames. Where those times are
    /// moved, as in the later rounds of a replay that starts over, they mean nothing and are left out.
    pub against_capture: &'static [&'static str],
    /// The facts of its network monitor, about what spans flows: the keys below its name in `networks`.
    pub network_facts: Declared<Term>,
    /// The [fields](crate::DecodingResult::field) of its PDUs.
    pub fields: Declared<Term>,
}

/// A list of names, borrowed from the program or owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    /// Part of the program.
    Borrowed(&'static [&'static str]),
    /// Made at run time.
    Owned(Vec<String>),
}

impl Names {
    /// The names, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (borrowed, owned): (&[&'static str], &[String]) = match self {
            Self::Borrowed(list) => (list, &[]),
            Self::Owned(list) => (&[], list),
        };
        borrowed.iter().copied().chain(owned.iter().map(String::as_str))
    }
}

impl DecoderInfo {
    /// A decoder of that name and these carriers, without all else; findings about its streams begin with `stream`.
    #[must_use]
    pub const fn new(name: &'static str, carriers: &'static [Carrier]) -> Self {
        Self {
            name: Cow::Borrowed(name),
            standards: Cow::Borrowed(""),
            carriers: Cow::Borrowed(carriers),
            ports: Cow::Borrowed(&[]),
            packet_types: Names::Borrowed(&[]),
            finding_prefix: Cow::Borrowed("stream"),
            announcement_ports: Cow::Borrowed(&[]),
            publishes: false,
            findings: Declared::NONE,
            facts: Declared::NONE,
            packet_type_facts: Declared::NONE,
            measures: Declared::NONE,
            against_capture: &[],
            network_facts: Declared::NONE,
            fields: Declared::NONE,
        }
    }

    /// With [`standards`](Self::standards).
    #[must_use]
    pub const fn with_standards(mut self, standards: &'static str) -> Self {
        replace(&mut self.standards, Cow::Borrowed(standards));
        self
    }

    /// With [`ports`](Self::ports).
    #[must_use]
    pub const fn with_ports(mut self, ports: &'static [u16]) -> Self {
        replace(&mut self.ports, Cow::Borrowed(ports));
        self
    }

    /// With [`packet_types`](Self::packet_types).
    #[must_use]
    pub const fn with_packet_types(mut self, names: &'static [&'static str]) -> Self {
        replace(&mut self.packet_types, Names::Borrowed(names));
        self
    }

    /// With [`finding_prefix`](Self::finding_prefix).
    #[must_use]
    pub const fn with_finding_prefix(mut self, prefix: &'static str) -> Self {
        replace(&mut self.finding_prefix, Cow::Borrowed(prefix));
        self
    }

    /// With [`announcement_ports`](Self::announcement_ports).
    #[must_use]
    pub const fn with_announcement_ports(mut self, ports: &'static [u16]) -> Self {
        replace(&mut self.announcement_ports, Cow::Borrowed(ports));
        self
    }

    /// With [`findings`](Self::findings), from one or several lists.
    #[must_use]
    pub const fn with_findings(mut self, lists: &'static [&'static [FindingInfo]]) -> Self {
        replace(&mut self.findings, Declared::Borrowed(lists));
        self
    }

    /// With [`facts`](Self::facts), from one or several lists.
    #[must_use]
    pub const fn with_facts(mut self, lists: &'static [&'static [Term]]) -> Self {
        replace(&mut self.facts, Declared::Borrowed(lists));
        self
    }

    /// With [`packet_type_facts`](Self::packet_type_facts), from one or several lists.
    #[must_use]
    pub const fn with_packet_type_facts(mut self, lists: &'static [&'static [Term]]) -> Self {
        replace(&mut self.packet_type_facts, Declared::Borrowed(lists));
        self
    }

    /// With [`measures`](Self::measures), from one or several lists.
    #[must_use]
    pub const fn with_measures(mut self, lists: &'static [&'static [Term]]) -> Self {
        replace(&mut self.measures, Declared::Borrowed(lists));
        self
    }

    /// With [`against_capture`](Self::against_capture).
    #[must_use]
    pub const fn with_against_capture(mut self, names: &'static [&'static str]) -> Self {
        self.against_capture = names;
        self
    }

    /// With [`network_facts`](Self::network_facts), from one or several lists.
    #[must_use]
    pub const fn with_network_facts(mut self, lists: &'static [&'static [Term]]) -> Self {
        replace(&mut self.network_facts, Declared::Borrowed(lists));
        self
    }

    /// With [`fields`](Self::fields), from one or several lists.
    #[must_use]
    pub const fn with_fields(mut self, lists: &'static [&'static [Term]]) -> Self {
        replace(&mut self.fields, Declared::Borrowed(lists));
        self
    }

    /// With [`publishes`](Self::publishes) set.
    #[must_use]
    pub const fn publishing(mut self) -> Self {
        self.publishes = true;
        self
    }
}

/// Replaces a borrowed value. An assignment would drop the old value, which no constant may do; a borrowed one needs no drop.
const fn replace<T>(slot: &mut T, value: T) {
    std::mem::forget(std::mem::replace(slot, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_in_order_whoever_owns_them() {
        let borrowed = Names::Borrowed(&["b", "a"]);
        let owned = Names::Owned(vec!["b".to_owned(), "a".to_owned()]);
        assert!(borrowed.iter().eq(["b", "a"]) && owned.iter().eq(["b", "a"]));
    }
}
