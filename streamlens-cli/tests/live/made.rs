//! Frames made for a test, as a capture that tcpreplay sends.

use std::fs::File;
use std::path::{Path, PathBuf};

use streamlens::model::{Frame, Interface, LinkType, Timestamp};
use streamlens::pcap::PcapngWriter;

/// An Ethernet frame with an IPv4 datagram of UDP from port 5000 to `port`, of which `tags` are behind the addresses.
pub fn datagram(tags: &[(u16, u16)], port: u16, payload: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for (tpid, tci) in tags {
        frame.extend(tpid.to_be_bytes());
        frame.extend(tci.to_be_bytes());
    }
    frame.extend([8, 0]);
    let length = (28 + payload) as u16;
    frame.extend([0x45, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2]);
    frame.extend(5000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((length - 20).to_be_bytes());
    frame.extend([0, 0]);
    frame.resize(frame.len() + payload, 0xA5);
    frame
}

/// Writes frames, a millisecond apart.
pub fn capture(folder: &Path, name: &str, frames: &[Vec<u8>]) -> PathBuf {
    let path = folder.join(name);
    let interface = Interface { link_type: LinkType::ETHERNET, snap_length: 262_144, ..Interface::default() };
    let mut writer = PcapngWriter::new(File::create(&path).unwrap(), &[interface]).unwrap();
    for (data, number) in frames.iter().zip(1..) {
        let time = Some(Timestamp::from_nanos(1_700_000_000_000_000_000 + number * 1_000_000));
        let (link_type, original_length) = (LinkType::ETHERNET, data.len() as u32);
        writer.frame(&Frame { number: 0, time, link_type, interface: 0, original_length, data }).unwrap();
    }
    path
}
