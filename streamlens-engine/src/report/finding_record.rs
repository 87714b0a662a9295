//! Findings as bytes: there may be a million, and as lists of strings they would take three times the memory.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::io::Write;

use streamlens_model::{Finding, Occurrence, Place, Severity, Timestamp, Transport};

use super::findings::Where;

/// A finding: severity and first frame, which decide on its place in nearly all cases, and the rest of it as bytes.
#[derive(Clone, Debug)]
pub(crate) struct FindingRecord {
    pub(super) severity: Severity,
    pub(super) first_frame: u64,
    /// Count and packets, first time, last frame and time; the lengths of code, the parts of the place, and text; then these texts.
    rest: Box<[u8]>,
}

/// Bytes of the numbers in front of the texts.
const NUMBERS: usize = 3 * size_of::<u64>() + 2 * (1 + size_of::<i64>());
/// Texts of a finding.
const TEXTS: usize = 6;
/// Bytes in front of the texts.
const FRONT: usize = NUMBERS + TEXTS * size_of::<u32>();
/// Stands for the length of what is not there.
const ABSENT: u32 = u32::MAX;

/// A finding as it is found: borrowed, and its texts not written yet.
pub(super) struct FindingDraft<'a> {
    /// Code, in two parts where it has a prefix of the decoder's.
    pub(super) code: (&'a str, &'a str),
    pub(super) severity: Severity,
    pub(super) count: u64,
    /// Of a loss, the packets that are missing.
    pub(super) packets: Option<u64>,
    pub(super) first: Occurrence,
    pub(super) last: Occurrence,
    pub(super) place: &'a Where<'a>,
    pub(super) text: FindingText<'a>,
}

/// The text of a finding.
#[derive(Clone, Copy)]
pub(super) enum FindingText<'a> {
    Said(&'a str),
    ToSay(fmt::Arguments<'a>),
}

impl FindingRecord {
    /// `buffer` is for its memory alone.
    pub(super) fn new(draft: &FindingDraft<'_>, buffer: &mut Vec<u8>) -> Self {
        let FindingDraft { code, severity, count, packets, first, last, place, text } = draft;
        buffer.clear();
        buffer.extend(count.to_ne_bytes());
        // no loss is of 0 packets
        buffer.extend(packets.unwrap_or(0).to_ne_bytes());
        buffer.extend(last.frame.to_ne_bytes());
        for time in [first.time, last.time] {
            buffer.push(u8::from(time.is_some()));
            buffer.extend(time.map_or(0, Timestamp::as_nanos).to_ne_bytes());
        }
        buffer.extend([0; TEXTS * size_of::<u32>()]);
        let transport = place.transport.map(Transport::name);
        let mut parts = Parts { buffer, next: NUMBERS };
        parts.add(|to| [code.0, code.1].iter().for_each(|part| to.extend_from_slice(part.as_bytes())));
        parts.add_some(place.flow, |to, flow| flow.append_to(to));
        for name in [transport.as_deref(), place.encoding, place.stream] {
            parts.add_some(name, |to, name| to.extend_from_slice(name.as_bytes()));
        }
        parts.add(|to| match text {
            FindingText::Said(text) => to.extend_from_slice(text.as_bytes()),
            // writing to memory doesn't fail
            FindingText::ToSay(text) => drop(to.write_fmt(*text)),
        });
        Self { severity: *severity, first_frame: first.frame, rest: buffer.as_slice().into() }
    }

    /// A finding to unpack into.
    pub(super) fn blank() -> Finding {
        let at = Occurrence { frame: 0, time: None };
        let (code, severity, place) = (Cow::Borrowed(""), Severity::Info, Place::default());
        Finding { code, severity, count: 0, packets: None, first: at, last: at, place, text: String::new() }
    }

    /// Makes the finding, in the memory of another one.
    pub(super) fn read_into(&self, into: &mut Finding) {
        let mut reader = Reader(&self.rest);
        let [count, packets, last_frame] = [(); 3].map(|()| reader.word());
        let [first, last] = [(); 2].map(|()| reader.time());
        // all are looked at together, which is faster than one by one
        let mut rest = self.rest.get(FRONT..).and_then(|texts| str::from_utf8(texts).ok()).unwrap_or_default();
        let [code, flow, transport, encoding, stream, text] = self.lengths().map(|length| {
            let text;
            (text, rest) = rest.split_at_checked(length?)?;
            Some(text)
        });
        let put = |into: &mut String, text: Option<&str>| {
            into.clear();
            into.push_str(text.unwrap_or_default());
        };
        let put_some = |into: &mut Option<String>, text: Option<&str>| match text {
            None => *into = None,
            text => put(into.get_or_insert_default(), text),
        };
        put(into.code.to_mut(), code);
        into.severity = self.severity;
        into.count = count;
        into.packets = Some(packets).filter(|packets| *packets > 0);
        into.first = Occurrence { frame: self.first_frame, time: first };
        into.last = Occurrence { frame: last_frame, time: last };
        put_some(&mut into.place.flow, flow);
        put_some(&mut into.place.transport, transport);
        put_some(&mut into.place.encoding, encoding);
        put_some(&mut into.place.stream, stream);
        put(&mut into.text, text);
    }

    /// Gravest first, then by the frame of the first occurrence, then by code and place.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.front().cmp(&other.front()).then_with(|| self.names().cmp(&other.names()))
    }

    /// Severity and frame as one number, which is fastest to compare.
    fn front(&self) -> u128 {
        let severity = match self.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Info => 2,
        };
        severity << 64 | u128::from(self.first_frame)
    }

    /// Code and place, whose bytes are in the order of their text.
    fn names(&self) -> [Option<&[u8]>; TEXTS - 1] {
        let mut rest = self.rest.get(FRONT..).unwrap_or_default();
        let [names @ .., _] = self.lengths().map(|length| {
            let text;
            (text, rest) = rest.split_at_checked(length?)?;
            Some(text)
        });
        names
    }

    fn lengths(&self) -> [Option<usize>; TEXTS] {
        let mut reader = Reader(self.rest.get(NUMBERS..).unwrap_or_default());
        [(); TEXTS]
            .map(|()| Some(u32::from_ne_bytes(reader.bytes())).filter(|length| *length != ABSENT).map(|n| n as usize))
    }
}

