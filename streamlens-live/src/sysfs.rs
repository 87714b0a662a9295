//! What the system says of an interface in files (`/sys/class/net`). They are opened before rights are given up, and read again
//! and again.

use std::fs::File;
use std::os::unix::fs::FileExt;

use streamlens_model::{LinkState, Timestamp};

use crate::interface::InterfaceInfo;

/// The adapter's own counters.
pub(crate) struct AdapterDrops {
    files: Vec<File>,
    at_start: u64,
}

impl AdapterDrops {
    pub(crate) fn open(interface: &InterfaceInfo) -> Option<Self> {
        let counters = ["statistics/rx_missed_errors", "statistics/rx_fifo_errors"];
        let files = counters.into_iter().map(|counter| open(interface, counter)).collect::<Option<Vec<_>>>()?;
        let mut drops = Self { files, at_start: 0 };
        drops.at_start = drops.read()?;
        Some(drops)
    }

    /// Frames since it was opened.
    pub(crate) fn so_far(&self) -> Option<u64> {
        Some(self.read()?.saturating_sub(self.at_start))
    }

    fn read(&self) -> Option<u64> {
        self.files.iter().map(read_number).sum()
    }
}

/// Of its link.
#[derive(Debug)]
pub(crate) struct LinkFiles {
    carrier: Option<File>,
    mtu: Option<File>,
    speed: Option<File>,
}

impl LinkFiles {
    pub(crate) fn open(interface: &InterfaceInfo) -> Self {
        let open = |what| open(interface, what);
        Self { carrier: open("carrier"), mtu: open("mtu"), speed: open("speed") }
    }

    /// Whether frames can come. The flags of a list tell of a carrier up to a second later than this.
    pub(crate) fn state(&self, listed: &InterfaceInfo, now: Timestamp) -> LinkState {
        let carrier = self.carrier.as_ref().and_then(read_number).map(|carrier| carrier > 0);
        match (listed.is_up, carrier.unwrap_or(listed.is_running)) {
            (false, _) => LinkState::Down(now),
            (true, false) => LinkState::NoCarrier(now),
            (true, true) => LinkState::Up,
        }
    }

    /// In bytes.
    pub(crate) fn mtu(&self) -> Option<u32> {
        self.mtu.as_ref().and_then(read_number).and_then(|mtu| u32::try_from(mtu).ok())
    }

    /// In bits per second.
    pub(crate) fn speed(&self) -> Option<u64> {
        // in megabits per second; -1, which is no number here, where the driver doesn't know
        let megabits = self.speed.as_ref().and_then(read_number).filter(|speed| *speed > 0);
        megabits.and_then(|speed| speed.checked_mul(1_000_000))
    }
}

/// Opens a file about an interface. In a network namespace of its own the folder may be that of another, which has other numbers.
fn open(interface: &InterfaceInfo, what: &str) -> Option<File> {
    let open = |what: &str| File::open(format!("/sys/class/net/{}/{what}", interface.name)).ok();
    let number = read_number(&open("ifindex")?)?;
    open(what).filter(|_| number == u64::from(interface.index))
}

fn read_number(file: &File) -> Option<u64> {
    let mut text = [0; 32];
    let count = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(text.get(..count)?).ok()?.trim().parse().ok()
}
