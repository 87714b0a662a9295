//! The wire types of IRIG 106 Chapter 10 (from 106-17 on Chapter 11) that both a decoder of datagrams and a reader of
//! recorder files need: the packet header with its checksums, the time packets that tie its relative time counter to UTC,
//! and setup records (TMATS, chapter 9) in their ASCII form.
//!
//! ```
//! use streamlens_chapter10_wire::PacketHeader;
//!
//! // Channel 3, 28 bytes of which 4 are data, PCM Data Format 1, counter 0.
//! let mut packet = [0x25, 0xEB, 3, 0, 28, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
//! let sum = packet[..22].chunks(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
//! packet[22..24].copy_from_slice(&sum.to_le_bytes());
//! let header = PacketHeader::parse(&packet).expect("the sync word");
//! assert!(header.checksum_ok() && header.channel == 3);
//! assert_eq!(header.data(&packet), Some(&[1, 2, 3, 4][..]));
//! ```

mod header;
mod time;
mod tmats;

pub use header::{
    COUNTER_BITS, COUNTER_HZ, HEADER_LENGTH, MAX_PACKET_LENGTH, MAX_SETUP_LENGTH, PacketFlags, PacketHeader,
    SECONDARY_LENGTH, SYNC, SecondaryChecksum, checksum_covers_transfer_header, data_checksum_ok, secondary_checksum,
};
pub use time::{Moment, TimeReading, TimeScale, counter_to_utc, nearest_year, read_time, ticks_between};
pub use tmats::{ChannelSetup, SetupReader, SetupRecord};

/// Data type code of a setup record: Computer Generated Data, Format 1.
pub const SETUP: u8 = 0x01;
/// Data type code of Time Data, Format 1.
pub const TIME_1: u8 = 0x11;
/// Data type code of Time Data, Format 2.
pub const TIME_2: u8 = 0x12;
