//! PTP, the Precision Time Protocol: IEEE 1588-2002 (v1), 1588-2008 (v2), 1588-2019 (v2.1) and IEEE 802.1AS (gPTP), over
//! Ethernet (type 0x88F7) and UDP (ports 319 and 320).
//!
//! [`PtpDecoder`] reads every message of the four editions: the header of each packet, and, where fields are asked for,
//! bodies and TLVs. Its network monitor follows each domain across flows: masters and grandmasters, offset and path
//! delay as far as the capture can know them, rates, pairs, unicast grants.
//!
//! Not decoded: the check values of AUTHENTICATION TLVs are not verified, the values of reserved and experimental TLVs
//! are shown as bytes, and the transports DeviceNet, ControlNet and PROFINET of the standard are not looked for.

mod decoder;
mod fields;
mod management;
mod monitor;
mod names;
mod probe;
mod signaling;
mod terms;
mod tlv;
mod v1;
mod wire;

#[cfg(test)]
mod tests;

pub use decoder::PtpDecoder;
pub(crate) use monitor::PtpMonitor;
pub use wire::{Header, PortIdentity, PtpTime, TimeInterval};
