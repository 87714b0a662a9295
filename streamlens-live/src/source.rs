//! Interfaces as one source of frames.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use streamlens_model::{DropPlace, FrameBatch, FrameSource, Interface, SourceError, Timestamp, Warning};

use crate::choose::choose;
use crate::clock;
use crate::error::LiveError;
use crate::in_order::{InOrder, MOST_HELD, ORDER, SETTLED, before};
use crate::interface::interfaces;
use crate::join::on_all;
use crate::link_events::LinkEvents;
use crate::notices::Notices;
use crate::options::{LiveOptions, StampType};
use crate::port::{BATCH_BYTES, Port, RETIRE, State};

/// The longest that `read_batch` waits for a frame.
const WAIT: Duration = Duration::from_millis(50);
/// Between two batches with frames, unless there was much to read: many small ones cost more than their frames.
const PACE: Duration = Duration::from_millis(20);
/// How often counters and states of interfaces are read; states also as soon as the kernel says that one is another.
const UPKEEP: Duration = Duration::from_secs(1);
/// So many places where frames were dropped are kept apart; what is dropped later counts for the last of them.
const MOST_PLACES: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// The rings are closed and emptied; no earlier than then the last frame has been handed over.
    Draining(Instant),
    Ended,
}

/// Frames of interfaces, put in order by time where they are several. See [`FrameSource`]; it gives an empty batch at least
/// every 50 ms where there is no frame.
#[derive(Debug)]
pub struct LiveSource {
    ports: Vec<Port>,
    interfaces: Vec<Interface>,
    notices: Notices,
    name: String,
    stop: Arc<AtomicBool>,
    phase: Phase,
    frames: u64,
    next_upkeep: Instant,
    /// No ring is read before.
    next_take: Instant,
    link_events: Option<LinkEvents>,
    in_order: InOrder,
    /// Where rings dropped frames; and where they did in front of frames that are not handed out yet.
    drop_places: Vec<DropPlace>,
    coming_drops: Vec<(Timestamp, u64)>,
    /// Sockets that have joined groups.
    _joined: Vec<socket2::Socket>,
}

impl LiveSource {
    /// Opens the interfaces. Frames are captured from here on.
    ///
    /// # Errors
    ///
    /// Where the right to capture is missing, an interface is not there, down or of an unknown kind, or the filter is wrong;
    /// see [`LiveError`].
    pub fn open(options: &LiveOptions) -> Result<Self, LiveError> {
        crate::filter::Filter::check(&options.filter)?;
        let mut notices = Notices::default();
        // before states are read, so that no change is missed
        let link_events = LinkEvents::open();
        let chosen = choose(options, &mut notices, interfaces)?;
        let joined = on_all(&options.joins, &chosen, &mut notices, |info| (Some(info.index), &info.addresses))?;
        let ports = chosen.into_iter().map(|info| Port::open(info, options)).collect::<Result<Vec<_>, _>>()?;
        for port in ports.iter().filter(|port| port.ring < options.ring_bytes) {
            notices.small_ring(&port.info.name, port.ring, options.ring_bytes);
        }
        ports.iter().for_each(|port| notices.state_of(port, None));
        notices.asked_for_adapter = options.stamps == StampType::AdapterUnsynced;
        let now = clock::instant();
        Ok(Self {
            interfaces: ports.iter().map(Port::describe).collect(),
            name: ports.iter().map(|port| port.info.name.as_str()).collect::<Vec<_>>().join(", "),
            ports,
            notices,
            stop: Arc::clone(&options.stop),
            phase: Phase::Running,
            frames: 0,
            next_upkeep: now + UPKEEP,
            next_take: now,
            link_events,
            in_order: InOrder::new(),
            drop_places: Vec::new(),
            coming_drops: Vec::new(),
            _joined: joined,
        })
    }

    /// Bytes of memory of all rings.
    #[must_use]
    pub fn ring_bytes(&self) -> usize {
        self.ports.iter().map(|port| port.ring).sum()
    }

    /// Takes what is in the rings; true where there was a frame.
    fn take(&mut self, batch: &mut FrameBatch) -> bool {
        if self.phase == Phase::Running {
            thread::sleep(self.next_take.saturating_duration_since(clock::instant()));
        }
        let is_alone = self.ports.len() == 1;
        let into = if is_alone { batch } else { &mut self.in_order.held };
        let (before, bytes_before) = (into.len(), into.bytes.len());
        for (port, interface) in self.ports.iter_mut().zip(0..) {
            // none of several may hold another up, or order is lost: each gets room of its own
            let room = if is_alone { BATCH_BYTES } else { into.bytes.len() + MOST_HELD };
            port.take(interface, clock::now, into, room);
            // an adapter's clock says nothing of when the ring had room again
            let drops = port.drops.drain(..);
            self.coming_drops.extend(drops.filter(|_| port.stamps.adapter == 0));
        }
        let has_frames = into.len() > before;
        let bytes = into.bytes.len() - bytes_before;
        // as long as this again leaves nearly all of the rings free
        if has_frames && bytes * 16 < self.ring_bytes() && bytes < BATCH_BYTES {
            self.next_take = clock::instant() + PACE;
        }
        has_frames
    }

