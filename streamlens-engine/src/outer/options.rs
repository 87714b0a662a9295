//! What is taken off frames before they are looked into.

use std::fmt;

/// A kind of layer around frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// Cisco's Encapsulated Remote Switched Port Analyzer, types I to III, in GRE (draft-foschiano-erspan-03).
    Erspan,
    /// TaZmen Sniffer Protocol, with Ethernet frames.
    Tzsp,
    /// EtherCAT Switch Link, which Beckhoff's ET2000 puts in front of frames.
    Esl,
    /// RFC 7348, and its generic protocol extension.
    Vxlan,
    /// RFC 8926.
    Geneve,
    /// RFC 2784 and 2890, with Ethernet (NVGRE, RFC 7637), IP or MPLS; version 1 with PPP (RFC 2637).
    Gre,
    /// IPv4 or IPv6 straight in IP (RFC 2003, 2473, 4213).
    IpInIp,
    /// RFC 3931, over IP or UDP, with Ethernet frames.
    L2tpV3,
    /// Session frames of RFC 2516, with IP.
    Pppoe,
    /// RFC 3032, with IP or Ethernet.
    Mpls,
}

impl Tunnel {
    /// All of them; mirror formats first.
    pub const ALL: [Self; 10] = [
        Self::Erspan,
        Self::Tzsp,
        Self::Esl,
        Self::Vxlan,
        Self::Geneve,
        Self::Gre,
        Self::IpInIp,
        Self::L2tpV3,
        Self::Pppoe,
        Self::Mpls,
    ];

    /// The name under which it is asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Erspan => "erspan",
            Self::Tzsp => "tzsp",
            Self::Esl => "esl",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::IpInIp => "ipip",
            Self::L2tpV3 => "l2tpv3",
            Self::Pppoe => "pppoe",
            Self::Mpls => "mpls",
        }
    }
}

/// Which layers are taken off frames: a set of [`Tunnel`]s.
///
/// ```
/// use streamlens_engine::{Tunnel, Tunnels};
/// assert!(Tunnels::default().has(Tunnel::Erspan) && !Tunnels::default().has(Tunnel::Vxlan));
/// assert!(Tunnels::default().with(Tunnel::Vxlan).has(Tunnel::Vxlan));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tunnels(u16);

impl Tunnels {
    /// Nothing is taken off.
    pub const NONE: Self = Self(0);
    /// What carries the frames of a mirror port to a capturing machine; the default.
    pub const MIRRORS: Self = Self::NONE.with(Tunnel::Erspan).with(Tunnel::Tzsp);
    /// Everything.
    pub const ALL: Self = Self((1 << Tunnel::ALL.len()) - 1);

    /// These and one more.
    #[must_use]
    pub const fn with(self, tunnel: Tunnel) -> Self {
        Self(self.0 | 1 << tunnel as u16)
    }

    /// Whether a kind is taken off.
    #[must_use]
    #[inline]
    pub const fn has(self, tunnel: Tunnel) -> bool {
        self.0 & 1 << tunnel as u16 != 0
    }
}

impl Default for Tunnels {
    fn default() -> Self {
        Self::MIRRORS
    }
}

impl fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Tunnel::ALL.into_iter().filter(|tunnel| self.has(*tunnel))).finish()
    }
}

/// Whose time stamps are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeSource {
    /// Those of the capture.
    #[default]
    Capture,
    /// Those that capture equipment put behind frames or around them, where it is recognised: Arista 7130 (MetaMako), Exablaze,
    /// VSS Monitoring, IXIA, EtherCAT Switch Link, and ERSPAN type III.
    Trailer,
}
