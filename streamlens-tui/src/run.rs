//! The loop: events of the terminal, changes of the analysis, signals; draws where something changed.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};

use crate::app::{App, Effect, Options};
use crate::draw::draw;
use crate::feed::{Feed, Kind};
use crate::terminal::{Screen, Taken, has_panicked};

/// The terminal is listened to for at most so long before the analysis is asked again.
const WAIT: Duration = Duration::from_millis(50);
/// And for so long while a file is read, whose end somebody waits for.
const WAIT_FOR_FILE: Duration = Duration::from_millis(10);

/// Signals that end the interface, and the one that suspends it.
struct Signals {
    ends: Arc<AtomicBool>,
    suspends: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> io::Result<Self> {
        let signals = Self { ends: Arc::default(), suspends: Arc::default() };
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal_hook::flag::register(signal, Arc::clone(&signals.ends))?;
        }
        signal_hook::flag::register(SIGTSTP, Arc::clone(&signals.suspends))?;
        Ok(signals)
    }
}

/// Takes the terminal over and shows what a feed gives, until the user or a signal ends it. The terminal is given back
/// whole, whatever happens.
///
/// # Errors
///
/// Where the terminal can't be used.
pub fn run(mut options: Options, feed: &mut dyn Feed) -> io::Result<()> {
    let signals = Signals::register()?;
    options.theme = options.theme.resolved();
    let taken = Taken::take(options.has_mouse)?;
    let mut screen = Screen::new(CrosstermBackend::new(BufWriter::with_capacity(1 << 14, io::stdout())));
    let result = show(&mut App::new(options), feed, &mut screen, &taken, &signals);
    drop(screen);
    drop(taken);
    result
}

type Terminal = Screen<CrosstermBackend<BufWriter<Stdout>>>;

fn show(app: &mut App, feed: &mut dyn Feed, screen: &mut Terminal, taken: &Taken, signals: &Signals) -> io::Result<()> {
    let refresh = app.options.refresh;
    let mut drawn: Option<Instant> = None;
    let mut is_due = true;
    loop {
        if has_panicked() || signals.ends.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut now = clock();
        let rest = drawn.map_or(Duration::ZERO, |drawn| refresh.saturating_sub(now.saturating_duration_since(drawn)));
        let is_reading = app.status.kind == Kind::File && !app.status.has_ended;
        let most = if is_reading { WAIT_FOR_FILE } else { WAIT };
        let mut has_event = event::poll(if is_due { rest.min(most) } else { most })?;
        now = clock();
        while has_event {
            let event = event::read()?;
            if matches!(event, Event::Resize(..)) {
                // it may have become smaller and as large again meanwhile, which has cut off what is there
                screen.forget();
            }
            app.event(&event, now);
            has_event = event::poll(Duration::ZERO)?;
        }
        update(app, feed, now);
        if signals.suspends.swap(false, Ordering::Relaxed) {
            suspend(screen, taken, signals)?;
            is_due = true;
        }
        for effect in app.take_effects() {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Suspend => {
                    suspend(screen, taken, signals)?;
                    is_due = true;
                }
                Effect::Copy(text) => crate::copy::copy(screen.backend(), &text)?,
                Effect::Ask(request) => feed.ask(request),
            }
        }
        is_due |= app.take_changed();
        let is_time = drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= refresh);
        if is_due && is_time && !has_panicked() {
            screen.draw(|buffer| draw(app, buffer, now))?;
            (drawn, is_due) = (Some(now), false);
        }
    }
}

/// Takes in what is new.
pub(crate) fn update(app: &mut App, feed: &mut dyn Feed, now: Instant) {
    app.set_status(feed.status(), now);
    if !app.is_frozen() {
        app.learn(&feed.changes());
    }
    for answer in feed.answers() {
        app.answer(answer, now);
    }
    app.tick(now);
    app.fetch(feed, now);
}

/// Stops the process as Ctrl-Z does elsewhere; `fg` goes on.
fn suspend(screen: &mut Terminal, taken: &Taken, signals: &Signals) -> io::Result<()> {
    taken.lend(|| {
        // where it can't be stopped, it goes on
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
    })?;
    signals.suspends.store(false, Ordering::Relaxed);
    screen.forget();
    screen.backend().flush()
}

#[expect(clippy::disallowed_methods, reason = "the interface draws at the pace of the person who looks")]
fn clock() -> Instant {
    Instant::now()
}
