//! What it costs to watch: ratios of one run, as `cargo bench --bench live` prints them.
//!
//! With `--test` each part runs once in a small size, and only that it runs is judged.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use streamlens::engine::{Engine, EngineOptions, LookOptions};
use streamlens::model::row::{Delta, Level};
use streamlens::model::{Frame, FrameBatch, FrameSource, LinkType, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_live::{Driver, DriverOptions, Update};
use streamlens_testing::{Host, Source, udp};

const START: i64 = 1_700_000_000_000_000_000;
const TICK: i64 = 100_000_000;

/// An IENA packet of a flow.
fn iena(flow: u32, sequence: u16) -> Vec<u8> {
    let [_, b, c, d] = flow.to_be_bytes();
    let mut packet = vec![0x20, 1, 0, 20, 0, 0, 0, 0, 1, 0, 0, 0];
    packet.extend(sequence.to_be_bytes());
    packet.resize(38, 0);
    packet.extend([0xDE, 0xAD]);
    udp((Host::new([10, b, c, d]), 5000), (Host::new([10, 255, 0, 1]), 5001), &packet)
}

fn push(batch: &mut FrameBatch, data: &[u8], time: i64) {
    let (time, original_length) = (Some(Timestamp::from_nanos(time)), data.len() as u32);
    batch.push(&Frame { number: 0, time, link_type: LinkType::ETHERNET, interface: 0, original_length, data });
}

/// An engine with so many flows, each of which had ten frames a minute ago.
fn engine(flows: u32, max_flows: usize) -> Engine {
    let options = EngineOptions { max_flows, threads: 1, ..EngineOptions::live() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    for sequence in 0..10 {
        let mut batch = FrameBatch::default();
        for flow in 0..flows {
            push(&mut batch, &iena(flow, sequence), START + i64::from(sequence) * TICK);
        }
        engine.push_batch(&batch);
    }
    engine
}

fn look_options(depth: Level) -> LookOptions {
    LookOptions { depth, opened: BTreeSet::new(), exact: false }
}

/// Looks `ticks` times at an engine of `flows` flows, `changing` of which have a frame each tick. Returns the medians of a look
/// and of the frames of a tick, and the rows of a look.
fn looks(flows: u32, changing: u32, depth: Level, ticks: u16) -> (Duration, Duration, usize) {
    let mut engine = engine(flows, flows as usize + 1);
    engine.look(&look_options(depth));
    let (mut looked, mut pushed, mut rows) = (Vec::new(), Vec::new(), 0);
    for tick in 0..ticks {
        let mut batch = FrameBatch::default();
        let now = START + 60_000_000_000 + i64::from(tick) * TICK;
        let step = flows / changing;
        (0..changing).for_each(|flow| push(&mut batch, &iena(flow * step, 10 + tick), now));
        let begun = Instant::now();
        engine.push_batch(&batch);
        pushed.push(begun.elapsed());
        let begun = Instant::now();
        let delta: Delta = engine.look(&look_options(depth));
        looked.push(begun.elapsed());
        rows = delta.rows.len().max(rows);
    }
    (median(looked), median(pushed), rows)
}

fn median(mut of: Vec<Duration>) -> Duration {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// Gives the same frames of 1,000 flows, as fast as they are taken. A million of them are a second of capture time, so that looks
/// come about ten times a second.
fn fast(frames: u64) -> impl FrameSource + 'static {
    let (of, mut given) = ((0..1000).map(|flow| iena(flow, 0)).collect::<Vec<_>>(), 0);
    Source(move |batch: &mut FrameBatch| {
        for _ in 0..(frames - given).min(4096) {
            push(batch, &of[given as usize % of.len()], START + given as i64 * 1_000);
            given += 1;
        }
        !batch.is_empty()
    })
}

/// Frames a second with so many readers, one of which stalls.
fn with_readers(frames: u64, readers: usize, stall: Duration) -> f64 {
    let options = EngineOptions { threads: 1, ..EngineOptions::live() };
    let engine = Engine::new(DecoderRegistry::with_builtins(), options);
    let period_ns = (readers > 0).then_some(TICK);
    let begun = Instant::now();
    let driver = Driver::start(fast(frames), engine, DriverOptions { period_ns, look: look_options(Level::Flow) })
        .expect("a thread");
    std::thread::scope(|scope| {
        for number in 0..readers {
            let mut reader = driver.reader();
            scope.spawn(move || {
                let mut has_stalled = number > 0;
                loop {
                    match reader.next(Duration::from_millis(100)) {
                        Update::End => return,
                        Update::Changes(_) if !has_stalled => {
                            has_stalled = true;
                            std::thread::sleep(stall);
                        }
                        _ => {}
                    }
                }
            });
        }
        while !driver.has_ended() {
            std::thread::sleep(Duration::from_micros(200));
        }
        frames as f64 / begun.elapsed().as_secs_f64()
    })
}

/// Resident memory of this process in MiB; `None` where the system has no /proc.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Flows that come and go where 1,000 are allowed: memory at each tenth of the frames.
fn come_and_go(frames: u64) {
    let options = EngineOptions { max_flows: 1000, threads: 1, ..EngineOptions::live() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    let (mut batch, mut memory) = (FrameBatch::default(), Vec::new());
    for number in 0..frames {
        // each flow has ten frames, a second apart; ten new ones a second
        let flow = (number / 10) as u32;
        push(&mut batch, &iena(flow, (number % 10) as u16), START + number as i64 * TICK);
        if batch.len() == 4096 || number + 1 == frames {
            engine.push_batch(&batch);
            batch.clear();
        }
        if (number + 1) % (frames / 10) == 0 {
            engine.look(&look_options(Level::Flow));
            memory.extend(resident());
        }
    }
    let capture = engine.look(&look_options(Level::Flow)).capture;
    let sum = capture.packets_in_flows + capture.retired.packets + capture.packets_not_in_flows + capture.waiting;
    assert_eq!(sum, frames, "flows + ended + not in flows = frames read");
    let shown: Vec<String> = memory.iter().map(|mib| format!("{mib:.1}")).collect();
    println!(
        "{frames} frames of {} flows that come and go, 1,000 allowed: MiB after each tenth: {}",
        frames / 10,
        shown.join(" ")
    );
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let (many, few, ticks) = if is_test { (2_000, 200, 3) } else { (100_000, 1_000, 41) };
    let (of_many, _, _) = looks(many, few, Level::Flow, ticks);
    let (of_few, frames, rows) = looks(few, few, Level::Flow, ticks);
    println!(
        "a look with {few} of {many} flows changed: {of_many:?}; of {few}: {of_few:?}; ratio {:.2} (at most 1.5)",
        ratio(of_many, of_few)
    );
    println!("a changed row : a frame = {:.2} (at most 2); {rows} rows", ratio(of_few, frames));
    let (all, frames, rows) = looks(few, few, Level::PacketType, ticks);
    println!(
        "with all levels: {all:?} for {rows} rows, a row : a frame = {:.2}",
        all.as_secs_f64() / rows.max(1) as f64 / (frames.as_secs_f64() / f64::from(few))
    );
    let (large, ticks) = if is_test { (500, 3) } else { (50_000, 21) };
    let (look, _, rows) = looks(large, large, Level::Flow, ticks);
    println!(
        "{rows} rows all changing: {look:?} a look, at 10 Hz {:.1} % of a core (at most 10)",
        look.as_secs_f64() * 1000.0
    );
    let (frames, stall) =
        if is_test { (20_000, Duration::from_millis(10)) } else { (20_000_000, Duration::from_secs(10)) };
    let mut ratios: Vec<f64> = (0..if is_test { 1 } else { 3 })
        .map(|_| {
            let (without, with) = (with_readers(frames, 0, stall), with_readers(frames, 4, stall));
            with / without
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!(
        "frames a second with four readers, one stalled : without = {:.3} (at least 0.95)",
        ratios[ratios.len() / 2]
    );
    come_and_go(if is_test { 20_000 } else { 10_000_000 });
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(f64::MIN_POSITIVE)
}
