//! How far reading has come, on standard error, where someone can see it and it takes a while.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use streamlens::model::Position;

use super::text;

/// Files that are read in less time get no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Time between two drawings.
const PERIOD: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: u64 = 24;

/// A line that is drawn over and over, and taken away in the end.
pub(crate) struct Progress {
    /// When the next drawing is due; `None` where nobody looks.
    due: Option<Instant>,
    is_drawn: bool,
    /// What to add while there is no end in sight.
    hint: &'static str,
}

impl Progress {
    /// A line on standard error, where that is a terminal. `hint` is added while there is no end in sight.
    pub(crate) fn on_stderr(hint: &'static str) -> Self {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let due = (io::stderr().is_terminal() && !is_dumb).then(|| now() + PATIENCE);
        Self { due, is_drawn: false, hint }
    }

    /// Draws the line where it is due.
    pub(crate) fn update(&mut self, position: Position, frames: u64) {
        let Some(due) = self.due else { return };
        let now = now();
        if now < due {
            return;
        }
        self.due = Some(now + PERIOD);
        self.is_drawn = true;
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[K{}", line(position, frames, self.hint)).and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_drawn {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a progress bar shows the time of the person who waits")]
fn now() -> Instant {
    Instant::now()
}

fn line(position: Position, frames: u64, hint: &str) -> String {
    let (read, frames) = (position.read_bytes, text::counted(frames, "frame"));
    match position.total_bytes {
        Some(total) if hint.is_empty() && total > 0 => {
            let share =
                |whole: u64| u64::try_from(u128::from(read) * u128::from(whole) / u128::from(total)).unwrap_or(0);
            let full = share(CELLS).min(CELLS) as usize;
            let bar = format!("{}{}", "#".repeat(full), ".".repeat(CELLS as usize - full));
            format!("{:3} % [{bar}] {} of {}, {frames}", share(100).min(100), text::bytes(read), text::bytes(total))
        }
        _ => format!("{} read, {frames}{hint}", text::bytes(read)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_share_that_is_read_and_no_bar_without_an_end() {
        let position = Position { read_bytes: 500, total_bytes: Some(1000) };
        assert_eq!(line(position, 7, ""), " 50 % [############............] 500 B of 1.000 kB, 7 frames");
        let position = Position { read_bytes: 500, total_bytes: None };
        assert_eq!(line(position, 1, "; Ctrl-C ends"), "500 B read, 1 frame; Ctrl-C ends");
        assert_eq!(line(Position { read_bytes: 0, total_bytes: Some(0) }, 0, ""), "0 B read, 0 frames");
    }
}