    /// Finds the first frames behind those that rings dropped.
    fn place_drops(&mut self, batch: &FrameBatch) {
        let Some(last) = batch.records.last().and_then(|record| record.time) else { return };
        let Self { drop_places, coming_drops, .. } = self;
        coming_drops.retain(|&(time, dropped)| {
            if time > last {
                return true;
            }
            let index = batch.records.iter().position(|record| record.time >= Some(time)).unwrap_or(0);
            if drop_places.len() < MOST_PLACES {
                drop_places.push(DropPlace { frame: batch.first_number + index as u64, dropped });
            } else if let Some(last) = drop_places.last_mut() {
                last.dropped += dropped;
            }
            false
        });
    }

    /// Waits until a ring has a block, or for some time; reads the errors that wait on sockets.
    fn wait(&mut self, most: Duration) {
        let ports = self.ports.iter().map(Port::as_fd);
        let sockets = ports.chain(self.link_events.as_ref().map(AsFd::as_fd));
        let mut sockets: Vec<PollFd<'_>> = sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
        let timeout = PollTimeout::try_from(most).unwrap_or(PollTimeout::ZERO);
        let ready = poll(&mut sockets, timeout);
        if !matches!(ready, Ok(1..)) {
            if !matches!(ready, Ok(_) | Err(Errno::EINTR)) {
                // nothing can be waited for: never spin
                thread::sleep(most);
            }
            return;
        }
        let has_error = |socket: &PollFd<'_>| {
            socket.revents().is_some_and(|events| events.intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
        };
        let failed: Vec<bool> = sockets.iter().map(has_error).collect();
        for (port, _) in self.ports.iter_mut().zip(failed).filter(|(_, failed)| *failed) {
            let Some(error) = port.take_error() else { continue };
            let is_down = error.raw_os_error() == Some(Errno::ENETDOWN as i32);
            let now = clock::now();
            if !matches!(port.state, State::Gone(_)) && port.see(State::Down(now), now) {
                self.notices.state_of(port, (!is_down).then_some(&error));
            }
        }
    }

    /// Once a second, and when an interface is said to have changed: counters, and whether interfaces are still there and up.
    fn upkeep(&mut self) {
        self.next_upkeep = clock::instant() + UPKEEP;
        let now = clock::now();
        let list = interfaces().ok();
        for port in &mut self.ports {
            port.count(now);
            let Some(list) = &list else { continue };
            let found = list.iter().find(|info| info.index == port.info.index);
            match (found, port.state) {
                (_, State::Gone(_)) => {}
                (None, _) => {
                    port.go(now);
                    self.notices.gone(port);
                }
                (Some(info), _) => {
                    let next = port.state_now(info, now);
                    if port.see(next, now) {
                        self.notices.state_of(port, None);
                    }
                }
            }
        }
        if self.ports.iter().any(Port::is_coming_up) {
            self.next_upkeep = clock::instant() + SETTLED;
        }
        self.tell();
    }

    /// Brings what is said of the interfaces up to date.
    fn tell(&mut self) {
        for (port, interface) in self.ports.iter().zip(&mut self.interfaces) {
            *interface = port.describe();
        }
        self.notices.look_at(&self.ports);
    }

    fn begin_to_end(&mut self) {
        self.ports.iter().for_each(Port::shut);
        self.phase = Phase::Draining(clock::instant() + SETTLED);
    }

    fn finish(&mut self, batch: &mut FrameBatch) {
        self.in_order.hand_out_until(None, batch);
        let now = clock::now();
        self.ports.iter_mut().for_each(|port| port.count(now));
        self.tell();
        self.phase = Phase::Ended;
    }

    /// How late it is for sure: no frame that is still to come has an earlier time. Unknown where adapters stamp, whose clocks
    /// are their own.
    fn now(&self) -> Option<Timestamp> {
        let is_system_time = self.ports.iter().all(|port| port.stamps.adapter == 0);
        is_system_time.then(|| before(clock::now(), SETTLED))
    }
}

impl FrameSource for LiveSource {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        batch.first_number = self.frames + 1;
        if self.phase == Phase::Ended {
            return Ok(false);
        }
        if self.phase == Phase::Running {
            let is_over = self.ports.iter().all(|port| matches!(port.state, State::Gone(_)));
            if self.stop.load(Ordering::Relaxed) || is_over {
                self.begin_to_end();
            } else if self.link_events.as_ref().is_some_and(LinkEvents::take) || clock::instant() >= self.next_upkeep {
                self.upkeep();
            }
        }
        let wait = if self.ports.len() > 1 { ORDER } else { WAIT };
        if !self.take(batch) {
            if let Phase::Draining(until) = self.phase {
                if clock::instant() < until {
                    thread::sleep(RETIRE / 4);
                } else {
                    self.finish(batch);
                }
            } else {
                self.wait(wait);
                self.take(batch);
            }
        }
        if self.ports.len() > 1 && self.phase != Phase::Ended {
            self.in_order.hand_out(batch);
        }
        if !self.coming_drops.is_empty() {
            self.place_drops(batch);
        }
        self.frames += batch.len() as u64;
        batch.now = self.now().max(batch.records.last().and_then(|record| record.time));
        Ok(self.phase != Phase::Ended || !batch.is_empty())
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn warnings(&self) -> &[Warning] {
        self.notices.warnings()
    }

    fn drop_places(&self) -> &[DropPlace] {
        &self.drop_places
    }

    fn format(&self) -> &'static str {
        "live"
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn timestamp_source(&self) -> &'static str {
        let has = |count: fn(&Port) -> u64| self.ports.iter().any(|port| count(port) > 0);
        match (has(|port| port.stamps.kernel), has(|port| port.stamps.adapter)) {
            (true, true) => "mixed",
            (false, true) => "adapter",
            (true, false) => "kernel",
            (false, false) => "unknown",
        }
    }
}
