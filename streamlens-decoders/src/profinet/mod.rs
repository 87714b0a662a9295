//! PROFINET IO (IEC 61158-5-10, IEC 61158-6-10, IEC 61784-2 CP 3/4 to 3/6).
//!
//! Decoded: real-time frames on Ethernet type 0x8892 (RT classes 1 and 3 by `FrameID`, with cycle counter, data status
//! and transfer status), real-time frames over UDP ports 34962 and 34963, DCP with its blocks, alarms (RTA) with
//! their types, PTCP, fragments by their headers, and IO context management over connectionless DCE/RPC: connect,
//! release, read, write and control, with the application relations and IO communication relations that a connect
//! agrees on, in either byte order and put together from RPC fragments.
//!
//! Measured per cyclic stream ([`ProfinetDecoder`] makes a decoder per flow for that): steps of the cycle counter,
//! intervals, changes of status; across flows: update time against the agreed one, providers that fell silent,
//! stations by name and address.
//!
//! Not decoded: the user's IO data and records, real-time fragments put together, the endpoint mapper, and the
//! neighbours LLDP (0x88CC) and MRP (0x88E3), which are protocols of their own.

mod acyclic;
mod alarm;
mod cm;
mod cyclic;
mod dcp;
mod decoder;
mod flow;
mod frame;
mod measures;
mod monitor;
mod probe;
mod ptcp;
mod relations;
mod rpc;
mod stations;
mod terms;
#[cfg(test)]
mod tests;

pub use decoder::ProfinetDecoder;

use std::fmt;

use crate::DecodeError;
use crate::wire::{self, Wire, array};

/// The name of the encoding.
pub(crate) const NAME: &str = "PROFINET";

/// The Ethernet type of PROFINET.
pub(crate) const ETHER_TYPE: u16 = 0x8892;

/// UDP ports: real-time unicast, real-time multicast, context management.
pub(crate) const PORTS: [u16; 3] = [34_962, 34_963, 34_964];

/// The `FrameID`, with which every real-time frame begins; `None` where it is not whole.
#[inline]
fn frame_id(payload: &[u8]) -> Option<u16> {
    wire::at(payload, 0, wire::u16("FrameID"))
}

/// A parser of a UUID in network order, as PROFINET's own blocks have it.
fn uuid(field: &'static str) -> impl Fn(&[u8]) -> Wire<'_, Uuid> + Copy {
    move |input| array(field)(input).map(|(rest, bytes)| (rest, Uuid(bytes)))
}

const fn refused(reason: &'static str) -> DecodeError {
    DecodeError::Refused { protocol: NAME, reason }
}

const fn incomplete(field: &'static str, offset: usize, needed: usize, present: usize) -> DecodeError {
    DecodeError::Incomplete { protocol: NAME, field, offset, needed, present }
}

/// A UUID in network order, printed in its usual form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Uuid([u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A PNIO status (IEC 61158-6-10 §5.2.6): error code, error decode, error code 1 and 2. All 0 means success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PnioStatus([u8; 4]);

impl PnioStatus {
    const fn is_ok(self) -> bool {
        matches!(self.0, [0, 0, 0, 0])
    }
}

impl fmt::Display for PnioStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [code, decode, code_1, code_2] = self.0;
        let what = match code {
            0x81 => "PNIO",
            0xCF => "RTA error",
            0xDA => "alarm acknowledge",
            0xDB => "connect",
            0xDC => "release",
            0xDD => "control",
            0xDE => "read",
            0xDF => "write",
            _ => "error",
        };
        let how = match (decode, code_1) {
            (0x80, 0xA0..=0xAF) => "PNIORW, application",
            (0x80, 0xB0..=0xBF) => "PNIORW, access",
            (0x80, 0xC0..=0xCF) => "PNIORW, resource",
            (0x80, _) => "PNIORW",
            (0x81, 0x40) if code_2 == 4 => "context management, out of AR resources",
            (0x81, 0x40) if code_2 == 5 => "context management, AR UUID unknown",
            (0x81, 0x40) => "context management",
            (0x81, _) => "PNIO",
            (0x82, _) => "manufacturer",
            _ => "unknown decode",
        };
        write!(
            f,
            "{what}, {how}, code 0x{code_1:02x} 0x{code_2:02x} (0x{code:02x}{decode:02x}{code_1:02x}{code_2:02x})"
        )
    }
}
