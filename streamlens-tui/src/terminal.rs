//! The terminal: taken over, given back whole in every way that a program can end, and drawn to where something changed.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, event, execute, terminal};
use ratatui::backend::{Backend, ClearType};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Whether the terminal is taken over: there is one, so there is one flag.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether mouse reports were asked for.
static HAS_MOUSE: AtomicBool = AtomicBool::new(false);
/// Whether something has panicked: nothing is drawn over what it says.
static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

/// Reports of the mouse that are on their way when it is turned off come within this time.
const DRAIN: Duration = Duration::from_millis(20);

/// The terminal while it is taken over. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Taken(());

impl Taken {
    /// Takes the terminal over: raw, on the other screen, with reports of the mouse where they are wanted.
    pub(crate) fn take(has_mouse: bool) -> io::Result<Self> {
        restore_on_panic();
        enter(has_mouse)?;
        Ok(Self(()))
    }

    /// Gives the terminal back, and takes it over again behind what `meanwhile` does.
    pub(crate) fn lend(&self, meanwhile: impl FnOnce()) -> io::Result<()> {
        let has_mouse = HAS_MOUSE.load(Ordering::Relaxed);
        leave();
        meanwhile();
        enter(has_mouse)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        leave();
    }
}

/// Whether something has panicked.
pub(crate) fn has_panicked() -> bool {
    HAS_PANICKED.load(Ordering::Acquire)
}

fn enter(has_mouse: bool) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::Release);
    HAS_MOUSE.store(has_mouse, Ordering::Relaxed);
    let mut out = io::stdout();
    let entered = execute!(out, EnterAlternateScreen, cursor::Hide, EnableBracketedPaste);
    let entered = entered.and_then(|()| if has_mouse { execute!(out, EnableMouseCapture) } else { Ok(()) });
    if entered.is_err() {
        leave();
    }
    entered
}

/// Gives the terminal back, once. What fails has no remedy: the terminal may be gone.
fn leave() {
    if !IS_TAKEN.swap(false, Ordering::AcqRel) {
        return;
    }
    let mut out = io::stdout();
    if HAS_MOUSE.load(Ordering::Relaxed) {
        let _ = execute!(out, DisableMouseCapture);
        // what the mouse did meanwhile would be typed into the shell
        while event::poll(DRAIN).unwrap_or(false) {
            if event::read().is_err() {
                break;
            }
        }
    }
    let _ = execute!(out, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = terminal::disable_raw_mode();
    let _ = out.flush();
}

/// From now on a panic on any thread gives the terminal back before it is told.
fn restore_on_panic() {
    static IS_SET: AtomicBool = AtomicBool::new(false);
    if IS_SET.swap(true, Ordering::AcqRel) {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        HAS_PANICKED.store(true, Ordering::Release);
        leave();
        before(info);
    }));
}

/// What is on the terminal, and how it becomes what is to be there: only cells that differ are written.
///
/// Not `ratatui::Terminal`, which asks the terminal where its cursor is when it is cleared, and fails where no answer comes.
#[derive(Debug)]
pub struct Screen<B: Backend> {
    backend: B,
    shown: Buffer,
    next: Buffer,
}

impl<B: Backend> Screen<B> {
    /// A screen of which nothing is known.
    pub fn new(backend: B) -> Self {
        Self { backend, shown: Buffer::default(), next: Buffer::default() }
    }

    /// Draws: `draw` gets an empty buffer of the terminal's size.
    ///
    /// # Errors
    ///
    /// Where the terminal can't be written to.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> Result<(), B::Error> {
        let size = self.backend.size()?;
        let area = Rect::new(0, 0, size.width, size.height);
        self.next.resize(area);
        self.next.reset();
        draw(&mut self.next);
        if self.shown.area != area {
            self.backend.clear_region(ClearType::All)?;
            self.shown = Buffer::empty(area);
        }
        let changed = self.shown.diff(&self.next);
        if !changed.is_empty() {
            self.backend.draw(changed.into_iter())?;
            self.backend.flush()?;
        }
        std::mem::swap(&mut self.shown, &mut self.next);
        Ok(())
    }

    /// Forgets what is on the terminal: the next drawing writes all of it.
    pub fn forget(&mut self) {
        self.shown = Buffer::default();
    }

    /// What it writes to.
    pub fn backend(&mut self) -> &mut B {
        &mut self.backend
    }

    /// What was drawn last.
    #[must_use]
    pub fn shown(&self) -> &Buffer {
        &self.shown
    }
}
