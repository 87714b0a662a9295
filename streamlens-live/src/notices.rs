//! What there is to say of a live capture: one warning for each interface and kind, kept up to date.

use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "pcap")]
use streamlens_model::Timestamp;
use streamlens_model::Warning;

use crate::join::Join;
#[cfg(target_os = "linux")]
use crate::port::{Port, State};

mod code {
    #[cfg(target_os = "linux")]
    pub(super) const DOWN: &str = "capture.interface-down";
    pub(super) const GONE: &str = "capture.interface-gone";
    #[cfg(target_os = "linux")]
    pub(super) const RING: &str = "capture.small-ring";
    pub(super) const LEFT_OUT: &str = "capture.interface-left-out";
    pub(super) const NOT_JOINED: &str = "capture.not-joined";
    #[cfg(target_os = "linux")]
    pub(super) const STAMPS: &str = "capture.no-adapter-stamps";
    #[cfg(target_os = "linux")]
    pub(super) const CLOCK: &str = "capture.adapter-clock";
}

/// What stands in a warning between the latest event of an interface and those before it, which were told then.
pub const BEFORE_THAT: &str = "; before that: ";

#[derive(Debug, Default)]
pub(crate) struct Notices {
    warnings: Vec<Warning>,
    /// Whether the adapter's stamps were asked for.
    #[cfg(target_os = "linux")]
    pub(crate) asked_for_adapter: bool,
}

fn is_about(warning: &Warning, code: &str, interface: &str) -> bool {
    warning.code == code && warning.path.as_deref() == Some(Path::new(interface))
}

impl Notices {
    pub(crate) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    pub(crate) fn clear(&mut self) {
        self.warnings.clear();
    }

    /// Says something, in place of what was said of the same before.
    fn say(&mut self, code: &'static str, interface: &str, incomplete: bool, text: String) {
        let path = Some(PathBuf::from(interface));
        let warning = Warning { code: code.into(), path, byte: None, after_frame: None, text, incomplete };
        match self.warnings.iter_mut().find(|known| is_about(known, code, interface)) {
            Some(known) => *known = warning,
            None => self.warnings.push(warning),
        }
    }

    pub(crate) fn left_out(&mut self, interface: &str, why: &str) {
        self.say(code::LEFT_OUT, interface, false, format!("is left out: {why}"));
    }

    /// A multicast group that was asked for is not asked for on an interface.
    pub(crate) fn not_joined(&mut self, interface: &str, group: &Join, why: &io::Error) {
        self.say(code::NOT_JOINED, interface, false, format!("the group {group} is not asked for here: {why}"));
    }

    /// Nothing more comes from an interface.
    #[cfg(feature = "pcap")]
    pub(crate) fn ended(&mut self, interface: &str, since: Timestamp, why: &str) {
        self.say(code::GONE, interface, true, format!("ended at {since}: {why}; nothing more comes from it"));
    }
}

#[cfg(target_os = "linux")]
impl Notices {
    pub(crate) fn small_ring(&mut self, interface: &str, got: usize, asked: usize) {
        let text = format!("memory for the ring was refused: {} KiB instead of {} KiB", got >> 10, asked >> 10);
        self.say(code::RING, interface, false, text);
    }

    /// Says that an interface gives nothing, since when and why, and when it did not before; nothing where it always did.
    pub(crate) fn state_of(&mut self, port: &Port, error: Option<&io::Error>) {
        let why = error.map_or(String::new(), |error| format!(": {error}"));
        let (now, before) = match (port.state, port.outages.text()) {
            (State::Gone(_), _) => return,
            (State::Up, before) if before.is_empty() => return,
            (State::Up, before) => ("is up again".to_owned(), before),
            // since when is not known
            (State::Down(since), _) if since == port.opened => (
                "is down, and was when the capture began; frames are captured as soon as it is up".to_owned(),
                String::new(),
            ),
            (State::NoCarrier(since), _) if since == port.opened => (
                "has no carrier, and had none when the capture began: the cable or the other end is missing".to_owned(),
                String::new(),
            ),
            (State::Down(since), before) => {
                (format!("is down since {since}{why}; goes on when it is up again"), before)
            }
            (State::NoCarrier(since), before) => (
                format!("has no carrier since {since}: the cable or the other end is missing; goes on when it is back"),
                before,
            ),
        };
        let text = match (port.state, before.is_empty()) {
            (_, true) => now,
            (State::Up, _) => format!("{now}; {before}"),
            _ => format!("{now}{BEFORE_THAT}{before}"),
        };
        self.say(code::DOWN, &port.info.name, false, text);
    }

    pub(crate) fn gone(&mut self, port: &Port) {
        let State::Gone(since) = port.state else { return };
        // it is no longer of use to say when it goes on
        let before = port.outages.text();
        self.warnings.retain(|known| !is_about(known, code::DOWN, &port.info.name));
        if !before.is_empty() {
            self.say(code::DOWN, &port.info.name, false, before);
        }
        self.say(code::GONE, &port.info.name, true, format!("was deleted at {since}; nothing more comes from it"));
    }

    /// Says of the interfaces what their counts tell.
    pub(crate) fn look_at(&mut self, ports: &[Port]) {
        for port in ports {
            let name = port.info.name.as_str();
            if let Some(ahead) = port.adapter_ahead {
                let (side, seconds) =
                    (if ahead < 0 { "behind" } else { "ahead of" }, ahead.unsigned_abs() as f64 / 1e9);
                let text =
                    format!("the adapter's clock began {seconds:.6} s {side} system time; TAI is 37 s ahead of UTC");
                self.say(code::CLOCK, name, false, text);
            }
            if self.asked_for_adapter && port.stamps.kernel > 0 {
                let text = format!(
                    "the adapter's time stamps were asked for, and {} of {} frames have the kernel's",
                    port.stamps.kernel,
                    port.stamps.kernel + port.stamps.adapter
                );
                self.say(code::STAMPS, name, false, text);
            }
        }
    }
}
