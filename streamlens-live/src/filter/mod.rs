//! Capture filters: a subset of the language of tcpdump, compiled to classic BPF for the kernel, and an interpreter that
//! runs the same program where there is no kernel to run it.
//!
//! | term | holds for frames |
//! |---|---|
//! | `[ip\|ip6\|arp] [src\|dst] host ADDRESS` | from or to an address; without a protocol also ARP about it |
//! | `[ip\|ip6\|arp] [src\|dst] net ADDRESS/BITS` | the same for a network; also `10.1`, and `10.1.0.0 mask 255.255.0.0` |
//! | `[tcp\|udp] [src\|dst] port N`, `portrange N-M` | of TCP, UDP or SCTP with that port; no later fragments |
//! | `ip`, `ip6`, `arp`, `tcp`, `udp`, `icmp`, `icmp6`, `igmp` | of that protocol |
//! | `ip proto N`, `ip6 proto N`, `ether proto N` | with that protocol number, or EtherType (from 1536) |
//! | `ether [src\|dst\|host] MAC` | from or to a MAC address |
//! | `[ether\|ip\|ip6] multicast`, `[ether\|ip] broadcast` | to a group; to all |
//! | `vlan [ID]` | whose outermost tag is there, or has that VLAN identifier |
//! | `greater N`, `less N` | of at least, at most that many bytes on the wire, the tag included |
//!
//! Terms are joined by `and`, `or`, `not` (also `&&`, `||`, `!`) and parentheses. As in tcpdump `not` binds closest, and
//! `and` and `or` bind alike, from left to right. Unlike in tcpdump the outermost VLAN tag is set aside before a filter
//! runs, so that `udp port 319` finds tagged frames as well, and `vlan` changes nothing for the terms behind it.
//! `ip broadcast` is what goes to 255.255.255.255 or, with IPv4 in it, to the Ethernet broadcast address: directed broadcasts
//! would need the netmask.

mod ast;
mod compile;
mod lexer;
mod parser;
mod program;
mod run;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use streamlens_model::text::marked;

pub use run::untagged;

/// How frames begin, as far as a filter is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// An Ethernet header, from which the outermost VLAN tag is taken off.
    Ethernet,
    /// An IPv4 or IPv6 header.
    Ip,
}

/// One instruction of classic BPF, as in `struct sock_filter` of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip where a condition holds.
    pub jt: u8,
    /// Instructions to skip where it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// A compiled capture filter.
///
/// ```
/// use streamlens_live::filter::{Filter, Link};
///
/// let filter = Filter::compile("udp and not port 53", Link::Ethernet, 262_144)?;
/// let mut frame = vec![0_u8; 60];
/// (frame[12], frame[14], frame[23]) = (0x08, 0x45, 17);
/// assert!(filter.accepts(&frame, 60));
/// frame[37] = 53;
/// assert!(!filter.accepts(&frame, 60));
///
/// let error = Filter::compile("udp prot 53", Link::Ethernet, 262_144).unwrap_err();
/// assert_eq!(error.to_string(), "expected `and` or `or`, found `prot`\n  udp prot 53\n      ^^^^");
/// # Ok::<(), streamlens_live::filter::FilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    instructions: Vec<Instruction>,
    link: Link,
}

impl Filter {
    /// The most instructions that the kernel takes.
    pub const MAX_INSTRUCTIONS: usize = 4096;

    /// Compiles a filter; the empty one accepts every frame. Accepted frames are cut to `snap_length` bytes.
    ///
    /// # Errors
    ///
    /// Where the text is no filter of the subset, or its program is longer than [`Self::MAX_INSTRUCTIONS`].
    pub fn compile(text: &str, link: Link, snap_length: u32) -> Result<Self, FilterError> {
        let tree = parser::parse(text)?;
        let instructions = compile::compile(tree.as_ref(), link, snap_length, text)?;
        Ok(Self { instructions, link })
    }

    /// Checks a filter without an interface to compile it for.
    ///
    /// # Errors
    ///
    /// As [`Self::compile`].
    pub fn check(text: &str) -> Result<(), FilterError> {
        Self::compile(text, Link::Ethernet, 1).map(drop)
    }

    /// The program.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }
}

/// Why a text is no capture filter: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    message: String,
    text: String,
    place: Range<usize>,
}

impl FilterError {
    fn new(message: impl Into<String>, text: &str, place: Range<usize>) -> Self {
        Self { message: message.into(), text: text.to_owned(), place }
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Bytes of the text that it is about; empty at its end where something is missing.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, marked(&self.text, self.place.clone()))
    }
}

impl std::error::Error for FilterError {}
