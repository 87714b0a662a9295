//! What there is to say of a live capture: one warning for each interface and kind, kept up to date.

use std::io;
use std::path::{Path, PathBuf};

use streamlens_model::{Timestamp, Warning};

use crate::interface::InterfaceInfo;
use crate::port::{Port, State};

mod code {
    pub(super) const MERGED: &str = "capture.merged";
    pub(super) const DOWN: &str = "capture.interface-down";
    pub(super) const GONE: &str = "capture.interface-gone";
    pub(super) const RING: &str = "capture.small-ring";
    pub(super) const LEFT_OUT: &str = "capture.interface-left-out";
    pub(super) const STAMPS: &str = "capture.no-adapter-stamps";
    pub(super) const CLOCK: &str = "capture.adapter-clock";
}

#[derive(Debug, Default)]
pub(crate) struct Notices {
    warnings: Vec<Warning>,
    /// Whether the adapter's stamps were asked for.
    pub(crate) asked_for_adapter: bool,
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
        let warning = Warning { code, path, byte: None, after_frame: None, text, incomplete };
        let is_same = |known: &&mut Warning| known.code == code && known.path.as_deref() == Some(Path::new(interface));
        match self.warnings.iter_mut().find(is_same) {
            Some(known) => *known = warning,
            None => self.warnings.push(warning),
        }
    }

    pub(crate) fn small_ring(&mut self, interface: &str, got: usize, asked: usize) {
        let text = format!("memory for the ring was refused: {} KiB instead of {} KiB", got >> 10, asked >> 10);
        self.say(code::RING, interface, false, text);
    }

    pub(crate) fn left_out(&mut self, info: &InterfaceInfo) {
        let text = format!("is left out: link type ARPHRD {} ({})", info.hardware_type, info.hardware_name());
        self.say(code::LEFT_OUT, &info.name, false, text);
    }

    pub(crate) fn went_down(&mut self, port: &Port, error: Option<&io::Error>) {
        let State::Down(since) = port.state else { return };
        let why = error.map_or(String::new(), |error| format!(": {error}"));
        self.say(
            code::DOWN,
            &port.info.name,
            false,
            format!("is down since {since}{why}; goes on when it is up again"),
        );
    }

    pub(crate) fn came_back(&mut self, port: &Port, now: Timestamp) {
        self.say(code::DOWN, &port.info.name, false, format!("was down, and is up again since {now}"));
    }

    pub(crate) fn gone(&mut self, port: &Port) {
        let State::Gone(since) = port.state else { return };
        self.say(code::GONE, &port.info.name, true, format!("was deleted at {since}; nothing more comes from it"));
    }

    /// Says of the interfaces what their counts tell.
    pub(crate) fn look_at(&mut self, ports: &[Port]) {
        for port in ports {
            let name = port.info.name.as_str();
            if let (1.., Some(mtu)) = (port.merged.frames, port.mtu) {
                let text = format!(
                    "{} frames of up to {} bytes are longer than the MTU of {mtu} allows: the adapter or the kernel merged \
                     them, so that counts and times are not those of the wire; ethtool -K {name} gro off lro off",
                    port.merged.frames, port.merged.longest
                );
                self.say(code::MERGED, name, false, text);
            }
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
