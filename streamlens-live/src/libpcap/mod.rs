//! Interfaces as one source of frames, through libpcap. For systems without the kernel's ring that Linux has, and for
//! programs that want it.

mod interface;
mod port;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use streamlens_model::{FrameBatch, FrameSource, Interface, SourceError, Timestamp, Warning};

pub use interface::PcapInterface;

use crate::choose::choose;
use crate::clock;
use crate::error::LiveError;
use crate::in_order::{InOrder, MOST_HELD, ORDER, SETTLED, before};
use crate::join::on_all;
use crate::notices::Notices;
use crate::options::{LiveOptions, StampType};
use port::Port;

/// The longest that a single interface is waited on for a frame. libpcap is never let wait: that of Linux doesn't come back
/// before there is a frame, whatever time it is given.
const WAIT: Duration = Duration::from_millis(50);
/// After so long the kernel hands over a block that is not full.
const RETIRE: Duration = Duration::from_millis(20);
/// A batch is full from here on.
const BATCH_BYTES: usize = 1 << 20;
/// How often counters are read.
const UPKEEP: Duration = Duration::from_secs(1);

/// Frames of interfaces through libpcap, put in order by time where they are several. See [`FrameSource`]; it gives an empty
/// batch at least every 50 ms where there is no frame.
///
/// [`LiveOptions`] mean what they mean for Linux's own capture, but that:
///
/// - the filter is in libpcap's language (man `pcap-filter`): `udp port 319` finds no tagged frames, `vlan` changes what the terms
///   behind it see;
/// - stamps are the kernel's, in nanoseconds on Linux and in microseconds elsewhere; the adapter's are refused, since libpcap
///   doesn't say which of the two a frame has;
/// - frames that were merged by the adapter or the kernel are not recognised, for libpcap doesn't know the MTU;
/// - how many frames were dropped is known, and not where; what the adapter dropped is known on Linux in promiscuous mode
///   alone;
/// - that an interface goes down is not told: on Linux it goes on when it is up again, elsewhere it has ended where libpcap gives
///   it up. One that is deleted has ended;
/// - groups of IPv6 are asked for on Linux alone;
/// - on the loopback of Linux what the ring drops counts twice, going out and coming in.
#[derive(Debug)]
pub struct PcapSource {
    ports: Vec<Port>,
    interfaces: Vec<Interface>,
    notices: Notices,
    name: String,
    stop: Arc<AtomicBool>,
    /// Since the capture was told to stop: what is in the rings then is still taken, for so long.
    until: Option<Instant>,
    has_ended: bool,
    frames: u64,
    next_upkeep: Instant,
    in_order: InOrder,
    /// Sockets that have joined groups.
    _joined: Vec<socket2::Socket>,
}

