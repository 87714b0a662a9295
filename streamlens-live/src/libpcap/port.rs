//! One interface, as libpcap reads it.

use pcap::{Active, Capture, Error};
use streamlens_model::{Frame, FrameBatch, Interface, LinkType, LiveCounts};

use super::{RETIRE, time};
use crate::error::LiveError;
use crate::options::LiveOptions;

/// So many frames are taken in one go: those of 256 KiB make 64 MiB, and the usual ones less than a batch.
const AT_ONCE: usize = 256;

pub(super) struct Port {
    pub(super) name: String,
    link_type: LinkType,
    snap_length: u32,
    /// Nanoseconds of one unit of time stamps.
    unit_ns: u32,
    capture: Option<Capture<Active>>,
    frames: u64,
    dropped_by_ring: Total,
    /// Where libpcap tells it.
    dropped_by_adapter: Option<Total>,
}

/// A count of libpcap, which has 32 bits and begins again from 0 behind them, added up.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    last: u32,
    total: u64,
}

impl Total {
    fn add(&mut self, now: u32) {
        self.total += u64::from(now.wrapping_sub(self.last));
        self.last = now;
    }
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("name", &self.name).field("link_type", &self.link_type).finish_non_exhaustive()
    }
}

impl Port {
    /// Opens an interface.
    pub(super) fn open(name: &str, options: &LiveOptions) -> Result<Self, LiveError> {
        let refused = |error: Error| refused(name, &error);
        let number = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        let inactive = Capture::from_device(name)
            .map_err(refused)?
            .promisc(options.promiscuous)
            .snaplen(number(u64::from(options.snap_length)))
            .buffer_size(number(options.ring_bytes as u64))
            .timeout(number(RETIRE.as_millis() as u64))
            // else BSD hands nothing over before its buffer is full; on Linux each frame would take the room of the longest
            .immediate_mode(cfg!(not(target_os = "linux")));
        // libpcap doesn't say whether it was granted; on Linux it always is
        #[cfg(target_os = "linux")]
        let inactive = inactive.precision(pcap::Precision::Nano);
        let mut capture = inactive.open().map_err(refused)?;
        let link_type = link_type(&capture).map_err(|said| LiveError::Libpcap {
            interface: name.to_owned(),
            said,
            is_denied: false,
        })?;
        if !options.filter.is_empty() {
            capture.filter(&options.filter, true).map_err(|error| LiveError::LibpcapFilter(words(&error)))?;
        }
        let capture = capture.setnonblock().map_err(refused)?;
        let tells_adapter = cfg!(target_os = "linux") && options.promiscuous;
        Ok(Self {
            name: name.to_owned(),
            link_type,
            snap_length: options.snap_length,
            unit_ns: if cfg!(target_os = "linux") { 1 } else { 1000 },
            capture: Some(capture),
            frames: 0,
            dropped_by_ring: Total::default(),
            dropped_by_adapter: tells_adapter.then(Total::default),
        })
    }

