//! One interface: its ring (AF_PACKET, TPACKET_V3), and what is known of its state.

use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use netring::{BpfFilter, BpfInsn, Capture, Packet, TimestampSource};
use nix::sys::socket::{getsockopt, sockopt::SocketError};
pub(crate) use streamlens_model::LinkState as State;
use streamlens_model::{DroppedBy, FrameBatch, FrameRecord, Interface, LinkType, LiveCounts, RingUse, Timestamp};

use crate::error::LiveError;
use crate::filter::{Filter, Link};
use crate::in_order::SETTLED;
use crate::interface::InterfaceInfo;
use crate::options::{LiveOptions, StampType};
use crate::outages::Outages;
use crate::sysfs::{AdapterDrops, LinkFiles};

/// After so long the kernel hands over a block that is not full. The worst latency measured with it was 44 ms.
pub(crate) const RETIRE: Duration = Duration::from_millis(20);
/// The smallest ring that is tried where memory is refused.
const LEAST_RING: usize = 2 << 20;
const PAGE: usize = 4096;
/// A block holds every frame that IP has without jumbo payloads. The kernel hands a block over after [`RETIRE`] however little is
/// in it, so that a ring of few large ones would be full of nearly nothing after a second.
const MOST_OF_BLOCK: usize = 128 << 10;
/// A batch is full from here on. A block may make it larger by its own size.
pub(crate) const BATCH_BYTES: usize = 1 << 20;
/// An interface is down for less than so many nanoseconds before it is deleted.
const WITH_DELETION: i64 = 2_000_000_000;
/// Ethernet header and one tag that the kernel leaves in the frame.
const HEADERS: u32 = 14 + 4;
const ADDRESSES: usize = 12;

/// Frames by who stamped them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamps {
    pub(crate) kernel: u64,
    pub(crate) adapter: u64,
}

/// An interface that is captured on.
pub(crate) struct Port {
    pub(crate) info: InterfaceInfo,
    pub(crate) link_type: LinkType,
    pub(crate) state: State,
    pub(crate) opened: Timestamp,
    pub(crate) outages: Outages,
    pub(crate) stamps: Stamps,
    link: LinkFiles,
    mtu: Option<u32>,
    /// What its driver says of the link, in bits per second.
    speed: Option<u64>,
    /// Time of the first frame since it is not up: what came shows that it was up again.
    back: Option<Timestamp>,
    /// Since when it is seen to be up again, until the frames from before that have come out of the ring.
    up_since: Option<Timestamp>,
    /// Time by the adapter's clock less system time, in nanoseconds, at its first frame.
    pub(crate) adapter_ahead: Option<i64>,
    /// When the ring had room again after it had dropped frames, and how many these were; to be taken away.
    pub(crate) drops: Vec<(Timestamp, u64)>,
    /// Bytes of the ring that was got, and of one of its blocks.
    pub(crate) ring: usize,
    block: usize,
    /// Blocks read since the ring was empty, and the most of them since the counters were read.
    unread: Unread,
    capture: Capture,
    filter: BpfFilter,
    snap_length: u32,
    counts: LiveCounts,
    adapter: Option<AdapterDrops>,
}

/// Blocks that were read in a row: so many may have waited, for what comes meanwhile is among them.
#[derive(Clone, Copy, Debug, Default)]
struct Unread {
    in_a_row: u64,
    most: u64,
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Port").field("info", &self.info).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Port {
    /// Opens the ring of an interface. No frame passes that the filter would have refused: until it is attached nothing
    /// passes at all, and what the socket saw before that is thrown away.
    pub(crate) fn open(info: InterfaceInfo, options: &LiveOptions) -> Result<Self, LiveError> {
        let name = info.name.as_str();
        let link_type = info.link_type().ok_or_else(|| LiveError::UnknownLink {
            interface: name.to_owned(),
            number: info.hardware_type,
            name: info.hardware_name(),
        })?;
        let link = if link_type == LinkType::ETHERNET { Link::Ethernet } else { Link::Ip };
        let filter = Filter::compile(&options.filter, link, options.snap_length)?;
        let filter = program(filter.instructions().iter().map(|one| (one.code, one.jt, one.jf, one.k)), name)?;
        let link_files = LinkFiles::open(&info);
        let opened = crate::clock::now();
        let (capture, block) = open_ring(&info, options)?;
        let mut port = Self {
            link_type,
            state: link_files.state(&info, opened),
            opened,
            outages: Outages::default(),
            stamps: Stamps::default(),
            mtu: link_files.mtu(),
            speed: link_files.speed(),
            link: link_files,
            back: None,
            up_since: None,
            adapter_ahead: None,
            drops: Vec::new(),
            ring: capture.ring_len(),
            block,
            unread: Unread::default(),
            capture,
            filter,
            snap_length: options.snap_length,
            counts: LiveCounts::default(),
            adapter: AdapterDrops::open(&info),
            info,
        };
        port.settle().map_err(|error| LiveError::system(&port.info.name, "the ring can't be emptied", error))?;
        port.capture
            .set_filter(&port.filter)
            .map_err(|error| refused(&port.info.name, "the filter is refused", error))?;
        Ok(port)
    }

