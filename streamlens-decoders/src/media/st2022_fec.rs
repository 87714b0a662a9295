//! Forward error correction: SMPTE ST 2022-1 (for transport streams, also known as Pro-MPEG CoP3) and ST 2022-5 (for
//! ST 2022-6), recognised by the FEC header.
//!
//! The FEC header names a matrix of L columns by D rows of media packets. What is protected is in another flow, so
//! whether a loss could be repaired is not told here. Of ST 2022-5 the corpus has two packets of a column stream without
//! loss; everything else about it follows the field tables and was never seen in the wild. Its length recovery field is
//! not tested: the one sender seen fills it otherwise than the standard says.

use nom::Parser;
use streamlens_model::{FindingLog, Metadata, Occurrence, Value};

use crate::rtp::RtpPacket;
use crate::wire::{self, Wire, array, u8, u16};
use crate::{FlowReport, PacketType, Refinement, StreamReport};

use super::PayloadAnalyser;
use super::evidence::Evidence;
use super::unit::{Counts, VIDEO_CLOCK_HZ, histogram, values};

/// Which standard's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    TransportStream,
    Sdi,
}

/// What both headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FecHeader {
    /// Sequence number of the first packet protected.
    base: u16,
    is_row: bool,
    /// From protected packet to protected packet: L in columns, 1 in rows.
    offset: u16,
    /// How many packets are protected: D in columns, L in rows.
    protected: u16,
}

impl FecHeader {
    /// ST 2022-1 §8.1, 16 bytes:
    ///
    /// ```text
    /// | SNBase 16 | length recovery 16 | E 1, PT recovery 7, mask 24 | TS recovery 32 |
    /// | N 1, D 1, type 3, index 3 | offset 8 | NA 8 | SNBase extension 8 |
    /// ```
    fn parse_1(payload: &[u8]) -> Option<Self> {
        let (rest, (base, _, e, mask, _, kind, offset, protected, extension)) =
            wire::fixed::<16, _>(header_1)(payload).ok()?;
        // E set; mask, N, type (XOR), index and the extension are 0. At least one transport packet is protected, with
        // which it shares its length.
        let fixed = e & 0x80 != 0 && mask == [0; 3] && kind & 0xBF == 0 && extension == 0;
        let is_row = kind & 0x40 != 0;
        let in_range = (1..=20).contains(&offset) && (1..=20).contains(&protected);
        let fits = if is_row { offset == 1 } else { protected >= 4 && u16::from(offset) * u16::from(protected) <= 100 };
        let length = !rest.is_empty() && (rest.len().is_multiple_of(188) || rest.len().is_multiple_of(204));
        (fixed && in_range && fits && length).then_some(Self {
            base,
            is_row,
            offset: offset.into(),
            protected: protected.into(),
        })
    }

    /// ST 2022-5 §7.1, 16 bytes:
    ///
    /// ```text
    /// | E 1, R 1, P 1, X 1, CC 4 | M 1, PT recovery 7 | SNBase 16 | TS recovery 32 | length recovery 16 | reserved 16 |
    /// | offset 10, reserved 6 | NA 10, reserved 6 |
    /// ```
    fn parse_5(payload: &[u8]) -> Option<Self> {
        let (rest, (e, _, base, _, reserved, offset, protected)) = wire::fixed::<16, _>(header_5)(payload).ok()?;
        let fixed = e & 0xC0 == 0 && reserved == 0 && (offset | protected) & 0x3F == 0;
        let (offset, protected) = (offset >> 6, protected >> 6);
        // It protects payloads of ST 2022-6: 8 bytes of header, 4 more with a time, words of extensions, 1376 of media.
        let length = rest.len().checked_sub(1376 + 8).is_some_and(|more| more <= 64 && more.is_multiple_of(4));
        // One number can't tell a row from columns of a matrix one column wide; the former is by far the commoner.
        let is_row = offset == 1;
        let fits = if is_row { protected >= 4 } else { (4..=255).contains(&protected) };
        (fixed && length && (1..=1020).contains(&offset) && fits && protected <= 1020).then_some(Self {
            base,
            is_row,
            offset,
            protected,
        })
    }
}