    #[cfg(target_os = "linux")]
    pub(super) fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.capture.as_ref().map(std::os::fd::AsFd::as_fd)
    }

    /// Takes what has come in, until the batch holds that many bytes; each time [`AT_ONCE`] frames whatever their bytes.
    /// What libpcap said where the interface has ended with that.
    pub(super) fn take(&mut self, interface: u32, batch: &mut FrameBatch, room: usize) -> Result<(), String> {
        let Self { capture: Some(capture), link_type, unit_ns, frames, .. } = self else { return Ok(()) };
        loop {
            let taken = capture.dispatch(Some(AT_ONCE), |packet| {
                let header = packet.header;
                batch.push(&Frame {
                    number: 0,
                    time: Some(time(header.ts.tv_sec, header.ts.tv_usec, i64::from(*unit_ns))),
                    link_type: *link_type,
                    interface,
                    original_length: header.len,
                    data: packet.data,
                });
            });
            match taken {
                Ok(taken) => {
                    *frames += taken as u64;
                    if taken < AT_ONCE || batch.bytes.len() >= room {
                        return Ok(());
                    }
                }
                Err(error) => {
                    self.count();
                    self.capture = None;
                    return Err(words(&error));
                }
            }
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.capture.is_none()
    }

    /// Reads the counters.
    pub(super) fn count(&mut self) {
        let Some(Ok(counts)) = self.capture.as_mut().map(Capture::stats) else { return };
        self.dropped_by_ring.add(counts.dropped);
        if let Some(by_adapter) = &mut self.dropped_by_adapter {
            by_adapter.add(counts.if_dropped);
        }
    }

    /// The interface as the result shows it. That frames read and frames dropped are what passed the filter holds by
    /// definition: what libpcap counts as received differs by system.
    pub(super) fn describe(&self) -> Interface {
        let mut counts = LiveCounts { accepted: self.frames + self.dropped_by_ring.total, ..LiveCounts::default() };
        counts.dropped.ring = self.dropped_by_ring.total;
        counts.dropped.adapter = self.dropped_by_adapter.map(|by_adapter| by_adapter.total);
        Interface {
            speed: None,
            name: Some(self.name.clone()),
            link_type: self.link_type,
            snap_length: self.snap_length,
            resolution_ns: self.unit_ns.into(),
            dropped: Some(counts.dropped.ring + counts.dropped.adapter.unwrap_or(0)),
            counts: Some(counts),
        }
    }
}

/// How frames begin, from libpcap's number (`DLT_`), which differs from that of files for raw IP alone.
fn link_type(capture: &Capture<Active>) -> Result<LinkType, String> {
    let found = capture.get_datalink();
    let link_type = match found.0 {
        12 if cfg!(target_os = "openbsd") => LinkType::LOOP,
        12 | 14 => LinkType::RAW,
        number => u16::try_from(number).map_or(LinkType::UNDESCRIBED, LinkType),
    };
    const READ: [LinkType; 12] = [
        LinkType::NULL,
        LinkType::ETHERNET,
        LinkType::PPP,
        LinkType::PPP_HDLC,
        LinkType::PPP_ETHER,
        LinkType::RAW,
        LinkType::LOOP,
        LinkType::LINUX_SLL,
        LinkType::LINUX_SLL2,
        LinkType::IPV4,
        LinkType::IPV6,
        LinkType::NFLOG,
    ];
    if READ.contains(&link_type) {
        return Ok(link_type);
    }
    let name = found.get_name().unwrap_or_else(|_| "unknown".to_owned());
    Err(format!("frames of link type DLT {} ({name}) are not read; capture on another interface", found.0))
}

/// What libpcap said.
fn words(error: &Error) -> String {
    match error {
        Error::PcapError(said) if !said.is_empty() => said.clone(),
        _ => error.to_string(),
    }
}

fn refused(name: &str, error: &Error) -> LiveError {
    let said = words(error);
    // there is no number for it, and systems differ in what they say
    let is_denied = ["permi", "denied", "privilege"].iter().any(|word| said.to_lowercase().contains(word));
    let how = if cfg!(target_os = "linux") {
        "; give the program CAP_NET_RAW, or run it with sudo"
    } else {
        "; run it with sudo, or as a user who may read the capture devices (/dev/bpf*)"
    };
    let said = format!("libpcap: {said}{}", if is_denied { how } else { "" });
    LiveError::Libpcap { interface: name.to_owned(), said, is_denied }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_32_bits_are_added_up_over_their_end() {
        let mut total = Total::default();
        for now in [5, 5, u32::MAX, 3, 10] {
            total.add(now);
        }
        assert_eq!(total.total, (1 << 32) + 10);
    }

    #[test]
    fn stamps_are_nanoseconds_by_their_unit() {
        assert_eq!(time(2_i32, 999_999_999_i64, 1).as_nanos(), 2_999_999_999);
        assert_eq!(time(2_i64, 999_999_i32, 1000).as_nanos(), 2_999_999_000);
        assert_eq!(time(i64::MAX, 1_i32, 1000).as_nanos(), i64::MAX);
    }
}
