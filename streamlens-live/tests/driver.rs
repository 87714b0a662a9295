//! Readers of a driver: each at its own pace, all with the same state in the end.

use std::sync::mpsc::channel;
use std::time::Duration;

use streamlens_engine::{Engine, EngineOptions, FlowSelection, LookOptions};
use streamlens_live::{Driver, DriverOptions, LoopSource, ReplaySource, Update, drive};
use streamlens_model::row::{Level, RowTable};
use streamlens_model::{CaptureSummary, FrameBatch, FrameSource, Timestamp};
use streamlens_pcap::CaptureReader;
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Source, telemetry};

/// So many made frames, in batches of 100.
fn frames(count: u32) -> Source<impl FnMut(&mut FrameBatch) -> bool + Send + 'static> {
    let mut left = 0..count;
    Source(move |batch: &mut FrameBatch| {
        left.by_ref().take(100).for_each(|number| assert!(batch.push(&telemetry(number).frame())));
        !batch.is_empty()
    })
}

fn engine() -> Engine {
    Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..EngineOptions::live() })
}

fn options() -> DriverOptions {
    DriverOptions { period_ns: Some(1_000_000), look: LookOptions::default() }
}

/// Reads until the end, doing nothing for `pause` after each update; returns the state and how often it began anew.
fn read(driver: &Driver, pause: Duration) -> (RowTable, usize) {
    let (mut reader, mut table, mut wholes) = (driver.reader(), RowTable::default(), 0);
    loop {
        match reader.next(Duration::from_secs(120)) {
            Update::Changes(deltas) => {
                for delta in &deltas {
                    wholes += usize::from(delta.since.is_none());
                    assert!(table.apply(delta), "{:?} does not follow on {:?}", delta.since, table.epoch);
                }
            }
            Update::Nothing => panic!("nothing ever comes"),
            Update::End => return (table, wholes),
        }
        std::thread::sleep(pause);
    }
}

#[test]
fn every_reader_ends_with_the_same_state() {
    let driver = Driver::start(frames(20_000), engine(), options()).unwrap();
    let (fast, slow, late) = std::thread::scope(|scope| {
        let fast = scope.spawn(|| read(&driver, Duration::ZERO));
        let slow = scope.spawn(|| read(&driver, Duration::from_millis(40)));
        let late = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(60));
            read(&driver, Duration::ZERO)
        });
        (fast.join().unwrap(), slow.join().unwrap(), late.join().unwrap())
    });
    assert_eq!(fast.0, slow.0);
    assert_eq!(fast.0, late.0);
    assert_eq!(fast.0.capture.packets, 20_000);
    // what a reader that begins now is given
    assert_eq!(read(&driver, Duration::ZERO).0, fast.0);
    let report = driver.report(FlowSelection::default()).unwrap();
    let flows = fast.0.rows.keys().filter(|id| id.level == Level::Flow);
    assert_eq!((report.capture.packets, report.flows.len()), (20_000, flows.clone().count()));
    let first = *flows.clone().next().unwrap();
    let detail = driver.detail(first.flow).unwrap();
    assert_eq!(Some(detail.total_packets), fast.0.rows.get(&first).map(|(row, _)| row.packets));
    let ended = driver.stop();
    assert!(ended.result.is_ok());
    assert_eq!((ended.engine.frames(), ended.capture.format.as_deref()), (20_000, Some("made")));
}

