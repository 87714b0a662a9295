//! Asks the network for multicast groups, by IGMP and MLD, for as long as the capture runs.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::interface::InterfaceInfo;

/// A multicast group, of one source or of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Join {
    group: IpAddr,
    source: Option<IpAddr>,
}

impl FromStr for Join {
    type Err = String;

    /// Reads `GROUP` or `GROUP@SOURCE`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (group, source) = text.split_once('@').map_or((text, None), |(group, source)| (group, Some(source)));
        let group: IpAddr = group.parse().map_err(|_| format!("expected a multicast address, found `{group}`"))?;
        if !group.is_multicast() {
            return Err(format!("{group} is no multicast address (224.0.0.0/4, ff00::/8)"));
        }
        let source = source.map(|source| source.parse().map_err(|_| format!("expected a source, found `{source}`")));
        let source: Option<IpAddr> = source.transpose()?;
        match (group, source) {
            (IpAddr::V4(_), Some(IpAddr::V6(_))) => Err("the source has another IP version than the group".to_owned()),
            (IpAddr::V6(_), Some(_)) => Err("one source of an IPv6 group can't be asked for; leave it out".to_owned()),
            _ => Ok(Self { group, source }),
        }
    }
}

impl std::fmt::Display for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.source {
            Some(source) => write!(f, "{}@{source}", self.group),
            None => self.group.fmt(f),
        }
    }
}

impl Join {
    /// Joins on an interface; the group is left when the socket is closed.
    pub(crate) fn on(&self, interface: &InterfaceInfo) -> io::Result<Socket> {
        match (self.group, self.source) {
            (IpAddr::V4(group), None) => {
                let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
                socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface.index))?;
                Ok(socket)
            }
            (IpAddr::V4(group), Some(IpAddr::V4(source))) => {
                let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
                let own = interface.addresses.iter().find_map(|address| match address {
                    IpAddr::V4(own) => Some(*own),
                    IpAddr::V6(_) => None,
                });
                let own: Ipv4Addr = own.ok_or_else(|| io::Error::other("the interface has no IPv4 address"))?;
                socket.join_ssm_v4(&source, &group, &own)?;
                Ok(socket)
            }
            (IpAddr::V6(group), _) => {
                let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
                socket.join_multicast_v6(&group, interface.index)?;
                Ok(socket)
            }
            (IpAddr::V4(_), Some(IpAddr::V6(_))) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_groups_and_refuses_what_is_none() {
        for text in ["239.1.2.3", "232.1.1.1@10.0.0.1", "ff02::1"] {
            assert_eq!(text.parse::<Join>().map(|join| join.to_string()).as_deref(), Ok(text));
        }
        for text in ["10.0.0.1", "239.1.1.1@", "239.1.1.1@::1", "ff02::1@::1", "group"] {
            assert!(text.parse::<Join>().is_err(), "{text}");
        }
    }
}
