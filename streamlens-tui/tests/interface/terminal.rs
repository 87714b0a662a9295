//! A terminal of which only what is written to it is counted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use streamlens_tui::Screen;

/// Counts the bytes that are written.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal of a size, of which only what is written to it is counted.
pub(crate) struct Counted {
    written: CrosstermBackend<Counter>,
    counter: Counter,
    size: Size,
}

impl Backend for Counted {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        self.written.draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.written.hide_cursor()
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.written.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Err(io::Error::other("a terminal that is never asked"))
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.written.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.written.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.written.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Counted {
    pub(crate) fn screen(width: u16, height: u16) -> Screen<Self> {
        let counter = Counter::default();
        let written = CrosstermBackend::new(counter.clone());
        Screen::new(Self { written, counter, size: Size::new(width, height) })
    }

    /// The bytes that were written since this was asked last.
    pub(crate) fn take(&self) -> usize {
        self.counter.0.swap(0, Ordering::Relaxed)
    }
}
