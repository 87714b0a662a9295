//! A stream that begins again, by number and by clock, has the jitter of its last part and the drift of its longest one,
//! whatever the protocol: nothing is carried across.

use proptest::prelude::*;
use serde_json::Value;
use streamlens::engine::{Engine, EngineOptions};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, Made, udp};

/// Capture time from packet to packet, in nanoseconds.
const INTERVAL: i64 = 20_000_000;
const START: i64 = 1_700_000_000_000_000_000;

/// A protocol with numbers and a clock.
#[derive(Clone, Copy, Debug)]
enum Protocol {
    Rtp,
    Iena,
    Inetx,
    Tmns,
}

impl Protocol {
    /// A packet with this number, at so many nanoseconds of its clock.
    fn packet(self, number: u16, clock: i64) -> Vec<u8> {
        let wide = u32::from(number).to_be_bytes();
        let time = [(clock / 1_000_000_000) as u32, (clock % 1_000_000_000) as u32].map(u32::to_be_bytes).concat();
        match self {
            Self::Rtp => {
                let ticks = (clock / 125_000) as u32;
                let head = [&[0x80, 0][..], &number.to_be_bytes(), &ticks.to_be_bytes(), &[0xAB, 1, 2, 3]].concat();
                [head, vec![number as u8 ^ 0x55; 160]].concat()
            }
            Self::Iena => {
                let micros = (clock / 1000 % (300 * 86_400_000_000)).to_be_bytes();
                [&[1, 2, 0, 10][..], &micros[2..], &[0, 0], &number.to_be_bytes(), &[7; 4], &[0xDE, 0xAD]].concat()
            }
            Self::Inetx => {
                [&[0x11, 0, 0, 0, 0, 0, 0, 9][..], &wide, &32_u32.to_be_bytes(), &time, &[0; 4], &[7; 4]].concat()
            }
            Self::Tmns => [&[0x10, 0, 0, 0, 0, 0, 0, 5][..], &wide, &28_u32.to_be_bytes(), &time, &[7; 4]].concat(),
        }
    }
}

/// A stretch of a stream without a step: its first number, where its clock begins, how many packets, and by how much its clock
/// runs faster in parts per million.
#[derive(Clone, Debug)]
struct Part {
    number: u16,
    clock: i64,
    packets: u16,
    ppm: i64,
}

/// The packets of a part that begins at this time, each up to a millisecond late.
fn frames(protocol: Protocol, part: &Part, from: i64) -> Vec<Made> {
    let packet = |step: u16| {
        let elapsed = i64::from(step) * INTERVAL;
        let late = i64::from(step.wrapping_mul(7919) % 11) * 100_000;
        let clock = part.clock + elapsed + elapsed / 1_000_000 * part.ppm;
        let payload = protocol.packet(part.number.wrapping_add(step), clock);
        let data = udp((Host::new([10, 0, 0, 1]), 6000), (Host::group([239, 0, 0, 1]), 6000), &payload);
        Made { time: from + elapsed + late, data }
    };
    (0..part.packets).map(packet).collect()
}

/// Jitter and drift of the one stream.
fn clock_of(frames: &[Made]) -> Option<(Value, Value, u64)> {
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    frames.iter().for_each(|frame| engine.push(&frame.frame()));
    let document = serde_json::to_value(engine.finish(Default::default())).expect("it serializes");
    let encodings = document["flows"][0]["transport_protocols"]["UDP"]["application_encodings"].as_object()?;
    let stream = &encodings.values().next()?["health"]["streams"][0];
    Some((stream["jitter_ns"].clone(), stream["drift_ppm"].clone(), stream["restarts"].as_u64()?))
}

/// Both absent, or nearly equal: sums are added up in another order.
fn are_alike(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-3 * b.abs().max(1.0),
        (None, None) => true,
        _ => false,
    }
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::Rtp), Just(Protocol::Iena), Just(Protocol::Inetx), Just(Protocol::Tmns)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_restart_leaves_jitter_and_drift_those_of_the_parts(
        protocol in protocol(),
        lengths in proptest::collection::vec((60_u16..400, -200_i64..200), 2..4),
        number in 0_u16..1000,
    ) {
        let (mut all, mut alone, mut from) = (Vec::new(), Vec::new(), START);
        for (place, (packets, ppm)) in (0_i64..).zip(lengths) {
            // numbers and clocks begin again far from where they were
            let number = number.wrapping_add(20_000 * place as u16);
            let part = Part { number, clock: START + place * 5_000_000_000_000, packets, ppm };
            let frames = frames(protocol, &part, from);
            from += i64::from(packets) * INTERVAL;
            all.extend(frames.iter().cloned());
            alone.push((packets, frames));
        }
        let (jitter, drift, restarts) = clock_of(&all).expect("a stream");
        prop_assert_eq!(restarts as usize, alone.len() - 1);
        let (last, _, _) = clock_of(&alone.last().expect("a part").1).expect("a stream");
        prop_assert!(are_alike(&jitter, &last), "jitter {jitter}, of the last part {last}");
        let longest = alone.iter().rev().max_by_key(|(packets, _)| *packets).expect("a part");
        let unique = alone.iter().filter(|(packets, _)| *packets == longest.0).count() == 1;
        let (_, of_longest, _) = clock_of(&longest.1).expect("a stream");
        prop_assert!(!unique || are_alike(&drift, &of_longest), "drift {drift}, of the longest part {of_longest}");
    }
}
