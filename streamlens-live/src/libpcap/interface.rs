//! The interfaces that libpcap lists.

use std::io;
use std::net::IpAddr;

use pcap::Device;

use crate::choose::Candidate;

/// An interface as libpcap describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcapInterface {
    /// Its name, which on Windows is not one for people.
    pub name: String,
    /// What it is, where libpcap knows.
    pub description: Option<String>,
    /// Its IP addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether it is set up.
    pub is_up: bool,
    /// Whether it has a carrier.
    pub is_running: bool,
    /// Whether it is the loopback.
    pub is_loopback: bool,
}

impl PcapInterface {
    pub(super) fn list() -> io::Result<Vec<Self>> {
        let devices = Device::list().map_err(io::Error::other)?;
        let of = |device: Device| Self {
            is_up: device.flags.is_up(),
            is_running: device.flags.is_running(),
            is_loopback: device.flags.is_loopback(),
            addresses: device.addresses.iter().map(|address| address.addr).collect(),
            name: device.name,
            description: device.desc,
        };
        Ok(devices.into_iter().map(of).collect())
    }

    /// Its number in the system, where that can be known.
    pub(super) fn number(&self) -> Option<u32> {
        #[cfg(target_os = "linux")]
        return nix::net::if_::if_nametoindex(self.name.as_str()).ok();
        #[cfg(not(target_os = "linux"))]
        return None;
    }
}

impl Candidate for PcapInterface {
    const CAN_BE_DOWN: bool = false;

    fn name(&self) -> &str {
        &self.name
    }

    fn is_up(&self) -> bool {
        self.is_up
    }

    /// libpcap's own `any` is one of its devices, whose frames lack their link headers.
    fn left_out(&self) -> Option<String> {
        (self.name == "any").then(|| "all interfaces are taken one by one".to_owned())
    }
}
