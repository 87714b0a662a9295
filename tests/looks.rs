//! Looks while frames come: deltas add up to the state, and the state to the document.

mod traffic;

use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens::engine::{DecodeAs, Engine, EngineOptions, LookOptions};
use streamlens::model::row::{Delta, Level, Row, RowName, RowTable};
use streamlens::model::{Analysis, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, Made, udp};

use traffic::traffic;

fn engine(options: EngineOptions) -> Engine {
    Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..options })
}

fn look(engine: &mut Engine, exact: bool) -> Delta {
    engine.look(&LookOptions { exact, ..LookOptions::default() })
}

/// What a reader that begins now knows.
fn fresh(engine: &Engine) -> RowTable {
    let mut table = RowTable::default();
    assert!(table.apply(&engine.state()));
    table
}

/// The rows of a level, by the names of those above and their own.
fn by_name(table: &RowTable, level: Level) -> BTreeMap<String, Row> {
    let name = |row: &Row| match table.rows.get(&row.id) {
        Some((_, Some(RowName::Flow(key, _)))) => key.to_string(),
        Some((_, Some(RowName::Named(name)))) => name.to_string(),
        Some((_, Some(RowName::Stream(id, _)))) => id.to_string(),
        _ => panic!("{} has no name", row.id),
    };
    let path = |row: &Row| {
        let mut path = name(row);
        let mut above = row.parent;
        while let Some((parent, _)) = above.and_then(|id| table.rows.get(&id)) {
            path = format!("{}/{path}", name(parent));
            above = parent.parent;
        }
        path
    };
    let rows = table.rows.values().map(|(row, _)| row).filter(|row| row.id.level == level);
    rows.map(|row| (path(row), *row)).collect()
}

/// Holds the rows of an exact look against a document of the same moment.
fn same_as_document(table: &RowTable, analysis: &Analysis) {
    let (mut flows, mut encodings) = (by_name(table, Level::Flow), by_name(table, Level::Encoding));
    let (mut streams, mut types) = (by_name(table, Level::Stream), by_name(table, Level::PacketType));
    for flow in &analysis.flows {
        let key = flow.key.to_string();
        let row = flows.remove(&key).unwrap_or_else(|| panic!("no row of {key}"));
        assert_eq!((row.packets, row.bytes), (flow.total_packets, Some(flow.total_bytes)));
        assert_eq!((row.first_seen, row.last_seen), (flow.first_seen, flow.last_seen));
        assert_eq!(row.timing, (&*flow.timing_stats).into());
        for transport in &flow.transport_protocols {
            for encoding in &transport.application_encodings {
                let key = format!("{key}/{}/{}", transport.protocol_name, encoding.encoding_name);
                let row = encodings.remove(&key).unwrap_or_else(|| panic!("no row of {key}"));
                assert_eq!((row.packets, row.bytes), (encoding.packet_count, Some(encoding.byte_count)));
                assert_eq!(
                    (row.confidence, row.timing),
                    (Some(encoding.confidence_score), (&*encoding.timing_stats).into())
                );
                for stream in &encoding.health.streams {
                    let row =
                        streams.remove(&format!("{key}/{}", stream.id)).unwrap_or_else(|| panic!("no row of {key}"));
                    assert_eq!((row.packets, row.health.lost), (stream.received, stream.lost));
                    assert_eq!(
                        (row.health.media_jitter_ns, row.health.drift_ppm),
                        (stream.jitter_ns, stream.drift_ppm)
                    );
                }
                for kind in &encoding.packet_types {
                    let key = format!("{key}/{}", kind.type_name);
                    let row = types.remove(&key).unwrap_or_else(|| panic!("no row of {key}"));
                    assert_eq!((row.packets, row.bytes), (kind.packet_count, Some(kind.byte_count)), "{key}");
                    assert_eq!(row.timing, (&*kind.timing_stats).into(), "{key}");
                    for nested in &kind.packet_types {
                        let row = types.remove(&format!("{key}/{}", nested.type_name));
                        assert_eq!(row.map(|row| row.packets), Some(nested.packet_count), "{key}");
                    }
                }
            }
        }
    }
    for (level, left) in [("flow", flows), ("encoding", encodings), ("stream", streams), ("type", types)] {
        assert!(left.is_empty(), "rows without a {level} in the document: {:?}", left.keys().collect::<Vec<_>>());
    }
}

/// Counts and times are exact at every look.
fn same_counts(table: &RowTable, analysis: &Analysis) {
    let flows = by_name(table, Level::Flow);
    assert_eq!(flows.len(), analysis.flows.len());
    for flow in &analysis.flows {
        let row = &flows[&flow.key.to_string()];
        assert_eq!((row.packets, row.bytes), (flow.total_packets, Some(flow.total_bytes)));
        assert_eq!((row.first_seen, row.last_seen), (flow.first_seen, flow.last_seen));
        assert_eq!(
            (row.timing.mean_ns, row.timing.jitter_ns),
            (flow.timing_stats.mean_ns, flow.timing_stats.jitter_ns)
        );
    }
}

