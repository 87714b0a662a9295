use proptest::prelude::*;

use super::super::testing::{Sample, arbitrary_samples, at, counts, feed, mutate, name, never_panics, recognises_only};
use super::super::testing::{report, stream};
use super::*;
use crate::testing::corpus;

fn make() -> Box<dyn PayloadAnalyser> {
    Box::new(AncillaryData::new())
}

fn with_parity(value: u8) -> u16 {
    let parity = value.count_ones() as u16 & 1;
    u16::from(value) | parity << 8 | (1 - parity) << 9
}

/// One ANC packet, whole.
fn anc(line: u16, did: u8, sdid: u8, data: &[u8]) -> Vec<u8> {
    let mut words = vec![with_parity(did), with_parity(sdid), with_parity(data.len() as u8)];
    words.extend(data.iter().map(|&byte| with_parity(byte)));
    let sum = words.iter().map(|word| word & 0x1FF).sum::<u16>() & 0x1FF;
    words.push(sum | (1 - (sum >> 8)) << 9);
    let mut bits = String::new();
    for word in words {
        bits += &format!("{word:010b}");
    }
    while !bits.len().is_multiple_of(32) {
        bits.push('0');
    }
    let mut bytes = (u32::from(line) << 20).to_be_bytes().to_vec();
    bytes.extend(bits.as_bytes().chunks(8).map(|c| u8::from_str_radix(std::str::from_utf8(c).unwrap(), 2).unwrap()));
    bytes
}

fn payload(field: u8, packets: &[Vec<u8>]) -> Vec<u8> {
    let body = packets.concat();
    let mut bytes = vec![0, 0];
    bytes.extend((body.len() as u16).to_be_bytes());
    bytes.extend([packets.len() as u8, field << 6, 0, 0]);
    bytes.extend(body);
    bytes
}

fn samples(payloads: &[Vec<u8>]) -> Vec<Sample> {
    let one = |(n, payload): (usize, &Vec<u8>)| {
        Sample::new(n as u64, n as i64 * 20_000_000, true, n as u32 * 1800, payload.clone())
    };
    payloads.iter().enumerate().map(one).collect()
}

#[test]
fn a_data_type_that_was_not_announced_is_told() {
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&vec![payload(0, &[anc(9, 0x61, 0x02, &[1]), anc(9, 0x60, 0x60, &[2])]); 6]));
    for (parameters, texts) in [
        ("", [].as_slice()),
        ("DID_SDID={0x61,0x02};DID_SDID={0x60,0x60};VPID_Code=133", &[]),
        (
            "DID_SDID={0x61,0x02}; DID_SDID={0x41,0x05}",
            &["is announced as DID_SDID={0x61,0x02}, {0x41,0x05}, and sends {0x60,0x60} too"],
        ),
    ] {
        let announced = PayloadFormat { parameters: parameters.to_owned(), ..PayloadFormat::default() };
        let found = data.differences(&announced);
        assert!(found.iter().all(|difference| difference.code == "sdp.anc-type"), "{found:?}");
        let found: Vec<_> = found.into_iter().map(|difference| difference.text).collect();
        assert_eq!(found, texts, "{parameters}");
    }
}

#[test]
fn figures_of_the_corpus_are_those_of_the_independent_script() {
    let Some(corpus) = corpus() else { return };
    let mut data = AncillaryData::new();
    feed(&mut data, &stream(&corpus, "broadcast/st2110-40-anc-25p.pcap", 5040));
    assert_eq!(name(&data), ("ST2110-40".into(), 0.99));
    let (measures, _) = report(&data);
    let sub_streams = counts(&[
        ("DID=0x60 SDID=0x60 line=9", 225),
        ("DID=0x41 SDID=0x05 line=11", 225),
        ("DID=0x61 SDID=0x01 line=9", 125),
    ]);
    for (field, value) in [
        ("sub_streams", sub_streams),
        ("anc_count_histogram", counts(&[("3", 125), ("2", 100)])),
        ("field_bits_histogram", counts(&[("0", 225)])),
        ("checksum_errors", 0_u64.into()),
        ("parity_errors", 0_u64.into()),
        ("length_errors", 0_u64.into()),
        ("rtp_ts_deltas", counts(&[("3600", 200), ("7200", 24)])),
        ("unit_rate", "25/1".into()),
    ] {
        assert_eq!(at(&measures, &["st2110_40", field]), &value, "{field}");
    }
    let name = at(&measures, &["st2110_40", "names", "DID=0x61 SDID=0x01 line=9"]);
    assert_eq!(name, &Value::from("CEA-708 caption distribution packet (ST 334)"));
}

#[test]
fn no_other_stream_of_the_corpus_is_ancillary_data() {
    recognises_only(&make, &["ST2110-40"], 0.99);
}

