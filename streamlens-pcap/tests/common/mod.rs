//! Captures made by hand, and what a reader makes of them.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses a part")]

use streamlens_model::{FrameBatch, FrameSource, Interface, LinkType, SourceError, Warning};
use streamlens_pcap::CaptureReader;

/// Writes numbers in one byte order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Little,
    Big,
}

impl Order {
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
    pub fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
    pub fn u64(self, value: u64) -> [u8; 8] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// A pcap file header.
pub fn pcap_header(order: Order, magic: u32, link_type: u32) -> Vec<u8> {
    let mut out = order.u32(magic).to_vec();
    out.extend(order.u16(2));
    out.extend(order.u16(4));
    for word in [0, 0, 262_144, link_type] {
        out.extend(order.u32(word));
    }
    out
}

/// A pcap record whose original length is that of its data.
pub fn pcap_record(order: Order, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [seconds, fraction, data.len() as u32, data.len() as u32] {
        out.extend(order.u32(word));
    }
    out.extend(data);
    out
}

/// A small pcap with frames of 0 to 40 bytes.
pub fn small_pcap(count: u32) -> Vec<u8> {
    let mut out = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
    for number in 0..count {
        out.extend(pcap_record(Order::Little, 1000 + number, number, &payload(number)));
    }
    out
}

/// The bytes of the frame with this number, counted from 0; recognisable and of different lengths.
pub fn payload(number: u32) -> Vec<u8> {
    (0..(number * 7) % 41).map(|index| (number * 16 + index + 0x50) as u8).collect()
}

pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.u32(padded as u32 + 12);
    let mut out = order.u32(kind).to_vec();
    out.extend(length);
    out.extend(body);
    out.resize(8 + padded, 0);
    out.extend(length);
    out
}

pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut out = order.u16(code).to_vec();
    out.extend(order.u16(value.len() as u16));
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

pub fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend(order.u16(1));
    body.extend(order.u16(0));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

pub fn interface(order: Order, link_type: u16, snap: u32, options: &[Vec<u8>]) -> Vec<u8> {
    let mut body = order.u16(link_type).to_vec();
    body.extend([0, 0]);
    body.extend(order.u32(snap));
    body.extend(options.concat());
    block(order, 1, &body)
}

pub fn enhanced(order: Order, interface: u32, ticks: u64, original: u32, data: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for word in [interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, original] {
        body.extend(order.u32(word));
    }
    body.extend(data);
    block(order, 6, &body)
}

pub fn simple(order: Order, original: u32, data: &[u8]) -> Vec<u8> {
    let mut body = order.u32(original).to_vec();
    body.extend(data);
    block(order, 3, &body)
}

pub fn obsolete(order: Order, interface: u16, ticks: u64, data: &[u8]) -> Vec<u8> {
    let mut body = order.u16(interface).to_vec();
    body.extend(order.u16(0));
    for word in [(ticks >> 32) as u32, ticks as u32, data.len() as u32, data.len() as u32] {
        body.extend(order.u32(word));
    }
    body.extend(data);
    block(order, 2, &body)
}

/// A time in microseconds.
pub const TICKS: u64 = 1_700_000_000_123_456;

/// A small pcapng as its blocks: header, interface, and frames one microsecond apart.
pub fn small_pcapng_blocks(order: Order, count: u32) -> Vec<Vec<u8>> {
    let mut blocks = vec![section(order), interface(order, 1, 0, &[])];
    for number in 0..count {
        let data = payload(number);
        blocks.push(enhanced(order, 0, TICKS + u64::from(number), data.len() as u32, &data));
    }
    blocks
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub number: u64,
    pub nanos: Option<i64>,
    pub link_type: LinkType,
    pub interface: u32,
    pub original: u32,
    pub data: Vec<u8>,
}

/// All that a source says.
#[derive(Debug)]
pub struct Result {
    pub frames: Vec<Seen>,
    pub batches: Vec<usize>,
    pub warnings: Vec<Warning>,
    pub interfaces: Vec<Interface>,
    pub format: String,
    pub failure: Option<SourceError>,
}

impl Result {
    pub fn data(&self) -> Vec<&[u8]> {
        self.frames.iter().map(|frame| frame.data.as_slice()).collect()
    }
    pub fn codes(&self) -> Vec<&str> {
        self.warnings.iter().map(|warning| &*warning.code).collect()
    }
}

/// Reads a source to its end.
pub fn drain(source: &mut dyn FrameSource) -> Result {
    thread_local! {
        static BATCH: std::cell::RefCell<FrameBatch> = const {
            std::cell::RefCell::new(FrameBatch { bytes: Vec::new(), records: Vec::new(), first_number: 0, now: None, begins_anew: false })
        };
    }
    // One batch for all, so that what an earlier capture left in it would show.
    BATCH.with_borrow_mut(|batch| drain_with(source, batch))
}

fn drain_with(source: &mut dyn FrameSource, batch: &mut FrameBatch) -> Result {
    let (mut frames, mut batches) = (Vec::new(), Vec::new());
    let failure = loop {
        match source.read_batch(batch) {
            Ok(true) => assert!(!batch.is_empty(), "a batch that is announced has frames"),
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
        batches.push(batch.len());
        frames.extend(batch.iter().map(|frame| Seen {
            number: frame.number,
            nanos: frame.time.map(|time| time.as_nanos()),
            link_type: frame.link_type,
            interface: frame.interface,
            original: frame.original_length,
            data: frame.data.to_vec(),
        }));
    };
    assert!(!source.read_batch(batch).unwrap(), "the end stays the end");
    assert!(frames.iter().enumerate().all(|(index, frame)| frame.number == index as u64 + 1));
    assert!(frames.iter().all(|frame| (frame.interface as usize) < source.interfaces().len()));
    Result {
        frames,
        batches,
        warnings: source.warnings().to_vec(),
        interfaces: source.interfaces().to_vec(),
        format: source.format().to_owned(),
        failure,
    }
}

pub fn read(bytes: impl Into<Vec<u8>>) -> Result {
    drain(&mut CaptureReader::from_bytes("made", bytes.into()).unwrap())
}

/// Gives a few bytes at a time, in uneven steps.
pub struct Crumbs {
    pub bytes: std::io::Cursor<Vec<u8>>,
    pub step: usize,
}

impl std::io::Read for Crumbs {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.step = self.step % 7 + 1;
        let most = self.step.min(buffer.len());
        self.bytes.read(&mut buffer[..most])
    }
}
