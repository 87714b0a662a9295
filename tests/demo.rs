//! The demo capture: its bytes are those that the generator makes, and its analysis shows what the generator's
//! parameters say.

use std::path::Path;

use streamlens::model::{Analysis, ApplicationEncoding, Flow, Severity, StreamHealth, Value};
use streamlens_testing::demo::{self, clocks, machine, media, telemetry};

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/captures/demo.pcapng")
}

fn analysis() -> Analysis {
    streamlens::analyze(path()).expect("the demo capture is a capture")
}

fn encodings<'a>(analysis: &'a Analysis, name: &str) -> Vec<(&'a Flow, &'a ApplicationEncoding)> {
    let of_flow = |flow: &'a Flow| flow.encodings().map(move |encoding| (flow, encoding));
    analysis.flows.iter().flat_map(of_flow).filter(|(_, encoding)| encoding.encoding_name == name).collect()
}

fn only<'a>(analysis: &'a Analysis, name: &str) -> &'a ApplicationEncoding {
    match encodings(analysis, name).as_slice() {
        [(_, only)] => only,
        several => panic!("{name} in {} flows", several.len()),
    }
}

fn types(encoding: &ApplicationEncoding) -> Vec<(&str, u64)> {
    encoding.packet_types.iter().map(|kind| (&*kind.type_name, kind.packet_count)).collect()
}

fn stream<'a>(encoding: &'a ApplicationEncoding, id: &str) -> &'a StreamHealth {
    encoding.health.streams.iter().find(|stream| stream.id == id).unwrap_or_else(|| panic!("no stream {id}"))
}

fn losses(stream: &StreamHealth) -> (u64, Option<u64>, Option<u64>) {
    (stream.received, stream.expected, stream.lost)
}

fn number(value: Option<&Value>, path: &[&str]) -> f64 {
    let found = path.iter().fold(value, |value, name| value.and_then(|value| value.get(name)));
    found.and_then(Value::as_f64).unwrap_or_else(|| panic!("no number at {path:?}"))
}

#[test]
fn the_committed_file_is_what_the_generator_makes() {
    let file = std::fs::read(path()).expect("the demo capture is there");
    assert!(file == demo::capture(), "run `cargo run --example make_demo` and commit what it writes");
    assert!(file.len() < 300 * 1024);
}

#[test]
fn every_frame_is_in_a_flow() {
    let analysis = analysis();
    let frames = demo::frames();
    assert_eq!(analysis.capture.packets, frames.len() as u64);
    assert_eq!(analysis.capture.bytes, frames.iter().map(|frame| frame.data.len() as u64).sum::<u64>());
    assert_eq!(analysis.flows.iter().map(|flow| flow.total_packets).sum::<u64>(), analysis.capture.packets);
    assert!(analysis.capture.not_in_flows.is_empty() && analysis.capture.warnings.is_empty());
    assert_eq!(analysis.capture.interfaces[0].name.as_deref(), Some("demo0"));
    assert_eq!(analysis.capture.dropped["demo0"], 0);
    assert_eq!(analysis.capture.timestamps.resolution_ns, Some(1));
}

#[test]
fn nothing_else_is_identified() {
    let analysis = analysis();
    let mut names: Vec<&str> =
        analysis.flows.iter().flat_map(Flow::encodings).map(|encoding| &*encoding.encoding_name).collect();
    names.sort_unstable();
    names.dedup();
    let expected =
        ["AES67", "Chapter10", "EtherCAT", "IENA", "ModbusTCP", "PROFINET", "PTP", "SAP", "ST2110-20", "iNetX"];
    assert_eq!(names, expected);
}

#[test]
fn ptp_shows_offset_and_delay_of_the_generator() {
    let analysis = analysis();
    let count = |name: &str| {
        let types = encodings(&analysis, "PTP").into_iter().flat_map(|(_, encoding)| &encoding.packet_types);
        types.filter(|kind| kind.type_name == name).map(|kind| kind.packet_count).sum::<u64>()
    };
    let syncs = u64::from(clocks::SYNCS + clocks::GPTP_SYNCS);
    assert_eq!((count("Sync"), count("Follow_Up")), (syncs, syncs));
    assert_eq!((count("Announce"), count("Delay_Req"), count("Delay_Resp"), count("Pdelay_Req")), (8, 4, 4, 4));

    let domain = analysis.networks["PTP"]["domains"].get("0");
    let measured = ["masters", "0200c0fffea80a01-1", "by_requester", "0200c0fffea80a14-1"];
    let of = |name: &'static str| number(domain, &[&measured[..], &[name, "mean_ns"]].concat());
    // the capture's clock is UTC with the slave's offset, the master's is TAI
    let offset = (clocks::OFFSET - demo::TAI_AHEAD) as f64;
    assert!((of("capture_clock_offset_from_master") - offset).abs() < 0.5);
    assert!((of("path_delay_capture_point_to_master") - clocks::PATH_DELAY as f64).abs() < 0.5);
}

#[test]
fn iena_loses_three_packets_of_one_key() {
    let analysis = analysis();
    let iena = only(&analysis, "IENA");
    let (sent, lost) = (u64::from(telemetry::FAST_PACKETS), telemetry::FAST_LOST.len() as u64);
    assert_eq!(types(iena), [("N-type", u64::from(telemetry::SLOW_PACKETS)), ("P-type", sent - lost)]);
    let fast = stream(iena, "key 0x0A01");
    assert_eq!(losses(fast), (sent - lost, Some(sent), Some(lost)));
    assert_eq!(fast.longest_gap, Some(lost));
    let slow = u64::from(telemetry::SLOW_PACKETS);
    assert_eq!(losses(stream(iena, "key 0x0B02")), (slow, Some(slow), Some(0)), "its numbers wrap on the way");
}