#[test]
fn fields_alternate_and_one_that_does_not_is_found() {
    let unit = |field| payload(field, &[anc(9, 0x60, 0x60, &[1; 16]), anc(0x7FE, 0x77, 0x01, &[])]);
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&[unit(2), unit(3), unit(2), unit(2), unit(3)]));
    assert_eq!(name(&data), ("ST2110-40".into(), 0.99));
    let (measures, found) = report(&data);
    assert_eq!(at(&measures, &["st2110_40", "field_bits_histogram"]), &counts(&[("2", 3), ("3", 2)]));
    // An identifier that nobody registered is listed without a name.
    assert_eq!(at(&measures, &["st2110_40", "sub_streams", "DID=0x77 SDID=0x01 line=2046"]), &Value::from(5_u64));
    let Value::Map(names) = at(&measures, &["st2110_40", "names"]) else { panic!() };
    assert_eq!(names.len(), 1);
    let (code, _, finding) = found.findings[0].iter().next().unwrap();
    assert_eq!((code, finding.count, finding.first.frame), ("st2110-40.field", 1, 3));
}

#[test]
fn a_wrong_checksum_is_an_error_of_the_stream_and_a_wrong_parity_no_stream() {
    let good = payload(0, &[anc(9, 0x41, 0x05, &[1, 2, 3])]);
    let mut wrong = good.clone();
    wrong[8 + 4 + 5] ^= 0x04;
    let mut payloads = vec![good.clone(); 30];
    payloads[12] = wrong.clone();
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&payloads));
    let (measures, found) = report(&data);
    assert_eq!(at(&measures, &["st2110_40", "checksum_errors"]), &Value::from(1_u64));
    assert_eq!(name(&data).0, "ST2110-40");
    let (code, _, finding) = found.findings[0].iter().next().unwrap();
    assert_eq!((code, finding.first.frame), ("st2110-40.checksum", 12));
    let mut parity = good.clone();
    parity[8 + 4] ^= 0x80;
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&vec![parity; 10]));
    assert!(!data.is_plausible());
}

#[test]
fn data_of_type_1_count_their_blocks_and_have_no_sdid() {
    let block = |number: u16| payload(0, &[anc(9, 0xE7, (number % 255 + 1) as u8, &[1; 24])]);
    let mut data = AncillaryData::new();
    // the numbers wrap from 255 to 1, and once one is left out
    let numbers: Vec<_> = (0..280).filter(|number| *number != 100).map(block).collect();
    feed(&mut data, &samples(&numbers));
    let (measures, found) = report(&data);
    assert_eq!(at(&measures, &["st2110_40", "sub_streams"]), &counts(&[("DID=0xe7 line=9", 279)]));
    assert_eq!(at(&measures, &["st2110_40", "data_block_errors"]), &Value::from(1_u64));
    let (code, _, finding) = found.findings[0].iter().next().unwrap();
    assert_eq!((code, finding.count), ("st2110-40.data-block", 1));
}

#[test]
fn an_invalid_field_is_a_finding_and_takes_no_format_away() {
    let unit = |number: u8| payload(if number.is_multiple_of(2) { 2 } else { 1 }, &[anc(9, 0x61, 0x01, &[number; 9])]);
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&(0..200).map(unit).collect::<Vec<_>>()));
    assert_eq!(name(&data), ("ST2110-40".into(), 0.99));
    let (measures, found) = report(&data);
    assert_eq!(at(&measures, &["st2110_40", "field_errors"]), &Value::from(100_u64));
    let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
    assert_eq!(codes, [("st2110-40.field", 100)]);
}

#[test]
fn payloads_that_contradict_themselves_are_findings_once_the_format_is_known() {
    let good = payload(0, &[anc(9, 0x41, 0x05, &[1, 2, 3])]);
    let mut wrong = good.clone();
    wrong[3] ^= 1;
    let mut payloads = vec![good; 150];
    payloads.extend(vec![wrong; 20]);
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&payloads));
    assert_eq!(name(&data), ("ST2110-40".into(), 0.99));
    let (_, found) = report(&data);
    let codes: Vec<_> = found.findings[0].iter().map(|(code, _, finding)| (code, finding.count)).collect();
    assert_eq!(codes, [("st2110-40.payload", 20)]);
}

#[test]
fn keep_alives_alone_are_hardly_enough() {
    let mut data = AncillaryData::new();
    feed(&mut data, &samples(&vec![payload(0, &[]); 30]));
    assert_eq!(name(&data), ("ST2110-40".into(), 0.5));
}

#[test]
fn cut_payloads_are_refused() {
    let whole = payload(0, &[anc(9, 0x41, 0x05, &[1, 2, 3]), anc(9, 0x61, 0x01, &[7; 40])]);
    for cut in 0..whole.len() {
        assert_eq!(AncHeader::parse(&whole[..cut]), None, "{cut} bytes");
    }
    // A data count that lies leaves the walk unfinished.
    let mut lie = payload(0, &[anc(9, 0x41, 0x05, &[1, 2, 3])]);
    lie[8 + 4 + 2] |= 0x0F;
    lie[8 + 4 + 3] |= 0xF0;
    let header = AncHeader::parse(&lie).unwrap();
    let mut walk = AncPackets::new(&lie, header);
    assert_eq!(walk.next(), None);
    assert!(!walk.ended_well());
}

proptest! {
    #[test]
    fn arbitrary_and_damaged_packets_never_panic(samples_a in arbitrary_samples(), seeds in proptest::collection::vec(any::<(usize, usize, u8, i64)>(), 0..20)) {
        never_panics(&make, &samples_a);
        let good = samples(&vec![payload(2, &[anc(9, 0x60, 0x60, &[1; 16])]); 20]);
        never_panics(&make, &mutate(&good, &seeds));
    }
}