/// A capture that comes slowly is looked at by a clock, which goes on while a batch is waited for.
#[test]
fn looks_that_pile_up_reach_a_reader() {
    let (asked, is_asked) = channel();
    let (tell, told) = channel();
    // says each time that it is asked for frames, and gives them when it is told to
    let mut frames = frames(300);
    let source = Source(move |batch: &mut FrameBatch| {
        let _ = asked.send(());
        told.recv().is_ok() && (frames.0)(batch)
    });
    let driver = Driver::start(source, engine(), DriverOptions { period_ns: None, ..options() }).unwrap();
    // where this fails it goes before the driver does, which waits for it
    let tell = tell;
    let (mut reader, mut table) = (driver.reader(), RowTable::default());
    is_asked.recv().unwrap();
    for batch in 1..=3 {
        if let Update::Changes(deltas) = reader.next(Duration::ZERO) {
            assert!(deltas.iter().all(|delta| table.apply(delta)));
        }
        (0..20).for_each(|_| driver.show(LookOptions::default()));
        tell.send(()).unwrap();
        // what was asked for before is answered before the next frames are
        is_asked.recv().unwrap();
        let Update::Changes(deltas) = reader.next(Duration::ZERO) else { panic!("nothing is told of batch {batch}") };
        assert!(deltas.iter().all(|delta| table.apply(delta)));
        assert_eq!(table.capture.packets, batch * 100);
    }
    drop(tell);
}

#[test]
fn looks_do_not_change_the_document() {
    let json = |engine: Engine| serde_json::to_string(&engine.finish(CaptureSummary::default())).unwrap();
    let mut plain = engine();
    let mut source = frames(5_000);
    plain.run(|batch| source.read_batch(batch)).unwrap();
    let (mut looked, mut looks, mut table) = (engine(), 0, RowTable::default());
    drive(&mut looked, &mut frames(5_000), &options(), |_, delta| {
        looks += 1;
        table.apply(delta)
    })
    .unwrap();
    assert!(looks > 10, "{looks} looks");
    assert_eq!(table.capture.packets, 5_000);
    assert_eq!(json(plain), json(looked));
}

/// Flows that are too young to be identified while frames come are so in the last look.
#[test]
fn the_last_look_has_the_encodings_of_the_document() {
    for count in [1, 3, 8, 20] {
        let (mut engine, mut table) = (engine(), RowTable::default());
        drive(&mut engine, &mut frames(count), &options(), |_, delta| table.apply(delta)).unwrap();
        let shown = table.rows.keys().filter(|id| id.level == Level::Encoding).count();
        let document = engine.finish(CaptureSummary::default());
        let of = |flow: &streamlens_model::Flow| {
            flow.transport_protocols.iter().map(|transport| transport.application_encodings.len()).sum::<usize>()
        };
        assert_eq!(shown, document.flows.iter().map(of).sum::<usize>(), "{count} frames");
        assert!(shown > 0);
    }
}

#[test]
fn a_reader_may_ask_for_fewer_rows_and_open_a_flow() {
    let look = LookOptions { depth: Level::Flow, ..LookOptions::default() };
    let driver = Driver::start(frames(2_000), engine(), DriverOptions { look: look.clone(), ..options() }).unwrap();
    let (table, _) = read(&driver, Duration::ZERO);
    assert!(table.rows.keys().all(|id| id.level == Level::Flow));
    let flow = table.rows.keys().next().unwrap().flow;
    driver.show(LookOptions { opened: [flow].into(), ..look });
    // answered by the time that a later request is
    let _ = driver.report(FlowSelection::default());
    let (opened, _) = read(&driver, Duration::ZERO);
    let below = opened.rows.keys().filter(|id| id.level != Level::Flow);
    assert!(below.clone().count() >= 3 && below.clone().all(|id| id.flow == flow));
}