impl PcapSource {
    /// Opens the interfaces. Frames are captured from here on.
    ///
    /// # Errors
    ///
    /// Where the right to capture is missing, an interface is not there, down or of an unknown kind, the filter is wrong, or
    /// something is asked for that libpcap can't do; see [`LiveError`].
    pub fn open(options: &LiveOptions) -> Result<Self, LiveError> {
        if options.stamps == StampType::AdapterUnsynced {
            return Err(LiveError::Libpcap {
                interface: options.interfaces.join(", "),
                said: "stamps of the adapter can't be had through libpcap; leave --time-stamp-type out".to_owned(),
                is_denied: false,
            });
        }
        let mut notices = Notices::default();
        let chosen = choose(options, &mut notices, PcapInterface::list)?;
        let joined = on_all(&options.joins, &chosen, &mut notices, |info| (info.number(), &info.addresses))?;
        let mut ports = Vec::new();
        for info in &chosen {
            match Port::open(&info.name, options) {
                Ok(port) => ports.push(port),
                // `any` takes what can be read
                Err(LiveError::Libpcap { said, is_denied: false, .. }) if !options.interfaces.contains(&info.name) => {
                    notices.left_out(&info.name, &said);
                }
                Err(error) => return Err(error),
            }
        }
        if ports.is_empty() {
            return Err(LiveError::NoneUp);
        }
        Ok(Self {
            interfaces: ports.iter().map(Port::describe).collect(),
            name: ports.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", "),
            ports,
            notices,
            stop: Arc::clone(&options.stop),
            until: None,
            has_ended: false,
            frames: 0,
            next_upkeep: clock::instant() + UPKEEP,
            in_order: InOrder::new(),
            _joined: joined,
        })
    }

    /// The interfaces that libpcap lists.
    ///
    /// # Errors
    ///
    /// Where it refuses to.
    pub fn list() -> std::io::Result<Vec<PcapInterface>> {
        PcapInterface::list()
    }

    /// Takes what has come in; true where there was a frame.
    fn take(&mut self, batch: &mut FrameBatch) -> bool {
        let is_alone = self.ports.len() == 1;
        let into = if is_alone { &mut *batch } else { &mut self.in_order.held };
        let before = into.len();
        for (port, interface) in self.ports.iter_mut().zip(0..) {
            // none of several may hold another up, or order is lost: each gets room of its own
            let room = if is_alone { BATCH_BYTES } else { into.bytes.len() + MOST_HELD };
            if let Err(why) = port.take(interface, into, room) {
                self.notices.ended(&port.name, clock::now(), &why);
            }
        }
        into.len() > before
    }

    /// Waits until an interface has a frame, or for some time.
    fn wait(&self) {
        let most = if self.ports.len() > 1 { ORDER } else { WAIT };
        #[cfg(target_os = "linux")]
        {
            use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
            let sockets = self.ports.iter().filter_map(Port::as_fd);
            let mut sockets: Vec<PollFd<'_>> = sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
            let timeout = PollTimeout::try_from(most).unwrap_or(PollTimeout::ZERO);
            let is_done = poll(&mut sockets, timeout).is_ok();
            let has_frames = |socket: &PollFd<'_>| socket.revents().is_some_and(|events| events == PollFlags::POLLIN);
            let has_nothing = |socket: &PollFd<'_>| socket.revents().is_some_and(|events| events.is_empty());
            if is_done && (sockets.iter().any(has_frames) || sockets.iter().all(has_nothing)) {
                return;
            }
        }
        // an error waits on a socket, or nothing can be waited for: never spin
        thread::sleep(most.min(ORDER / 2));
    }

    /// Brings counts up to date.
    fn count(&mut self) {
        for (port, interface) in self.ports.iter_mut().zip(&mut self.interfaces) {
            port.count();
            *interface = port.describe();
        }
    }
}

impl FrameSource for PcapSource {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        batch.first_number = self.frames + 1;
        if self.has_ended {
            return Ok(false);
        }
        let now = clock::instant();
        if self.until.is_none() && self.stop.load(Ordering::Relaxed) {
            self.until = Some(now + SETTLED);
        }
        if now >= self.next_upkeep {
            self.next_upkeep = now + UPKEEP;
            self.count();
        }
        if !self.take(batch) {
            if self.until.is_none() {
                self.wait();
                self.take(batch);
            } else {
                thread::sleep(ORDER / 4);
            }
        }
        if self.until.is_some_and(|until| now >= until) || self.ports.iter().all(Port::has_ended) {
            self.in_order.hand_out_until(None, batch);
            self.count();
            self.has_ended = true;
        } else if self.ports.len() > 1 {
            self.in_order.hand_out(batch);
        }
        self.frames += batch.len() as u64;
        let settled = Some(before(clock::now(), SETTLED));
        batch.now = settled.max(batch.records.last().and_then(|record| record.time));
        Ok(!self.has_ended || !batch.is_empty())
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn warnings(&self) -> &[Warning] {
        self.notices.warnings()
    }

    fn format(&self) -> &'static str {
        "live"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn timestamp_source(&self) -> &'static str {
        if self.frames > 0 { "kernel" } else { "unknown" }
    }
}

/// The time of a header: what libpcap calls microseconds are nanoseconds where that precision was asked for.
fn time(seconds: impl Into<i64>, fraction: impl Into<i64>, unit_ns: i64) -> Timestamp {
    let whole = seconds.into().saturating_mul(1_000_000_000);
    Timestamp::from_nanos(whole.saturating_add(fraction.into().saturating_mul(unit_ns)))
}