/// Every frame is in a flow that is there or ended, waits, or is in no flow.
fn sum_holds(table: &RowTable) {
    let capture = &table.capture;
    let rows = table.rows.values().filter(|(row, _)| row.id.level == Level::Flow);
    assert_eq!(rows.clone().map(|(row, _)| row.packets).sum::<u64>(), capture.packets_in_flows);
    assert_eq!(rows.count() as u64, capture.flows);
    let sum = capture.packets_in_flows + capture.retired.packets + capture.packets_not_in_flows + capture.waiting;
    assert_eq!(sum, capture.packets);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// One reader applies every delta, another skips looks and begins anew with the state.
    #[test]
    fn deltas_add_up_to_the_state(
        frames in traffic(),
        looks in proptest::collection::vec((0_usize..120, any::<bool>(), 0_i64..3_000), 0..12),
        max_flows in prop_oneof![Just(65_536_usize), 1_usize..20],
        depth in prop_oneof![Just(Level::PacketType), Just(Level::Flow), Just(Level::Encoding)],
    ) {
        let mut engine = engine(EngineOptions { max_flows, ..EngineOptions::live() });
        let (mut every, mut some) = (RowTable::default(), RowTable::default());
        for (number, made) in frames.iter().enumerate() {
            engine.push(&made.frame());
            for (at, exact, silence_ms) in looks.iter().filter(|(at, ..)| *at == number) {
                engine.advance(Timestamp::from_nanos(made.time + silence_ms * 1_000_000));
                let delta = engine.look(&LookOptions { depth, exact: *exact, ..LookOptions::default() });
                prop_assert!(every.apply(&delta));
                if at % 3 != 0 && !some.apply(&delta) {
                    some = fresh(&engine);
                }
                prop_assert_eq!(&every, &fresh(&engine));
                sum_holds(&every);
                same_counts(&every, &engine.report(Default::default(), Default::default()));
                if at % 3 != 0 {
                    prop_assert_eq!(&every, &some);
                }
            }
        }
        let delta = engine.look(&LookOptions { depth, exact: true, ..LookOptions::default() });
        prop_assert!(every.apply(&delta));
        prop_assert_eq!(&every, &fresh(&engine));
        sum_holds(&every);
    }

    /// An exact look says what a document of the same moment says, and looks change nothing.
    #[test]
    fn an_exact_look_agrees_with_the_document(frames in traffic(), looks in proptest::collection::vec(0_usize..120, 0..6)) {
        let (mut looked, mut plain) = (engine(EngineOptions::live()), engine(EngineOptions::live()));
        let mut table = RowTable::default();
        for (number, made) in frames.iter().enumerate() {
            looked.push(&made.frame());
            plain.push(&made.frame());
            if looks.contains(&number) {
                prop_assert!(table.apply(&look(&mut looked, false)));
            }
        }
        prop_assert!(table.apply(&look(&mut looked, true)));
        same_as_document(&table, &looked.report(Default::default(), Default::default()));
        let json = |engine: Engine| serde_json::to_string_pretty(&engine.finish(Default::default())).expect("it serializes");
        prop_assert_eq!(json(looked), json(plain));
    }
}

fn datagram(flow: u32, time: i64) -> Made {
    let [_, b, c, d] = flow.to_be_bytes();
    Made { time, data: udp((Host::new([10, b, c, d]), 4000), (Host::new([10, 255, 0, 1]), 4001), &[0; 20]) }
}

/// 10,000 flows come and go where 100 are allowed: their totals are kept, and the sum holds at every look.
#[test]
fn flows_end_by_need_and_their_totals_are_kept() {
    let mut engine = engine(EngineOptions { max_flows: 100, ..EngineOptions::live() });
    let mut table = RowTable::default();
    let (start, second) = (1_700_000_000_000_000_000_i64, 1_000_000_000_i64);
    let mut ended = 0;
    for flow in 0..10_000_u32 {
        for frame in 0..3 {
            engine.push(&datagram(flow, start + i64::from(flow) * second + frame).frame());
        }
        if flow.is_multiple_of(50) {
            let delta = look(&mut engine, false);
            ended += delta.gone.iter().filter(|row| row.id.level == Level::Flow).count();
            assert!(table.apply(&delta));
            sum_holds(&table);
            assert!(table.rows.len() <= 2 * 100, "{} rows", table.rows.len());
        }
    }
    assert!(table.apply(&look(&mut engine, true)));
    sum_holds(&table);
    let capture = &table.capture;
    assert_eq!(capture.packets_not_in_flows, 0, "there were always idle flows to end");
    assert_eq!(capture.retired.flows + capture.flows, 10_000);
    assert_eq!(capture.retired.transports["UDP"].packets, capture.retired.packets);
    assert!(ended > 9_000, "the last rows of {ended} flows were handed on");
    let analysis = engine.finish(Default::default());
    let in_flows: u64 = analysis.flows.iter().map(|flow| flow.total_packets).sum();
    assert_eq!(in_flows + analysis.capture.retired.expect("flows ended").packets, 30_000);
}

