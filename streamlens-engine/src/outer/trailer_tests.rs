//! Trailers from their published layouts: the frames and their bytes are those without, the times those of the trailers.

use streamlens_model::{CaptureSummary, Frame, LinkType, Timestamp};
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, udp};

use super::{TimeSource, Tunnel, Tunnels};
use crate::{Engine, EngineOptions};

const START: i64 = 1_700_000_000_000_000_000;
const A: Host = Host::new([192, 0, 2, 1]);
const B: Host = Host::new([192, 0, 2, 2]);

/// When a frame was on the wire: every 1 ms; the capture stamps it up to 800 µs late.
fn on_wire(n: i64) -> i64 {
    START + n * 1_000_000
}

fn captured(n: i64) -> i64 {
    on_wire(n) + n * 7919 % 800_000
}

fn seconds(time: i64) -> [u8; 4] {
    ((time / 1_000_000_000) as u32).to_be_bytes()
}

fn nanos(time: i64) -> [u8; 4] {
    ((time % 1_000_000_000) as u32).to_be_bytes()
}

fn metamako(time: i64) -> Vec<u8> {
    [&[0xDE, 0xAD, 0xBE, 0xEF][..], &seconds(time), &nanos(time), &[0x01, 0, 7, 3]].concat()
}

/// With a sub-nanosecond extension: a word of data, then its tag (1) and length (1), marked as the last.
fn metamako_extended(time: i64) -> Vec<u8> {
    let extension = [1, 2, 3, 0, 0, 0, 0, 0x40 | 0x20 | 0x01];
    [&[0xDE, 0xAD, 0xBE, 0xEF][..], &extension, &seconds(time), &nanos(time), &[0x02, 0, 7, 3]].concat()
}

fn exablaze(time: i64) -> Vec<u8> {
    // rounded up, so that cutting it off gives the nanosecond again
    let fraction = ((time as u128 % 1_000_000_000) << 40).div_ceil(1_000_000_000);
    [&[0xDE, 0xAD, 0xBE, 0xEF, 1, 2][..], &seconds(time), &(fraction as u64).to_be_bytes()[3..], &[0]].concat()
}

fn vss(time: i64) -> Vec<u8> {
    let mut nanos = nanos(time);
    // the clock follows PTP
    nanos[0] |= 0xC0;
    [&seconds(time)[..], &nanos, &[9]].concat()
}

/// Fields, their length, the signature and the checksum of all.
fn ixia_of(fields: &[&[u8]]) -> Vec<u8> {
    let mut trailer = fields.concat();
    trailer.extend([trailer.len() as u8, 0xAF, 0x12]);
    let mut sum: u32 =
        trailer.chunks(2).map(|pair| u32::from(pair[0]) * 256 + u32::from(*pair.get(1).unwrap_or(&0))).sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    trailer.extend((!(sum as u16)).to_be_bytes());
    trailer
}

fn ixia_time(time: i64) -> Vec<u8> {
    [&[6, 8][..], &seconds(time), &nanos(time)].concat()
}

/// The length that a frame had before it was cut.
const IXIA_LENGTH: &[u8] = &[1, 2, 0x05, 0xEA];

fn ixia(time: i64) -> Vec<u8> {
    ixia_of(&[&ixia_time(time)])
}

fn ixia_length_first(time: i64) -> Vec<u8> {
    ixia_of(&[IXIA_LENGTH, &ixia_time(time)])
}

fn ixia_length_last(time: i64) -> Vec<u8> {
    ixia_of(&[&ixia_time(time), IXIA_LENGTH])
}

/// Nanoseconds since the device was switched on, an hour before.
fn esl(time: i64) -> Vec<u8> {
    let counter = (time - START + 3_600_000_000_000) as u64;
    [&[0x01, 0x01, 0x05, 0x10, 0, 0, 0x80, 0x20][..], &counter.to_le_bytes()].concat()
}

type Trailer = fn(i64) -> Vec<u8>;

const TRAILERS: [(&str, Trailer); 8] = [
    ("Arista 7130 (MetaMako)", metamako),
    ("Arista 7130 (MetaMako)", metamako_extended),
    ("Exablaze", exablaze),
    ("VSS Monitoring", vss),
    ("IXIA", ixia),
    ("IXIA", ixia_length_first),
    ("IXIA", ixia_length_last),
    ("EtherCAT Switch Link", esl),
];

fn plain(n: i64) -> Vec<u8> {
    // the first ones padded to 60 bytes
    udp((A, 5000), (B, 5001), &vec![n as u8; if n < 5 { 4 } else { 40 }])
}

fn analysis(frames: &[(i64, Vec<u8>)], options: EngineOptions) -> streamlens_model::Analysis {
    let mut batch = streamlens_model::FrameBatch::default();
    for (time, data) in frames {
        let time = Some(Timestamp::from_nanos(*time));
        let original_length = data.len() as u32;
        assert!(batch.push(&Frame {
            number: 0,
            time,
            link_type: LinkType::ETHERNET,
            interface: 0,
            original_length,
            data
        }));
    }
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..options });
    engine.push_batch(&batch);
    engine.finish(CaptureSummary::default())
}

fn with_trailers() -> EngineOptions {
    EngineOptions { time_source: TimeSource::Trailer, ..EngineOptions::default() }
}

