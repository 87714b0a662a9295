//! Recorder files of the corpus, against what another reader said of them.
//!
//! Needs the corpus of captures and expected results; `STREAMLENS_CORPUS` names its folder.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use serde_json::Value;
use streamlens_pcap::CaptureReader;
use streamlens_testing::corpus;

#[test]
fn recorder_files_have_the_expected_packets_and_times() {
    let Some(corpus) = corpus() else { return };
    for (file, first) in [
        ("discrete", "1970-01-22T21:19:55.497813900Z"),
        ("ethernet", "2018-10-17T22:19:21.958153500Z"),
        ("pcm", "1970-04-07T09:03:05.735179000Z"),
        ("sample", "1970-12-09T16:47:12.000000000Z"),
    ] {
        let expected = corpus.join(format!("expected/flight-test/{file}.c10.json"));
        let expected: Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let mut reader = CaptureReader::open(corpus.join(format!("captures/flight-test/{file}.c10"))).unwrap();
        assert_eq!(reader.format(), "Chapter 10 file");
        let (mut packets, mut bytes, mut times) = (0, 0, Vec::new());
        while let Some(frame) = reader.next_frame().unwrap() {
            packets += 1;
            bytes += frame.data.len() as u64;
            times.push(frame.time.unwrap());
        }
        assert_eq!(expected["packets"], packets, "{file}");
        assert_eq!(expected["bytes"], bytes, "{file}: every byte is in a packet");
        assert_eq!(times.iter().min().unwrap().to_string(), first, "{file}");
        let cut = reader.warnings().iter().filter(|warning| warning.incomplete).count();
        assert_eq!(expected["last_packet_truncated"], cut, "{file}");
    }
}
