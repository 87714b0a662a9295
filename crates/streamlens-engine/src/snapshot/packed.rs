//! Findings as bytes: there may be a million, and as lists of strings they would take three times the memory.

use std::borrow::Cow;
use std::cmp::Ordering;

use streamlens_model::{Finding, Occurrence, Place, Severity, Timestamp};

/// A finding: severity and first frame, which decide on its place in nearly all cases, and the rest of it as bytes.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub(super) severity: Severity,
    pub(super) first_frame: u64,
    /// Count, first time, last frame and time; then code, the parts of the place, and text, each behind its length.
    rest: Box<[u8]>,
}

/// Bytes of the numbers in front of the texts.
const NUMBERS: usize = 2 * size_of::<u64>() + 2 * (1 + size_of::<i64>());
/// Stands for the length of what is not there.
const ABSENT: u32 = u32::MAX;

impl Packed {
    /// `buffer` is for its memory alone.
    pub(super) fn new(finding: &Finding, buffer: &mut Vec<u8>) -> Self {
        let Finding { code, severity, count, first, last, place, text } = finding;
        buffer.clear();
        buffer.extend(count.to_ne_bytes());
        buffer.extend(last.frame.to_ne_bytes());
        for time in [first.time, last.time] {
            buffer.push(u8::from(time.is_some()));
            buffer.extend(time.map_or(0, Timestamp::as_nanos).to_ne_bytes());
        }
        let [flow, transport, encoding, stream] =
            [&place.flow, &place.transport, &place.encoding, &place.stream].map(|part| part.as_deref());
        for part in [Some(code.as_ref()), flow, transport, encoding, stream, Some(text)] {
            // no text is as long as 4 GiB; one that were would lose its end
            let part = part.map(|part| part.get(..ABSENT as usize - 1).unwrap_or(part));
            buffer.extend(part.map_or(ABSENT, |part| part.len() as u32).to_ne_bytes());
            buffer.extend(part.unwrap_or_default().as_bytes());
        }
        Self { severity: *severity, first_frame: first.frame, rest: buffer.as_slice().into() }
    }

    /// The finding.
    pub(super) fn unpacked(&self) -> Finding {
        let mut reader = Reader(&self.rest);
        let (count, last_frame) = (reader.word(), reader.word());
        let [first, last] = [(); 2].map(|()| reader.time());
        let [code, flow, transport, encoding, stream, text] = [(); 6].map(|()| reader.text());
        let [flow, transport, encoding, stream] =
            [flow, transport, encoding, stream].map(|part| part.map(str::to_owned));
        Finding {
            code: Cow::Owned(code.unwrap_or_default().to_owned()),
            severity: self.severity,
            count,
            first: Occurrence { frame: self.first_frame, time: first },
            last: Occurrence { frame: last_frame, time: last },
            place: Place { flow, transport, encoding, stream },
            text: text.unwrap_or_default().to_owned(),
        }
    }

    /// Gravest first, then by the frame of the first occurrence, then by code and place.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let front = other.severity.cmp(&self.severity).then(self.first_frame.cmp(&other.first_frame));
        front.then_with(|| self.names().cmp(&other.names()))
    }

    /// Code and place.
    fn names(&self) -> [Option<&str>; 5] {
        let mut reader = Reader(self.rest.get(NUMBERS..).unwrap_or_default());
        [(); 5].map(|()| reader.text())
    }
}

/// Reads what [`Packed::new`] wrote.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
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

    fn text(&mut self) -> Option<&'a str> {
        let length = u32::from_ne_bytes(self.bytes());
        let (text, rest) = self.0.split_at_checked(length as usize).filter(|_| length != ABSENT)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn occurrence() -> impl Strategy<Value = Occurrence> {
        (0_u64..4, any::<Option<i64>>())
            .prop_map(|(frame, time)| Occurrence { frame, time: time.map(Timestamp::from_nanos) })
    }

    fn finding() -> impl Strategy<Value = Finding> {
        let severity = prop_oneof![Just(Severity::Info), Just(Severity::Error)];
        let name = || proptest::option::of("[a-c \"]{0,2}");
        let place = (name(), name(), name(), name()).prop_map(|(flow, transport, encoding, stream)| Place {
            flow,
            transport,
            encoding,
            stream,
        });
        ("[a-b]{0,2}", severity, any::<u64>(), (occurrence(), occurrence()), place, ".*").prop_map(
            |(code, severity, count, (first, last), place, text)| Finding {
                code: code.into(),
                severity,
                count,
                first,
                last,
                place,
                text,
            },
        )
    }

    proptest! {
        #[test]
        fn a_finding_comes_back_as_it_was(finding in finding()) {
            prop_assert_eq!(Packed::new(&finding, &mut Vec::new()).unpacked(), finding);
        }

        #[test]
        fn packed_findings_are_in_the_order_of_findings(a in finding(), b in finding()) {
            let key = |of: &Finding| (std::cmp::Reverse(of.severity), of.first.frame, of.code.clone(), of.place.clone());
            let mut buffer = Vec::new();
            let packed = Packed::new(&a, &mut buffer).order(&Packed::new(&b, &mut buffer));
            prop_assert_eq!(packed, key(&a).cmp(&key(&b)));
        }
    }
}