    /// Throws away what came in before the filter. That nothing more is on its way is known when the kernel has handed over
    /// the last block, which it does after [`RETIRE`].
    fn settle(&mut self) -> io::Result<()> {
        loop {
            thread::sleep(RETIRE * 2);
            let mut is_empty = true;
            while self.capture.next_batch().is_some() {
                is_empty = false;
            }
            if is_empty {
                break;
            }
        }
        self.capture.stats().map(drop).map_err(io::Error::other)
    }

    /// The state that it is in, where the system lists it like this.
    pub(crate) fn state_now(&self, listed: &InterfaceInfo, now: Timestamp) -> State {
        self.link.state(listed, now)
    }

    /// Takes the state that it is seen to be in; whether that is another one. That it is up is taken when the frames that came
    /// first are out of the ring, for their times show since when.
    pub(crate) fn see(&mut self, next: State, now: Timestamp) -> bool {
        let is_same = std::mem::discriminant(&next) == std::mem::discriminant(&self.state);
        match (next, self.up_since) {
            (State::Up, _) if is_same => false,
            (State::Up, None) => {
                self.up_since = Some(now);
                false
            }
            // a clock that was set back holds nothing up
            (State::Up, Some(up)) if (0..SETTLED.as_nanos() as i64).contains(&now.since(up)) => false,
            (_, None) if is_same => false,
            (_, up) => {
                self.turn_to(next, up.unwrap_or(now));
                true
            }
        }
    }

    /// Whether it is seen to be up, and that is not taken yet.
    pub(crate) fn is_coming_up(&self) -> bool {
        self.up_since.is_some()
    }

    /// Ends a state, no later than with the first frame behind it, and takes another.
    fn turn_to(&mut self, next: State, until: Timestamp) {
        let until = self.back.take().map_or(until, |back| back.min(until));
        self.up_since = None;
        self.outages.ended(std::mem::replace(&mut self.state, next), until);
        if next == State::Up {
            (self.mtu, self.speed) = (self.link.mtu(), self.link.speed());
        }
    }

    /// It was deleted. That it was down just before is a part of that.
    pub(crate) fn go(&mut self, now: Timestamp) {
        match self.state {
            State::Down(since) | State::NoCarrier(since) if now.since(since) < WITH_DELETION => {
                (self.state, self.back, self.up_since) = (State::Gone(now), None, None);
            }
            _ => self.turn_to(State::Gone(now), self.up_since.unwrap_or(now)),
        }
    }

    /// Lets no more frames in; those in the ring can still be taken.
    pub(crate) fn shut(&self) {
        if let Ok(nothing) = nothing_passes() {
            // where it is refused frames go on to come in, and are not read
            let _ = self.capture.set_filter(&nothing);
        }
    }

