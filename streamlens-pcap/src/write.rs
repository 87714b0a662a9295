//! Writes pcapng (draft-ietf-opsawg-pcapng): a section header, the interfaces, frames, and statistics of interfaces.

use std::io::{self, Write};

use streamlens_model::{Frame, Interface, Timestamp};

/// Block types (section 11.1).
const SECTION: u32 = 0x0A0D_0D0A;
const DESCRIPTION: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;
/// Bytes around the body of a block: type, length, length again.
const AROUND: u32 = 12;

/// What an interface saw and lost up to a time, for an interface statistics block (section 4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceCounts {
    /// Frames that passed the capture filter, those dropped by the system included (`isb_filteraccept`).
    pub accepted: Option<u64>,
    /// Frames dropped by the adapter (`isb_ifdrop`).
    pub dropped_by_adapter: Option<u64>,
    /// Frames dropped by the operating system (`isb_osdrop`).
    pub dropped_by_system: Option<u64>,
}

/// Writes one pcapng section of little-endian blocks, with times in nanoseconds. Each block goes out in one piece, so that a
/// file that ends early ends inside of one block at most.
///
/// ```
/// use streamlens_model::{Frame, Interface, LinkType, Timestamp};
/// use streamlens_pcap::{CaptureReader, PcapngWriter};
///
/// let interface = Interface { name: Some("eth0".into()), link_type: LinkType::ETHERNET, ..Interface::default() };
/// let mut writer = PcapngWriter::new(Vec::new(), &[interface])?;
/// let time = Some(Timestamp::from_nanos(1_700_000_000_000_000_001));
/// let link_type = LinkType::ETHERNET;
/// writer.frame(&Frame { number: 1, time, link_type, interface: 0, original_length: 60, data: &[0xDE, 0xAD] })?;
///
/// let mut reader = CaptureReader::from_bytes("memory", writer.into_inner())?;
/// let frame = reader.next_frame()?.expect("one frame");
/// assert_eq!((frame.time, frame.original_length, frame.data), (time, 60, &[0xDE, 0xAD][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    block: Vec<u8>,
    bytes: u64,
    interfaces: u32,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a section with these interfaces. Frames name them by their place.
    ///
    /// # Errors
    ///
    /// Where it can't be written.
    pub fn new(out: W, interfaces: &[Interface]) -> io::Result<Self> {
        let mut writer = Self { out, block: Vec::new(), bytes: 0, interfaces: 0 };
        // byte-order magic, version 1.0, a section of unknown length
        writer.begin(SECTION);
        writer.put(&0x1A2B_3C4D_u32.to_le_bytes());
        writer.put(&[1, 0, 0, 0]);
        writer.put(&u64::MAX.to_le_bytes());
        writer.option(4, concat!("StreamLens ", env!("CARGO_PKG_VERSION")).as_bytes());
        writer.end(true)?;
        for interface in interfaces {
            writer.interface(interface)?;
        }
        Ok(writer)
    }

    /// Describes one more interface.
    ///
    /// # Errors
    ///
    /// Where it can't be written.
    pub fn interface(&mut self, interface: &Interface) -> io::Result<()> {
        self.interfaces += 1;
        self.begin(DESCRIPTION);
        self.put(&interface.link_type.0.to_le_bytes());
        self.put(&[0, 0]);
        self.put(&interface.snap_length.to_le_bytes());
        if let Some(name) = &interface.name {
            self.option(2, name.as_bytes());
        }
        // times are in units of 10^-9 s
        self.option(9, &[9]);
        self.end(true)
    }

    /// Interfaces described so far.
    #[must_use]
    pub fn interfaces(&self) -> u32 {
        self.interfaces
    }

    /// Writes a frame. One without a time gets that of 1970, for a packet block has no place for "unknown".
    ///
    /// # Errors
    ///
    /// Where it can't be written; [`io::ErrorKind::InvalidInput`] where its interface was not described.
    pub fn frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let captured = u32::try_from(frame.data.len()).ok().filter(|_| frame.interface < self.interfaces);
        let Some(captured) = captured else { return Err(io::ErrorKind::InvalidInput.into()) };
        self.begin(PACKET);
        self.put(&frame.interface.to_le_bytes());
        self.time(frame.time.unwrap_or(Timestamp::from_nanos(0)));
        self.put(&captured.to_le_bytes());
        self.put(&frame.original_length.to_le_bytes());
        self.put(frame.data);
        self.end(false)
    }

    /// Writes what an interface saw and lost up to a time.
    ///
    /// # Errors
    ///
    /// Where it can't be written.
    pub fn statistics(&mut self, interface: u32, time: Timestamp, counts: &InterfaceCounts) -> io::Result<()> {
        self.begin(STATISTICS);
        self.put(&interface.to_le_bytes());
        self.time(time);
        let options = [(5, counts.dropped_by_adapter), (6, counts.accepted), (7, counts.dropped_by_system)];
        for (code, count) in options {
            if let Some(count) = count {
                self.option(code, &count.to_le_bytes());
            }
        }
        self.end(true)
    }

    /// Bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lets out what `W` keeps back.
    ///
    /// # Errors
    ///
    /// Where it can't be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// What was written to.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.out
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.put(&kind.to_le_bytes());
        self.put(&[0; 4]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    /// Upper and lower half of a time (section 4.3). Times before 1970 have none, and are written as 1970.
    fn time(&mut self, time: Timestamp) {
        let units = u64::try_from(time.as_nanos()).unwrap_or(0);
        self.put(&((units >> 32) as u32).to_le_bytes());
        self.put(&(units as u32).to_le_bytes());
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = value.get(..value.len().min(usize::from(u16::MAX))).unwrap_or_default();
        self.put(&code.to_le_bytes());
        self.put(&(value.len() as u16).to_le_bytes());
        self.put(value);
        self.pad();
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    /// Fills the block up to a multiple of 4, states its length at both ends, and writes it.
    fn end(&mut self, has_options: bool) -> io::Result<()> {
        self.pad();
        if has_options {
            self.put(&[0; 4]);
        }
        let length = u32::try_from(self.block.len() + 4).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        debug_assert!(length >= AROUND && length.is_multiple_of(4));
        self.put(&length.to_le_bytes());
        if let Some(place) = self.block.get_mut(4..8) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        self.out.write_all(&self.block)?;
        self.bytes += u64::from(length);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamlens_model::{FrameSource, LinkType};

    use super::*;
    use crate::CaptureReader;

    fn interfaces() -> Vec<Interface> {
        let one = Interface {
            name: Some("red".into()),
            link_type: LinkType::ETHERNET,
            snap_length: 262_144,
            resolution_ns: 1,
            ..Interface::default()
        };
        vec![one.clone(), Interface { name: Some("blue1".into()), link_type: LinkType::RAW, ..one }]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            frames in proptest::collection::vec((0_u32..2, 0_i64..i64::MAX, any::<Vec<u8>>(), 0_u32..100), 0..20),
        ) {
            let mut writer = PcapngWriter::new(Vec::new(), &interfaces()).expect("memory");
            for (interface, time, data, more) in &frames {
                let original_length = data.len() as u32 + more;
                let (time, link_type) = (Some(Timestamp::from_nanos(*time)), LinkType::ETHERNET);
                let frame = Frame { number: 0, time, link_type, interface: *interface, original_length, data };
                writer.frame(&frame).expect("memory");
            }
            let bytes = writer.bytes();
            let written = writer.into_inner();
            prop_assert_eq!(bytes, written.len() as u64);
            let mut reader = CaptureReader::from_bytes("memory", written).expect("a capture");
            for (interface, time, data, more) in &frames {
                let frame = reader.next_frame().expect("memory").expect("a frame");
                prop_assert_eq!((frame.interface, frame.data), (*interface, data.as_slice()));
                prop_assert_eq!(frame.time.map(Timestamp::as_nanos), Some(*time));
                prop_assert_eq!(frame.original_length, data.len() as u32 + more);
                prop_assert_eq!(frame.link_type, if *interface == 0 { LinkType::ETHERNET } else { LinkType::RAW });
            }
            prop_assert!(reader.next_frame().expect("memory").is_none());
            prop_assert!(reader.warnings().is_empty());
            prop_assert_eq!(FrameSource::interfaces(&reader).to_vec(), interfaces());
        }
    }

    #[test]
    fn statistics_are_read_back_as_drops_of_their_interface() {
        let mut writer = PcapngWriter::new(Vec::new(), &interfaces()).expect("memory");
        for (adapter, system) in [(1, 2), (3, 40)] {
            let counts = InterfaceCounts {
                accepted: Some(100),
                dropped_by_adapter: Some(adapter),
                dropped_by_system: Some(system),
            };
            writer.statistics(1, Timestamp::from_nanos(5), &counts).expect("memory");
        }
        let mut reader = CaptureReader::from_bytes("memory", writer.into_inner()).expect("a capture");
        assert!(reader.next_frame().expect("memory").is_none());
        let dropped: Vec<_> = reader.interfaces().iter().map(|interface| interface.dropped).collect();
        assert_eq!(dropped, [None, Some(43)]);
    }

    #[test]
    fn a_frame_of_an_interface_that_is_not_described_is_refused() {
        let mut writer = PcapngWriter::new(Vec::new(), &interfaces()).expect("memory");
        let frame = Frame {
            number: 1,
            time: None,
            link_type: LinkType::ETHERNET,
            interface: 2,
            original_length: 1,
            data: &[1],
        };
        assert_eq!(writer.frame(&frame).map_err(|error| error.kind()), Err(io::ErrorKind::InvalidInput));
    }
}
