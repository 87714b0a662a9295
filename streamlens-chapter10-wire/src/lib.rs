#![doc = include_str!("../README.md")]

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