    pub(crate) fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.capture.as_fd()
    }

    /// The error that waits on the socket. Polling returns at once until it was read.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match getsockopt(&self.capture, SocketError) {
            Ok(0) => None,
            Ok(number) => Some(io::Error::from_raw_os_error(number)),
            Err(error) => Some(error.into()),
        }
    }

    /// Takes blocks of the ring into a batch until there are no more, or it holds that many bytes. A block is taken whole.
    pub(crate) fn take(&mut self, interface: u32, now: impl Fn() -> Timestamp, batch: &mut FrameBatch, room: usize) {
        let Self { capture, link_type, stamps, mtu, adapter_ahead, snap_length, drops, counts, unread, back, .. } =
            self;
        let mut out_since = match self.state {
            State::Down(since) | State::NoCarrier(since) if back.is_none() => Some(since),
            _ => None,
        };
        let most = mtu.map_or(u32::MAX, |mtu| mtu.saturating_add(HEADERS));
        while batch.bytes.len() < room {
            let Some(block) = capture.next_batch() else {
                unread.in_a_row = 0;
                break;
            };
            unread.in_a_row += 1;
            unread.most = unread.most.max(unread.in_a_row);
            for packet in &block {
                let time = time_of(&packet);
                if packet.timestamp_clock().is_hardware() {
                    stamps.adapter += 1;
                    if adapter_ahead.is_none() {
                        *adapter_ahead = Some(time.as_nanos().saturating_sub(now().as_nanos()));
                    }
                } else {
                    stamps.kernel += 1;
                    if out_since.is_some_and(|since| time > since) {
                        (*back, out_since) = (Some(time), None);
                    }
                }
                let length = u32::try_from(packet.original_len()).unwrap_or(u32::MAX);
                if length > most {
                    let merged = &mut counts.merged;
                    (merged.frames, merged.longest) = (merged.frames + 1, merged.longest.max(length));
                    merged.mtu = mtu.unwrap_or_default();
                }
                append(&packet, (*link_type, interface, time), *snap_length, batch);
            }
            // what was dropped by now was dropped for want of this block: what comes into it is the first behind that
            let freed = now();
            drop(block);
            count_ring(capture, counts, drops, freed);
        }
    }

    /// Reads the counters.
    pub(crate) fn count(&mut self, now: Timestamp) {
        count_ring(&mut self.capture, &mut self.counts, &mut self.drops, now);
        let bytes = self.ring as u64;
        let waited = self.unread.most.saturating_mul(self.block as u64).min(bytes);
        self.counts.ring = Some(RingUse { bytes, waited });
        self.unread.most = self.unread.in_a_row;
        if let Some(adapter) = &self.adapter
            && let Some(now) = adapter.so_far()
        {
            self.counts.dropped.adapter = Some(now);
        }
    }

    pub(crate) fn counts(&self) -> LiveCounts {
        LiveCounts {
            stamped_by_adapter: self.stamps.adapter,
            adapter_ahead_ns: self.adapter_ahead,
            link: Some(self.state),
            ..self.counts
        }
    }

    /// The interface as the result shows it.
    pub(crate) fn describe(&self) -> Interface {
        Interface {
            speed: self.speed,
            name: Some(self.info.name.clone()),
            link_type: self.link_type,
            snap_length: self.snap_length,
            resolution_ns: 1,
            dropped: Some(total(self.counts.dropped)),
            counts: Some(self.counts()),
        }
    }
}

/// Reads the ring's counters, which begin again from 0 with each reading.
fn count_ring(capture: &mut Capture, counts: &mut LiveCounts, drops: &mut Vec<(Timestamp, u64)>, now: Timestamp) {
    let Ok(since) = capture.stats() else { return };
    counts.accepted += u64::from(since.packets);
    counts.dropped.ring += u64::from(since.drops);
    if since.drops > 0 {
        drops.push((now, u64::from(since.drops)));
    }
}

/// Frames dropped, whoever dropped them.
pub(crate) fn total(dropped: DroppedBy) -> u64 {
    dropped.ring + dropped.adapter.unwrap_or(0)
}

fn time_of(packet: &Packet<'_>) -> Timestamp {
    let stamp = packet.timestamp();
    Timestamp::from_nanos(i64::from(stamp.sec) * 1_000_000_000 + i64::from(stamp.nsec))
}

