//! What keys do.

use std::time::Instant;

use crossterm::event::{Event, KeyEvent, KeyEventKind};
use streamlens_model::Severity;

use super::{App, Effect, View};
use crate::keys::{Command, Key, Scope};

impl App {
    /// Takes an event of the terminal.
    pub fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key, now),
            Event::Resize(..) | Event::FocusGained => self.is_changed = true,
            _ => {}
        }
    }

    fn key(&mut self, key: &KeyEvent, now: Instant) {
        self.touched = Some(now);
        self.is_changed = true;
        let scope = match self.view() {
            View::Flows => Scope::Tree,
        };
        if let Some(command) = self.options.keys.command(Key::of(key), scope) {
            self.command(command, now);
        }
    }

    /// Does what a command says.
    pub fn command(&mut self, command: Command, now: Instant) {
        self.is_changed = true;
        match command {
            Command::Quit => self.effects.push(Effect::Quit),
            Command::Suspend => self.effects.push(Effect::Suspend),
            Command::Freeze => self.freeze(now),
            Command::TimeFormat => {
                self.format.times = self.format.times.next();
                self.say(format!("times: {}", self.format.times.name()), now);
            }
            _ => match self.view() {
                View::Flows => self.in_tree(command, now),
            },
        }
    }

    fn freeze(&mut self, now: Instant) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(now),
        };
    }

    fn in_tree(&mut self, command: Command, now: Instant) {
        let page = isize::try_from(self.height.saturating_sub(1).max(1)).unwrap_or(1);
        let (tree, table) = (&mut self.tree, &self.table);
        match command {
            Command::Up => tree.step(-1, table),
            Command::Down => tree.step(1, table),
            Command::PageUp => tree.step(-page, table),
            Command::PageDown => tree.step(page, table),
            Command::First => tree.first(),
            Command::Last => tree.last(table),
            Command::Open => tree.open(table),
            Command::Close => tree.close(table),
            Command::Types => tree.turn_types(table),
            Command::OpenAll => tree.open_all(true, table),
            Command::CloseAll => tree.open_all(false, table),
            Command::Idle => {
                self.narrowing.turn_idle();
                self.renew(now);
            }
            Command::Info => self.severity(Severity::Info, now),
            Command::Warnings => self.severity(Severity::Warning, now),
            Command::Errors => self.severity(Severity::Error, now),
            Command::Clear => {
                self.narrowing.clear();
                self.renew(now);
            }
            Command::Turn => {
                self.order.turn();
                self.renew(now);
            }
            _ => {}
        }
    }

    fn severity(&mut self, severity: Severity, now: Instant) {
        self.narrowing.turn_severity(severity);
        self.renew(now);
    }
}