#[test]
fn frames_with_trailers_are_those_without_at_the_times_of_the_trailers() {
    let without: Vec<_> = (0..100).map(|n| (on_wire(n), plain(n))).collect();
    let want = analysis(&without, EngineOptions::default());
    for (name, trailer) in TRAILERS {
        for fcs in [&[][..], &[0x5A; 4]] {
            let append = |n| (captured(n), [&plain(n)[..], &trailer(on_wire(n)), fcs].concat());
            let frames: Vec<_> = (0..100).map(append).collect();
            let got = analysis(&frames, with_trailers());
            assert_eq!(serde_json::to_value(&got.flows).unwrap(), serde_json::to_value(&want.flows).unwrap(), "{name}");
            assert_eq!(got.capture.timestamps.source, format!("trailer: {name}"));
            let more = (trailer(START).len() + fcs.len()) as u64 * 100;
            assert_eq!((got.capture.outer_bytes, got.capture.bytes), (more, want.capture.bytes + more), "{name}");
            assert_eq!((got.capture.first_seen, got.capture.warnings.len()), (want.capture.first_seen, 0));
            // not asked for, nothing is taken off
            let untold = analysis(&frames, EngineOptions::default());
            assert_eq!((untold.capture.outer_bytes, untold.flows[0].total_bytes), (0, got.capture.bytes), "{name}");
        }
    }
}

#[test]
fn bytes_that_are_no_trailer_are_left_and_it_is_said() {
    let noise =
        |n: i64| (0..16_i64).map(|place| (((n * 131 + place) * 2_654_435_761_i64) >> 13) as u8).collect::<Vec<_>>();
    for make in [&(|_: i64| Vec::new()) as &dyn Fn(i64) -> Vec<u8>, &noise, &|_| vec![0; 16]] {
        let frames: Vec<_> = (0..200).map(|n| (captured(n), [plain(n), make(n)].concat())).collect();
        let got = analysis(&frames, with_trailers());
        assert_eq!((got.capture.outer_bytes, &*got.capture.warnings[0].code), (0, "capture.no-trailer"));
        assert_eq!(got.capture.first_seen, Some(Timestamp::from_nanos(captured(0))));
    }
}

#[test]
fn a_few_frames_prove_nothing_and_a_few_without_do_not_matter() {
    let append = |n| (captured(n), [plain(n), metamako(on_wire(n))].concat());
    let few: Vec<_> = (0..12).map(append).collect();
    assert_eq!(analysis(&few, with_trailers()).capture.outer_bytes, 0, "seven that are not padded");
    let some: Vec<_> = (0..100).map(|n| if n % 40 == 39 { (captured(n), plain(n)) } else { append(n) }).collect();
    let got = analysis(&some, with_trailers());
    assert_eq!(got.capture.outer_bytes, 98 * 16);
    assert!(got.capture.warnings[0].text.starts_with("2 frames have no time stamp"), "{:?}", got.capture.warnings);
}

/// In front of a frame, it is a layer that is taken off where that is asked for, and so is its time used.
#[test]
fn esl_in_front_of_frames_is_taken_off() {
    let without: Vec<_> = (0..100).map(|n| (on_wire(n), plain(n))).collect();
    let frames: Vec<_> = (0..100).map(|n| (captured(n), [esl(on_wire(n)), plain(n)].concat())).collect();
    for (options, time_of) in [(EngineOptions::default(), captured as fn(i64) -> i64), (with_trailers(), on_wire)] {
        let without: Vec<_> = (0..).zip(&without).map(|(n, (_, data))| (time_of(n), data.clone())).collect();
        let want = analysis(&without, EngineOptions::default());
        let mut got = analysis(&frames, EngineOptions { decap: Tunnels::NONE.with(Tunnel::Esl), ..options });
        assert_eq!((got.capture.outer_bytes, &*got.flows[0].outer[0].layer), (1600, "ESL"));
        got.flows.iter_mut().for_each(|flow| flow.outer.clear());
        assert_eq!(serde_json::to_value(&got.flows).unwrap(), serde_json::to_value(&want.flows).unwrap());
    }
}

/// ERSPAN III: with whole seconds the time is absolute, without it goes on from the first frame's, past the end of the counter.
#[test]
fn the_time_stamps_of_erspan_iii_are_used() {
    let around = |stamp: u32, tail: &[u8], frame: &[u8]| {
        let head = [&[0x10, 0, 0x22, 0xEB, 0, 0, 0, 9, 0x20, 0, 0, 7][..], &stamp.to_be_bytes(), &[0, 0], tail, frame]
            .concat();
        let mut packet = vec![0x45, 0];
        packet.extend((head.len() as u16 + 20).to_be_bytes());
        packet.extend([0, 1, 0x40, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(head);
        streamlens_testing::ethernet([2; 6], [4; 6], 0x0800, &packet)
    };
    let absolute = |n: i64| {
        let tail = [&[0x80, 0x05, 5 << 2, 0, 0, 0][..], &seconds(on_wire(n))].concat();
        (captured(n), around((on_wire(n) % 1_000_000_000) as u32, &tail, &plain(n)))
    };
    // 100 ns a step, which wraps behind 50 frames
    let counted = |n: i64| {
        let value = (u32::MAX - 500_000).wrapping_add((n * 10_000) as u32);
        (captured(n), around(value, &[0x80, 0x02], &plain(n)))
    };
    let without: Vec<_> = (0..100).map(|n| (on_wire(n), plain(n))).collect();
    let want = serde_json::to_value(analysis(&without, EngineOptions::default()).flows).unwrap();
    for make in [&absolute as &dyn Fn(i64) -> (i64, Vec<u8>), &counted] {
        let frames: Vec<_> = (0..100).map(make).collect();
        let mut got = analysis(&frames, with_trailers());
        assert_eq!(got.capture.timestamps.source, "trailer: ERSPAN III");
        got.flows.iter_mut().for_each(|flow| flow.outer.clear());
        assert_eq!(serde_json::to_value(&got.flows).unwrap(), want);
        let shut = EngineOptions { decap: Tunnels::NONE, ..with_trailers() };
        assert_eq!(analysis(&frames, shut).capture.outer_bytes, 0);
    }
}
