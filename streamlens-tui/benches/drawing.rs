//! What the interface costs with 50,000 flows that all change ten times a second, beside what the engine takes for the same
//! frames: `cargo bench -p streamlens-tui --bench drawing`, and with a part of a name behind `--` what is called so.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, reason = "a bench")]

#[path = "../tests/interface/feed.rs"]
mod feed;
#[path = "../tests/interface/terminal.rs"]
mod terminal;

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use streamlens_tui::{App, Feed, Options, draw};

use crate::feed::{EngineFeed, catalogue};
use crate::terminal::Counted;

const FLOWS: u32 = 50_000;
const ROUNDS: u32 = 40;
/// The first rounds make the flows, and are not measured.
const WARM: u32 = 10;

/// The time that this thread has worked: how busy the machine is has little part in it.
fn worked() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// Times of a round: frames and look of the engine, what changed taken in, what is shown brought up to date, drawing.
#[derive(Clone, Copy, Default)]
struct Times {
    engine: Duration,
    learn: Duration,
    tick: Duration,
    draw: Duration,
    bytes: usize,
}

fn measure(filter: &str, sort: Option<&str>, rounds: u32) -> Vec<Times> {
    let mut feed = EngineFeed::many(FLOWS);
    let options = Options {
        filter: filter.to_owned(),
        sort: sort.map(str::to_owned),
        catalogue: catalogue(),
        ..Options::default()
    };
    let (mut app, mut screen) = (App::new(options), Counted::screen(140, 40));
    let mut now = feed::start();
    let mut all = Vec::new();
    for round in 0..rounds {
        let batch = feed.frames(round);
        let mut times = Times::default();
        let mut lap = worked();
        let mut lapped = || {
            let before = std::mem::replace(&mut lap, worked());
            lap - before
        };
        feed.look_at(&batch);
        times.engine = lapped();
        app.set_status(feed.status(), now);
        let changes = feed.changes();
        app.learn(&changes);
        drop(changes);
        times.learn = lapped();
        app.tick(now);
        app.fetch(&mut feed, now);
        times.tick = lapped();
        screen.draw(|buffer| draw(&mut app, buffer, now)).unwrap();
        times.draw = lapped();
        times.bytes = screen.backend().take();
        now += Duration::from_millis(100);
        all.push(times);
    }
    all.split_off(WARM.min(rounds - 1) as usize)
}

fn main() {
    // `cargo bench -- --test` shows that it works
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let rounds = if std::env::args().any(|argument| argument == "--test") { 3 } else { ROUNDS };
    println!(
        "{FLOWS} flows of RTP, a frame of each and a look every 100 ms, at 140 x 40; means of {} rounds",
        rounds.saturating_sub(WARM)
    );
    println!(
        "{:<44} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7} {:>9}",
        "", "engine", "learn", "update", "draw", "draw", "all", "ratio", "written"
    );
    for (name, filter, sort) in [
        ("no filter, by first seen", "", None),
        ("by rate", "", Some("rate")),
        ("rtp and pps > 5, by rate", "rtp and pps > 5", Some("rate")),
        ("jitter > 5ms, by jitter (nothing is left)", "jitter > 5ms", Some("jitter")),
        ("dst == 11.0.0.0/24, by packets", "11.0.0.0/24", Some("packets")),
    ] {
        if asked.as_ref().is_some_and(|asked| !name.contains(asked.as_str())) {
            continue;
        }
        let times = measure(filter, sort, rounds);
        let mean = |of: fn(&Times) -> Duration| {
            times.iter().map(of).sum::<Duration>().as_secs_f64() * 1e3 / times.len() as f64
        };
        let [engine, learn, tick, draw] =
            [mean(|times| times.engine), mean(|times| times.learn), mean(|times| times.tick), mean(|times| times.draw)];
        let own = learn + tick + draw;
        let written = times.iter().map(|times| times.bytes).sum::<usize>() as f64 * 10.0 / times.len() as f64 / 1e3;
        println!(
            "{name:<44} {engine:>6.2} ms {learn:>6.2} ms {tick:>6.2} ms {draw:>6.2} ms {:>5.2} % {own:>5.1} % {:>7.3} {written:>4.1} kB/s",
            draw,
            own / engine
        );
    }
    println!("draw and all: of a core, as 100 ms pass between two looks; ratio: all of the interface to the engine");
}