#[test]
fn chapter_10_channels_have_the_names_of_the_setup_record() {
    let analysis = analysis();
    let chapter10 = only(&analysis, "Chapter10");
    let records = u64::from(telemetry::RECORDS);
    let expected = [
        ("MIL-STD-1553 Data Format 1", records),
        ("PCM Data Format 1", records - 1),
        ("TMATS", 1),
        ("Time Data Format 1", 4),
    ];
    assert_eq!(types(chapter10), expected);
    // one frame more than packets: the setup record came in two fragments
    assert_eq!(chapter10.packet_count, 2 * records - 1 + 1 + 4 + 1);
    let pcm = stream(chapter10, "channel 2");
    assert_eq!(pcm.name.as_deref(), Some("channel 2 (Wing strain)"));
    assert_eq!(losses(pcm), (records - 1, Some(records), Some(1)));
}

#[test]
fn inetx_is_whole_and_in_its_vlan() {
    let analysis = analysis();
    let (flow, inetx) = encodings(&analysis, "iNetX")[0];
    assert!(flow.key.to_string().contains("vlan 30"), "{}", flow.key);
    let sent = u64::from(telemetry::INETX_PACKETS);
    assert_eq!(losses(&inetx.health.streams[0]), (sent, Some(sent), Some(0)));
}

#[test]
fn media_streams_are_named_by_their_announcements() {
    let analysis = analysis();
    let sent = u64::from(media::AUDIO_PACKETS);
    let audio = &only(&analysis, "AES67").health.streams[0];
    assert_eq!(audio.name.as_deref(), Some("Commentary microphone"));
    assert_eq!(losses(audio), (sent - 1, Some(sent), Some(1)));
    assert_eq!(audio.measures["format"], Value::text("L24/48000/2"));

    let video = &only(&analysis, "ST2110-20").health.streams[0];
    let packets = u64::from(media::PICTURES * media::PACKETS_PER_PICTURE);
    assert_eq!(losses(video), (packets, Some(packets), Some(0)));
    let raster = video.measures.get("st2110_20");
    assert_eq!((number(raster, &["width"]), number(raster, &["height"])), (128.0, 72.0));
}

#[test]
fn the_machine_shows_its_faults() {
    let analysis = analysis();
    let requests = u64::from(machine::REQUESTS);
    let modbus = encodings(&analysis, "ModbusTCP");
    assert_eq!(
        types(modbus[0].1),
        [("Read Holding Registers Request", requests - 1), ("Write Multiple Registers Request", 1)]
    );
    let answers = [
        ("Read Holding Registers Exception", 1),
        ("Read Holding Registers Response", requests - 2),
        ("Write Multiple Registers Response", 1),
    ];
    assert_eq!(types(modbus[1].1), answers);

    let cycles = u64::from(machine::PROFINET_CYCLES);
    let profinet = encodings(&analysis, "PROFINET");
    let device = profinet.iter().find_map(|(_, one)| one.health.streams.iter().find(|one| one.id == "FrameID 0x8002"));
    let device = device.expect("the device's stream");
    assert_eq!(losses(device), (cycles - 1, Some(cycles), Some(1)));
    let problem = device.measures.get("station_problem_frames").and_then(Value::as_u64);
    assert_eq!(problem, Some(machine::PROFINET_PROBLEM.len() as u64));

    let ethercat = &encodings(&analysis, "EtherCAT")[0].1.decoder_metadata;
    assert_eq!(number(ethercat.get("frames"), &["returned"]), f64::from(machine::ETHERCAT_CYCLES));
    assert_eq!(number(ethercat.get("frames"), &["bad_cycles"]), 1.0);
    assert_eq!(ethercat["station_count"], Value::Unsigned(3));
}

#[test]
fn findings_are_those_that_were_built_in() {
    let analysis = analysis();
    let mut codes: Vec<(&str, u64)> = analysis.findings.iter().map(|one| (one.code.as_ref(), one.count)).collect();
    codes.sort_unstable();
    let expected = [
        ("capture.copies", 1),
        ("chapter10.loss", 1), // of the datagrams
        ("chapter10.loss", 1), // of the channel, as a consequence
        ("ethercat.working-counter", 1),
        ("iena.loss", 1), // one gap, of three packets
        ("modbus.exception", 1),
        ("profinet.cycle-gap", 1),
        ("profinet.loss", 1),
        ("profinet.station-problem", 1),
        ("profinet.status-changed", 1), // into the problem
        ("profinet.status-changed", 1), // and out of it
        ("rtp.loss", 1),
    ];
    assert_eq!(codes, expected);
    let errors = analysis.findings.iter().filter(|one| one.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|one| (one.code.as_ref(), one.packets)).collect();
    let expected = [
        ("profinet.loss", Some(1)),
        ("rtp.loss", Some(1)),
        ("ethercat.working-counter", None),
        ("iena.loss", Some(3)),
        ("chapter10.loss", Some(1)),
    ];
    assert_eq!(errors, expected, "what was lost with the datagram is no second error");
    assert_eq!(only(&analysis, "Chapter10").health.sums().lost, Some(1));
}