/// Writes texts, and the length of each to where it belongs.
struct Parts<'b> {
    buffer: &'b mut Vec<u8>,
    next: usize,
}

impl Parts<'_> {
    fn add_some<T>(&mut self, what: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
        match what {
            Some(what) => self.add(|to| write(to, what)),
            None => self.set_length(ABSENT),
        }
    }

    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        write(self.buffer);
        // no text is as long as 4 GiB; one that were would be lost
        let length = u32::try_from(self.buffer.len() - start).ok().filter(|length| *length != ABSENT);
        if length.is_none() {
            self.buffer.truncate(start);
        }
        self.set_length(length.unwrap_or(0));
    }

    fn set_length(&mut self, length: u32) {
        if let Some(room) = self.buffer.get_mut(self.next..).and_then(<[u8]>::first_chunk_mut) {
            *room = length.to_ne_bytes();
        }
        self.next += size_of::<u32>();
    }
}

/// Reads what [`FindingRecord::new`] wrote.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let Some((bytes, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *bytes
    }

    fn word(&mut self) -> u64 {
        u64::from_ne_bytes(self.bytes())
    }

    fn time(&mut self) -> Option<Timestamp> {
        let [is_there] = self.bytes();
        let time = i64::from_ne_bytes(self.bytes());
        (is_there == 1).then(|| Timestamp::from_nanos(time))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamlens_model::FlowKey;

    use super::*;

    /// What a draft borrows, and the finding that it stands for.
    #[derive(Clone, Debug)]
    struct Owned {
        flow: Option<FlowKey>,
        transport: Option<Transport>,
        finding: Finding,
    }

    fn occurrence() -> impl Strategy<Value = Occurrence> {
        (0_u64..4, any::<Option<i64>>())
            .prop_map(|(frame, time)| Occurrence { frame, time: time.map(Timestamp::from_nanos) })
    }

    fn owned() -> impl Strategy<Value = Owned> {
        let severity = prop_oneof![Just(Severity::Info), Just(Severity::Error)];
        let name = || proptest::option::of("[a-c \"]{0,2}");
        let flow = proptest::option::of((0_u16..3, 0_u16..3).prop_map(|(port, vlan)| {
            let mut key = FlowKey::default();
            key.src.port = Some(port);
            assert!(vlan == 0 || key.vlan.push(vlan));
            key
        }));
        let transport = proptest::option::of((16_u8..19).prop_map(Transport::Ip));
        let place = (flow, transport, name(), name());
        (
            "[a-b]{0,2}",
            severity,
            (any::<u64>(), proptest::option::of(1_u64..)),
            (occurrence(), occurrence()),
            place,
            ".*",
        )
            .prop_map(
                |(code, severity, (count, packets), (first, last), (flow, transport, encoding, stream), text)| {
                    let (of_flow, of_transport) = (flow.map(|flow| flow.to_string()), transport.map(|t| t.to_string()));
                    let place = Place { flow: of_flow, transport: of_transport, encoding, stream };
                    Owned {
                        flow,
                        transport,
                        finding: Finding { code: code.into(), severity, count, packets, first, last, place, text },
                    }
                },
            )
    }

    fn unpacked(packed: &FindingRecord) -> Finding {
        let mut finding = FindingRecord::blank();
        packed.read_into(&mut finding);
        finding
    }

    fn packed(owned: &Owned) -> FindingRecord {
        let Finding { code, severity, count, packets, first, last, place, text } = &owned.finding;
        let code = code.split_at(code.len() / 2);
        let (encoding, stream) = (place.encoding.as_deref(), place.stream.as_deref());
        let place = &Where { flow: owned.flow.as_ref(), transport: owned.transport, encoding, stream };
        let (severity, count, packets, first, last) = (*severity, *count, *packets, *first, *last);
        FindingRecord::new(
            &FindingDraft { code, severity, count, packets, first, last, place, text: FindingText::Said(text) },
            &mut Vec::new(),
        )
    }

    proptest! {
        #[test]
        fn a_finding_comes_back_as_it_was(owned in owned()) {
            prop_assert_eq!(unpacked(&packed(&owned)), owned.finding);
        }

        #[test]
        fn a_finding_takes_the_place_of_another(before in owned(), owned in owned()) {
            let mut finding = before.finding;
            packed(&owned).read_into(&mut finding);
            prop_assert_eq!(finding, owned.finding);
        }

        #[test]
        fn packed_findings_are_in_the_order_of_findings(a in owned(), b in owned()) {
            let key = |of: &Finding| (std::cmp::Reverse(of.severity), of.first.frame, of.code.clone(), of.place.clone());
            prop_assert_eq!(packed(&a).order(&packed(&b)), key(&a.finding).cmp(&key(&b.finding)));
        }
    }
}