type Header1 = (u16, u16, u8, [u8; 3], [u8; 4], u8, u8, u8, u8);

fn header_1(input: &[u8]) -> Wire<'_, Header1> {
    (
        u16("SNBase low bits"),
        u16("length recovery"),
        u8("E and PT recovery"),
        array("mask"),
        array("TS recovery"),
        u8("N, D, type and index"),
        u8("offset"),
        u8("NA"),
        u8("SNBase extension bits"),
    )
        .parse(input)
}

/// TS recovery and length recovery are one array: neither is judged.
type Header5 = (u8, u8, u16, [u8; 6], u16, u16, u16);

fn header_5(input: &[u8]) -> Wire<'_, Header5> {
    (
        u8("E, R, P, X and CC"),
        u8("M and PT recovery"),
        u16("SNBase"),
        array("TS recovery and length recovery"),
        u16("reserved"),
        u16("offset"),
        u16("NA"),
    )
        .parse(input)
}

/// Recognises and measures FEC streams of ST 2022-1 and ST 2022-5. `PT n` is shown as `Column FEC` or `Row FEC`.
#[derive(Debug)]
pub struct Fec {
    kind: Kind,
    evidence: Evidence,
    rows: u64,
    first: Option<FecHeader>,
    previous: Option<(u16, FecHeader)>,
    /// Packets whose matrix is another than that of the first.
    changes: u64,
    offsets: Counts<4>,
    protected: Counts<4>,
    steps: Counts<8>,
    /// Steps that a matrix explains, and that it doesn't.
    lawful: u64,
    unlawful: u64,
    payload_type: u8,
}

impl Fec {
    /// An analyser for ST 2022-1.
    #[must_use]
    pub fn st2022_1() -> Self {
        Self::new(Kind::TransportStream)
    }

    /// An analyser for ST 2022-5.
    #[must_use]
    pub fn st2022_5() -> Self {
        Self::new(Kind::Sdi)
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            evidence: Evidence::default(),
            rows: 0,
            first: None,
            previous: None,
            changes: 0,
            offsets: Counts::default(),
            protected: Counts::default(),
            steps: Counts::default(),
            lawful: 0,
            unlawful: 0,
            payload_type: 0,
        }
    }
}