/// Adds a frame as it was on the wire: the tag that the kernel took off is put back behind the addresses.
fn append(
    packet: &Packet<'_>,
    (link_type, interface, time): (LinkType, u32, Timestamp),
    snap_length: u32,
    batch: &mut FrameBatch,
) {
    let data = packet.data();
    let Ok(offset) = u32::try_from(batch.bytes.len()) else { return };
    let status = packet.status();
    let mut original_length = u32::try_from(packet.original_len()).unwrap_or(u32::MAX);
    // priority tags have VLAN 0: only the flag tells
    if status.vlan_valid && link_type == LinkType::ETHERNET {
        let tpid = if status.vlan_tpid_valid { packet.vlan_tpid() } else { 0x8100 };
        original_length = original_length.saturating_add(4);
        if let Some((addresses, rest)) = data.split_at_checked(ADDRESSES) {
            batch.bytes.extend_from_slice(addresses);
            batch.bytes.extend_from_slice(&tpid.to_be_bytes());
            batch.bytes.extend_from_slice(&packet.vlan_tci().to_be_bytes());
            batch.bytes.extend_from_slice(rest);
        } else {
            batch.bytes.extend_from_slice(data);
        }
    } else {
        batch.bytes.extend_from_slice(data);
    }
    let start = offset as usize;
    let captured = (batch.bytes.len() - start).min(snap_length as usize);
    batch.bytes.truncate(start + captured);
    batch.records.push(FrameRecord {
        offset,
        captured_length: captured as u32,
        original_length,
        interface,
        time: Some(time),
        link_type,
    });
}

fn program(instructions: impl Iterator<Item = (u16, u8, u8, u32)>, interface: &str) -> Result<BpfFilter, LiveError> {
    let instructions = instructions.map(|(code, jt, jf, k)| BpfInsn { code, jt, jf, k }).collect();
    BpfFilter::new(instructions).map_err(|error| LiveError::system(interface, "the filter", io::Error::other(error)))
}

/// The program that refuses every frame.
fn nothing_passes() -> Result<BpfFilter, LiveError> {
    program(std::iter::once((0x06, 0, 0, 0)), "")
}

/// Opens the ring with the memory asked for, or half of it, and so on; with the bytes of a block.
fn open_ring(info: &InterfaceInfo, options: &LiveOptions) -> Result<(Capture, usize), LiveError> {
    let name = info.name.as_str();
    let mut bytes = options.ring_bytes.max(4 * PAGE);
    loop {
        // eight blocks at least, so that the kernel can fill one while another is read
        let block = prev_power_of_two((bytes / 8).clamp(PAGE, MOST_OF_BLOCK));
        let stamps = match options.stamps {
            StampType::Host => TimestampSource::Software,
            StampType::AdapterUnsynced => TimestampSource::RawHardware,
        };
        let opened = Capture::builder()
            .interface(name)
            .block_size(block)
            .block_count((bytes / block).max(2))
            .frame_size(2048)
            .block_timeout_ms(RETIRE.as_millis() as u32)
            .fill_rxhash(false)
            .promiscuous(options.promiscuous)
            // on the loopback every frame comes twice, once going out
            .ignore_outgoing(info.is_loopback)
            .timestamp_source(stamps)
            .bpf_filter(nothing_passes()?)
            .build();
        match opened {
            Ok(capture) => return Ok((capture, block)),
            Err(error) if is_out_of_memory(&error) && bytes / 2 >= LEAST_RING => bytes /= 2,
            Err(error) => return Err(refused(name, "can't be captured on", error)),
        }
    }
}

fn prev_power_of_two(number: usize) -> usize {
    1 << number.max(1).ilog2()
}

fn is_out_of_memory(error: &netring::Error) -> bool {
    let cause = match error {
        netring::Error::Mmap(cause) | netring::Error::SockOpt { source: cause, .. } => cause,
        _ => return false,
    };
    cause.kind() == io::ErrorKind::OutOfMemory
}

fn refused(interface: &str, what: &str, error: netring::Error) -> LiveError {
    match error {
        netring::Error::PermissionDenied => LiveError::NoPermission {
            interface: interface.to_owned(),
            program: std::env::current_exe().unwrap_or_else(|_| "streamlens".into()),
        },
        netring::Error::InterfaceNotFound(interface) => LiveError::NoSuchInterface { interface, near: Vec::new() },
        netring::Error::Socket(source)
        | netring::Error::Mmap(source)
        | netring::Error::Bind(source)
        | netring::Error::Io(source) => LiveError::system(interface, what, source),
        netring::Error::SockOpt { option, source } => {
            LiveError::system(interface, &format!("{what} ({option})"), source)
        }
        other => LiveError::system(interface, what, io::Error::other(other)),
    }
}
