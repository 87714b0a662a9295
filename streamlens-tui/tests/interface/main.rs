//! The interface without a terminal: screens as reviewed text, keys, every capture.

mod corpus;
mod feed;
mod keys;
mod numbers;
mod screens;
mod terminal;
mod written;

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use streamlens_tui::{App, Effect, Feed, Key, Options, draw};

use crate::feed::EngineFeed;

/// An interface that is used: keys go in, screens come out.
pub(crate) struct User {
    pub(crate) app: App,
    pub(crate) feed: EngineFeed,
    pub(crate) now: Instant,
    pub(crate) effects: Vec<Effect>,
}

impl User {
    pub(crate) fn of(feed: EngineFeed, options: Options) -> Self {
        let mut user = Self { app: App::new(options), feed, now: feed::start(), effects: Vec::new() };
        user.update();
        user
    }

    /// Of the demo capture.
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let catalogue = feed::catalogue();
        Self::of(EngineFeed::demo(), Options { catalogue, ..options })
    }

    pub(crate) fn update(&mut self) {
        self.app.set_status(self.feed.status(), self.now);
        if !self.app.is_frozen() {
            self.app.learn(&self.feed.changes());
        }
        for answer in self.feed.answers() {
            self.app.answer(answer, self.now);
        }
        self.app.tick(self.now);
        self.app.fetch(&mut self.feed, self.now);
        for effect in self.app.take_effects() {
            if let Effect::Ask(request) = &effect {
                self.feed.ask(request.clone());
            }
            self.effects.push(effect);
        }
    }

    /// Presses keys as the configuration writes them, with blanks between; `"text"` is typed.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split_whitespace() {
            match key.strip_prefix('"') {
                Some(text) => text.trim_end_matches('"').chars().for_each(|letter| {
                    let letter = if letter == '_' { ' ' } else { letter };
                    self.event(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
                }),
                None => self.event(key_event(key)),
            }
            // a second later, as people are
            self.now += Duration::from_secs(1);
            self.update();
            self.screen(80, 24);
        }
        self
    }

    fn event(&mut self, key: KeyEvent) {
        self.app.event(&Event::Key(key), self.now);
        self.update();
    }

    pub(crate) fn buffer(&mut self, width: u16, height: u16) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(&mut self.app, &mut buffer, self.now);
        buffer
    }

    /// The screen as text, without the blanks at the ends of lines.
    pub(crate) fn screen(&mut self, width: u16, height: u16) -> String {
        text(&self.buffer(width, height))
    }
}

pub(crate) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width.max(1)).map(|cells| {
        let (mut line, mut skipped) = (String::new(), 0);
        for cell in cells {
            if skipped > 0 {
                skipped -= 1;
                continue;
            }
            line.push_str(cell.symbol());
            skipped = streamlens_tui::text_width(cell.symbol()).saturating_sub(1);
        }
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn key_event(name: &str) -> KeyEvent {
    Key::parse(name).unwrap_or_else(|why| panic!("{why}")).event()
}