impl PayloadAnalyser for Fec {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        FecHeader::parse_1(packet.payload).is_some() || FecHeader::parse_5(packet.payload).is_some()
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        self.payload_type = packet.payload_type;
        let header = match self.kind {
            Kind::TransportStream => FecHeader::parse_1(packet.payload),
            Kind::Sdi => FecHeader::parse_5(packet.payload),
        };
        let Some(header) = header.filter(|_| packet.payload_type >= 96) else {
            self.evidence.contradict(at);
            return;
        };
        self.evidence.support();
        self.rows += u64::from(header.is_row);
        self.offsets.add(header.offset.into());
        self.protected.add(header.protected.into());
        let first = *self.first.get_or_insert(header);
        let matrix = (header.is_row, header.offset, header.protected);
        self.changes += u64::from(matrix != (first.is_row, first.offset, first.protected));
        if late {
            return;
        }
        if let Some((sequence, before)) = self.previous
            && packet.sequence == sequence.wrapping_add(1)
        {
            let step = header.base.wrapping_sub(before.base);
            self.steps.add(step.into());
            // Rows follow on each other. Columns begin side by side, then with the next matrix; arranged on the slant
            // each begins some rows below its neighbour.
            let cells = header.offset.saturating_mul(header.protected);
            let is_lawful =
                if header.is_row { step == header.protected } else { step >= 1 && step <= cells.saturating_add(1) };
            if is_lawful {
                self.lawful += 1;
            } else {
                self.unlawful += 1;
            }
        }
        self.previous = Some((packet.sequence, header));
    }

    fn is_plausible(&self) -> bool {
        self.evidence.is_plausible() && self.changes * 20 <= self.evidence.good && self.unlawful * 10 <= self.lawful + 5
    }

    fn refinement(&self) -> Option<Refinement> {
        let first = self.first.filter(|_| self.is_plausible() && self.lawful > self.unlawful * 4)?;
        let (name, confidence) = match (self.kind, self.evidence.good) {
            (_, 0..=1) => return None,
            (Kind::TransportStream, 2..=3) => ("ST2022-1", 0.8),
            (Kind::TransportStream, 4..=9) => ("ST2022-1", 0.92),
            (Kind::TransportStream, _) => ("ST2022-1", 0.97),
            (Kind::Sdi, 2..=4) => ("ST2022-5", 0.7),
            (Kind::Sdi, _) => ("ST2022-5", 0.95),
        };
        let reason = format!(
            "{} FEC headers protect {} packets each, {} apart, and their first numbers run on",
            self.evidence.good, first.protected, first.offset
        );
        Some(Refinement { encoding_name: name.into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        Some(match self.kind {
            Kind::TransportStream => VIDEO_CLOCK_HZ,
            Kind::Sdi => 27_000_000,
        })
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let (Some(first), Some((_, last))) = (self.first, self.previous) else { return };
        let mut out = Metadata::new();
        let columns = self.evidence.good - self.rows;
        let kinds = [("column", columns), ("row", self.rows)].into_iter().filter(|(_, count)| *count > 0);
        out.insert("types".into(), Value::map(kinds.map(|(name, count)| (name, count.into()))));
        out.insert("offset".into(), values(&self.offsets));
        out.insert("na".into(), values(&self.protected));
        out.insert("snbase_first".into(), first.base.into());
        out.insert("snbase_last".into(), last.base.into());
        out.insert("snbase_steps".into(), histogram(&self.steps));
        if first.is_row {
            out.insert("matrix_columns".into(), first.protected.into());
        } else {
            out.insert("matrix_columns".into(), first.offset.into());
            out.insert("matrix_rows".into(), first.protected.into());
        }
        stream.measures.insert("fec".into(), Value::Map(out));
        let mut findings = FindingLog::default();
        self.evidence.log("st2022-fec.payload", &mut findings);
        if !findings.is_empty() {
            report.findings.push(findings);
        }
        if columns == 0 || self.rows == 0 {
            let name = if columns == 0 { "Row FEC" } else { "Column FEC" };
            report.type_names.insert(PacketType(self.payload_type.into()), name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{
        Sample, arbitrary_samples, at, counts, feed, mutate, name, never_panics, recognises_only, report, stream,
    };
    use super::*;
    use crate::testing::corpus;

    fn one() -> Box<dyn PayloadAnalyser> {
        Box::new(Fec::st2022_1())
    }

    fn five() -> Box<dyn PayloadAnalyser> {
        Box::new(Fec::st2022_5())
    }

    /// A packet of ST 2022-5: the column FEC of a matrix of 5 columns by 14 rows, built from the field table.
    fn column_5(number: u16) -> Sample {
        let base = number / 5 * 70 + number % 5;
        let mut payload = vec![0, 0];
        payload.extend(base.to_be_bytes());
        payload.extend([0, 0, 0x23, 0xAA, 5, 0x0E, 0, 0, 0x01, 0x40, 0x03, 0x80]);
        payload.resize(16 + 1388, 0x11);
        Sample { payload_type: 99, ..Sample::new(u64::from(number), 0, false, 0, payload) }
    }

    /// The row FEC of rows of 10.
    fn row_5(number: u16) -> Sample {
        let mut sample = column_5(number);
        sample.payload[2..4].copy_from_slice(&(number * 10).to_be_bytes());
        sample.payload[12..16].copy_from_slice(&[0, 0x40, 0x02, 0x80]);
        sample
    }

    #[test]
    fn streams_of_the_corpus_are_recognised_and_nothing_else() {
        recognises_only(&one, &["ST2022-1"], 0.9);
        recognises_only(&five, &["ST2022-5"], 0.9);
    }

    #[test]
    fn figures_of_the_corpus_are_those_of_the_independent_script() {
        let Some(corpus) = corpus() else { return };
        for (port, kind, label, count, offset, na, last) in
            [(5010, "row", "Row FEC", 125, 1_u32, 5_u32, 1294_u16), (5008, "column", "Column FEC", 152, 5, 4, 1275)]
        {
            let mut fec = Fec::st2022_1();
            feed(&mut fec, &stream(&corpus, "broadcast/mpegts-rtp-fec2022-1.pcap", port));
            let (measures, report) = report(&fec);
            assert_eq!(at(&measures, &["fec", "types"]), &counts(&[(kind, count)]));
            assert_eq!(at(&measures, &["fec", "offset"]), &Value::list([offset]));
            assert_eq!(at(&measures, &["fec", "na"]), &Value::list([na]));
            assert_eq!(at(&measures, &["fec", "snbase_first"]), &Value::from(674_u16));
            assert_eq!(at(&measures, &["fec", "snbase_last"]), &Value::from(last));
            assert_eq!(report.type_names[&PacketType(96)], label);
        }
    }

    #[test]
    fn payloads_of_another_format_are_found_once_the_format_is_known() {
        let mut samples: Vec<_> = (0..150).map(column_5).collect();
        samples.iter_mut().skip(147).for_each(|sample| sample.payload[0] |= 0xC0);
        let mut fec = Fec::st2022_5();
        feed(&mut fec, &samples);
        let (_, found) = report(&fec);
        let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
        assert_eq!(codes, [("st2022-fec.payload", 3)]);
    }

    #[test]
    fn hardware_with_two_packets_is_a_fair_candidate() {
        let Some(corpus) = corpus() else { return };
        for (capture, mut fec, right) in [
            ("broadcast/hw-st2022-1-2.pcap", Fec::st2022_1(), "ST2022-1"),
            ("broadcast/hw-st2022-5-6.pcap", Fec::st2022_5(), "ST2022-5"),
        ] {
            feed(&mut fec, &stream(&corpus, capture, 20_002));
            let (name, confidence) = name(&fec);
            assert_eq!(name, right);
            assert!((0.5..0.9).contains(&confidence), "{confidence}");
        }
    }

    #[test]
    fn st2022_5_with_loss_is_recognised() {
        for make in [column_5, row_5] {
            let samples: Vec<_> = (0..60).filter(|n| n % 7 != 3).map(make).collect();
            let mut fec = Fec::st2022_5();
            feed(&mut fec, &samples);
            assert_eq!(name(&fec), ("ST2022-5".into(), 0.95));
            let mut other = Fec::st2022_1();
            feed(&mut other, &samples);
            assert_eq!(name(&other).0, "-");
        }
    }

    #[test]
    fn numbers_that_do_not_run_on_are_no_fec() {
        let samples: Vec<_> = (0..60_u16)
            .map(|n| {
                let mut sample = column_5(n);
                sample.payload[2..4].copy_from_slice(&n.wrapping_mul(31_337).to_be_bytes());
                sample
            })
            .collect();
        let mut fec = Fec::st2022_5();
        feed(&mut fec, &samples);
        assert_eq!(name(&fec).0, "-");
    }

    #[test]
    fn cut_headers_are_refused() {
        let payload = column_5(0).payload;
        assert!(FecHeader::parse_5(&payload).is_some());
        for cut in 0..payload.len() {
            assert_eq!(FecHeader::parse_1(&payload[..cut]), None);
            assert_eq!(FecHeader::parse_5(&payload[..cut]).is_some(), cut >= 16 + 1384 && cut % 4 == 0, "{cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_and_damaged_packets_never_panic(samples in arbitrary_samples(), seeds in proptest::collection::vec(any::<(usize, usize, u8, i64)>(), 0..20)) {
            let good: Vec<_> = (0..12).map(column_5).collect();
            for make in [one, five] {
                never_panics(&make, &samples);
                never_panics(&make, &mutate(&good, &seeds));
            }
        }
    }
}