/// Two frames 30 s apart, replayed a hundred times as fast.
#[test]
fn a_replay_shortens_silences_and_says_so() {
    let mut capture = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for second in [1_u8, 31] {
        capture.extend([second, 0, 0, 0, 2, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0]);
        capture.extend([0xff; 60]);
    }
    let mut source = ReplaySource::new(CaptureReader::from_bytes("example", capture).unwrap(), 100.0);
    let (mut batch, mut frames, mut silent) = (FrameBatch::default(), 0, 0);
    let mut latest = None::<Timestamp>;
    while source.read_batch(&mut batch).unwrap() {
        frames += batch.len();
        silent += usize::from(batch.is_empty());
        assert!(batch.is_empty() || batch.now.is_none() || batch.len() == 1);
        if let Some(now) = batch.now {
            assert!(latest.is_none_or(|latest| latest <= now), "time runs on");
            latest = Some(now);
        }
    }
    assert_eq!(frames, 2);
    assert!(silent > 0, "it waits");
    let warnings: Vec<_> = source.warnings().iter().map(|warning| &*warning.code).collect();
    assert_eq!(warnings, ["replay.silence-shortened"]);
}

#[test]
fn a_source_that_starts_over_is_analysed_anew() {
    const ROUNDS: u64 = 3;
    let mut opened = 0;
    let open = move || {
        opened += 1;
        Ok(frames(if opened <= ROUNDS { 2_000 } else { 0 }))
    };
    for threads in [1, 2] {
        let engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads, ..EngineOptions::live() });
        let driver = Driver::start(LoopSource::new(open).unwrap(), engine, options()).unwrap();
        let (table, _) = read(&driver, Duration::ZERO);
        assert_eq!((table.round, table.capture.packets), (ROUNDS - 1, 2_000), "the counts are those of the last round");
        let once = Driver::start(frames(2_000), self::engine(), options()).unwrap();
        let (expected, _) = read(&once, Duration::ZERO);
        let health = |table: &RowTable| {
            table.rows.values().map(|(row, _)| (row.id, row.packets, row.health)).collect::<Vec<_>>()
        };
        assert_eq!(health(&table), health(&expected), "streams that begin again are no restarts");
        let report = driver.report(FlowSelection::default()).unwrap();
        assert_eq!(report.capture.packets, 2_000);
        assert!(report.findings.iter().all(|finding| finding.first.frame <= 2_000), "frames are numbered from 1");
        assert!(driver.stop().result.is_ok());
    }
}

#[test]
fn a_reader_sees_each_start() {
    let mut opened = 0;
    let open = move || {
        opened += 1;
        Ok(frames(if opened <= 3 { 300 } else { 0 }))
    };
    let (mut table, mut seen) = (RowTable::default(), Vec::new());
    let mut source = LoopSource::new(open).unwrap();
    drive(&mut engine(), &mut source, &options(), |_, delta| {
        assert_eq!(delta.round != table.round, delta.since.is_none() && delta.epoch.0 > 1, "{:?}", delta.epoch);
        assert!(table.apply(delta));
        seen.push((delta.round, delta.capture.packets));
        true
    })
    .unwrap();
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0 || pair[0].1 <= pair[1].1), "{seen:?}");
    assert_eq!(seen.last(), Some(&(2, 300)));
    for round in 0..3 {
        assert!(seen.iter().any(|(of, _)| *of == round), "{seen:?}");
    }
}

#[test]
fn what_came_before_a_silence_is_looked_at_in_it() {
    // a frame, and three seconds of silence of which the source tells the time, ten times a second
    let (only, mut passed) = (telemetry(0), None);
    let mut source = Source(move |batch: &mut FrameBatch| {
        let silence = passed.map_or(0, |passed| passed + 100_000_000);
        if passed.replace(silence).is_none() {
            batch.push(&only.frame());
        }
        batch.now = Some(Timestamp::from_nanos(only.time + silence));
        silence < 3_000_000_000
    });
    let options = DriverOptions { period_ns: Some(500_000_000), ..options() };
    let mut seen = Vec::new();
    let look = |_: &mut Engine, delta: &streamlens_model::row::Delta| {
        seen.push(delta.capture.packets);
        true
    };
    drive(&mut engine(), &mut source, &options, look).unwrap();
    // at some five multiples of half a second, and at the end
    assert!((6..=7).contains(&seen.len()) && seen.iter().all(|packets| *packets == 1), "{seen:?}");
}