/// Where no flow is idle, new ones find no room and are counted; a kept flow never ends.
#[test]
fn a_table_full_of_busy_flows_takes_no_more() {
    let mut engine = engine(EngineOptions { max_flows: 10, ..EngineOptions::live() });
    let (start, second) = (1_700_000_000_000_000_000_i64, 1_000_000_000_i64);
    for flow in 0..20_u32 {
        engine.push(&datagram(flow, start + i64::from(flow)).frame());
    }
    let mut table = RowTable::default();
    assert!(table.apply(&look(&mut engine, false)));
    sum_holds(&table);
    assert_eq!((table.capture.flows, table.capture.packets_not_in_flows, table.capture.retired.flows), (10, 10, 0));
    let first = table.rows.keys().next().expect("there are rows").flow;
    engine.keep([first].into());
    for flow in 20..40_u32 {
        engine.push(&datagram(flow, start + 100 * second + i64::from(flow)).frame());
        assert!(table.apply(&look(&mut engine, false)));
        sum_holds(&table);
    }
    assert!(table.rows.keys().any(|id| id.flow == first), "a kept flow stays");
    assert_eq!(table.capture.retired.flows, 9);
}

/// A rate falls to 0 a second behind the last frame, and is in one delta then.
#[test]
fn a_stream_that_stops_is_shown_once() {
    let mut engine = engine(EngineOptions::live());
    let (start, tick) = (1_700_000_000_000_000_000_i64, 100_000_000_i64);
    let mut table = RowTable::default();
    assert!(table.apply(&look(&mut engine, false)));
    for number in 0..20 {
        engine.push(&datagram(1, start + number * tick).frame());
        assert!(table.apply(&look(&mut engine, false)));
    }
    let rate = |table: &RowTable| table.rows.values().next().and_then(|(row, _)| row.packet_rate);
    assert_eq!(rate(&table), Some(10.0));
    let mut shown = 0;
    for number in 20..60 {
        engine.advance(Timestamp::from_nanos(start + number * tick));
        let delta = look(&mut engine, false);
        shown += usize::from(!delta.rows.is_empty());
        assert!(table.apply(&delta));
    }
    assert_eq!((rate(&table), shown), (Some(0.0), 1));
}

/// What is decoded otherwise from now on ends, and is another flow with its next frame; the sum holds.
#[test]
fn a_rule_holds_from_now_on() {
    let ends = ((Host::new([192, 168, 1, 10]), 40_000), (Host::new([192, 168, 1, 11]), 5004));
    let frame = |number: u32| {
        // a source of its own for each packet: no evidence speaks for RTP
        let head = [&[0x80, 96][..], &(number as u16).to_be_bytes(), &number.to_be_bytes(), &number.to_be_bytes()];
        let payload = [&head.concat()[..], &[0; 40]].concat();
        Made { time: i64::from(number) * 1_000_000, data: udp(ends.0, ends.1, &payload) }
    };
    let mut engine = engine(EngineOptions::default());
    let push = |engine: &mut Engine, numbers: std::ops::Range<u32>| {
        numbers.for_each(|number| engine.push(&frame(number).frame()));
    };
    push(&mut engine, 1..20);
    let mut table = RowTable::default();
    assert!(table.apply(&look(&mut engine, true)));
    assert!(by_name(&table, Level::Encoding).is_empty());
    let before = by_name(&table, Level::Flow).into_values().next().unwrap();
    let selector = |_: &_, transport| transport == streamlens::model::Transport::UDP;
    let rule =
        DecodeAs { selector: std::sync::Arc::new(selector), encoding_name: "RTP".into(), rule: "udp as RTP".into() };
    engine.decode_as(rule);
    push(&mut engine, 20..50);
    assert!(table.apply(&look(&mut engine, true)));
    let flows = by_name(&table, Level::Flow);
    let flow = flows.values().next().unwrap();
    assert_eq!((flows.len(), flow.packets), (1, 30));
    assert_ne!(flow.id.flow, before.id.flow);
    let encodings = by_name(&table, Level::Encoding);
    assert!(encodings.keys().all(|name| name.ends_with("/UDP/RTP")), "{encodings:?}");
    assert_eq!(encodings.values().map(|row| row.packets).sum::<u64>(), 30);
    assert_eq!((table.capture.retired.flows, table.capture.retired.packets), (1, 19));
    same_as_document(&table, &engine.report(Default::default(), Default::default()));
}
