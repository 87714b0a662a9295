//! Asks the network for multicast groups, by IGMP and MLD, for as long as the capture runs.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::choose::Candidate;
use crate::error::LiveError;
use crate::notices::Notices;

#[cfg(target_os = "linux")]
mod source_group;

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
        if let Some(source) = source.filter(|source| source.is_multicast() || source.is_unspecified()) {
            return Err(format!("{source} is no address of a sender"));
        }
        match (group, source) {
            (IpAddr::V4(_), Some(IpAddr::V6(_))) | (IpAddr::V6(_), Some(IpAddr::V4(_))) => {
                Err("the source has another IP version than the group".to_owned())
            }
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
    /// Joins on an interface of this number, where it is known, and these addresses; the group is left when the socket is
    /// closed.
    pub(crate) fn on(&self, index: Option<u32>, addresses: &[IpAddr]) -> io::Result<Socket> {
        let domain = if self.group.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        let own = || {
            let own =
                addresses.iter().find_map(|address| if let IpAddr::V4(own) = address { Some(*own) } else { None });
            own.ok_or_else(|| io::Error::other("the interface has no IPv4 address, which asking for one source needs"))
        };
        match (self.group, self.source) {
            (IpAddr::V4(group), None) => {
                let interface = match index {
                    Some(index) => InterfaceIndexOrAddress::Index(index),
                    None => InterfaceIndexOrAddress::Address(own()?),
                };
                socket.join_multicast_v4_n(&group, &interface)?;
            }
            (IpAddr::V4(group), Some(IpAddr::V4(source))) => socket.join_ssm_v4(&source, &group, &own()?)?,
            (IpAddr::V6(group), None) => {
                let index = index.ok_or_else(|| io::Error::other("the interface's number is not known"))?;
                socket.join_multicast_v6(&group, index)?;
            }
            (IpAddr::V6(group), Some(IpAddr::V6(source))) => join_source_6(&socket, group, source, index)?,
            (IpAddr::V4(_), Some(IpAddr::V6(_))) | (IpAddr::V6(_), Some(IpAddr::V4(_))) => {
                return Err(io::Error::from(io::ErrorKind::InvalidInput));
            }
        }
        Ok(socket)
    }
}

#[cfg(target_os = "linux")]
fn join_source_6(socket: &Socket, group: Ipv6Addr, source: Ipv6Addr, index: Option<u32>) -> io::Result<()> {
    let index = index.ok_or_else(|| io::Error::other("the interface's number is not known"))?;
    source_group::join(socket, group, source, index)
}

#[cfg(not(target_os = "linux"))]
fn join_source_6(_: &Socket, _: Ipv6Addr, _: Ipv6Addr, _: Option<u32>) -> io::Result<()> {
    Err(io::Error::other("one source of an IPv6 group is asked for on Linux alone; leave it out"))
}

/// Whether an interface sends IPv6 at all: where it is switched off there, Linux lets groups be joined and asks nobody for them.
fn has_ipv6(interface: &str) -> io::Result<()> {
    let setting = std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"));
    if setting.is_ok_and(|setting| setting.trim() == "1") {
        let way = format!("IPv6 is switched off on {interface}; sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0");
        return Err(io::Error::other(way));
    }
    Ok(())
}

/// Joins groups on interfaces. With several interfaces, one that has no such network is no failure: it is said.
pub(crate) fn on_all<T: Candidate>(
    joins: &[Join],
    interfaces: &[T],
    notices: &mut Notices,
    number_and_addresses: impl Fn(&T) -> (Option<u32>, &[IpAddr]),
) -> Result<Vec<Socket>, LiveError> {
    let mut sockets = Vec::new();
    for join in joins {
        let (mut is_joined, mut refused) = (false, None);
        for interface in interfaces {
            let (index, addresses) = number_and_addresses(interface);
            let joined = match join.group {
                IpAddr::V6(_) => has_ipv6(interface.name()).and_then(|()| join.on(index, addresses)),
                IpAddr::V4(_) => join.on(index, addresses),
            };
            match joined {
                Ok(socket) => {
                    sockets.push(socket);
                    is_joined = true;
                }
                Err(why) => {
                    notices.not_joined(interface.name(), join, &why);
                    refused = Some(why);
                }
            }
        }
        if let (false, Some(source)) = (is_joined, refused) {
            return Err(LiveError::Join { group: join.to_string(), source });
        }
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_groups_and_refuses_what_is_none() {
        for text in ["239.1.2.3", "232.1.1.1@10.0.0.1", "ff02::1", "ff3e::1@2001:db8::1"] {
            assert_eq!(text.parse::<Join>().map(|join| join.to_string()).as_deref(), Ok(text));
        }
        for text in ["10.0.0.1", "239.1.1.1@", "239.1.1.1@::1", "ff02::1@10.0.0.1", "ff02::1@", "group"] {
            assert!(text.parse::<Join>().is_err(), "{text}");
        }
    }

    /// What the kernel keeps for the loopback: of each source of that group, how many sockets want it and how many do not.
    #[cfg(target_os = "linux")]
    fn kernels_filters(group: &str) -> Vec<(String, u32, u32)> {
        let text = std::fs::read_to_string("/proc/net/mcfilter6").expect("the kernel's list of sources");
        let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let of_group = lines.filter_map(|words| match *words.as_slice() {
            [_, "lo", found, source, wanted, refused] if found == group => {
                Some((source.to_owned(), wanted.parse().ok()?, refused.parse().ok()?))
            }
            _ => None,
        });
        of_group.collect()
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_is_asked_for_one_source_of_an_ipv6_group() {
        if !std::path::Path::new("/proc/net/mcfilter6").exists() {
            assert!(std::env::var_os("CI").is_none(), "SKIPPED under CI: this system has no IPv6");
            println!("SKIPPED: this system has no IPv6");
            return;
        }
        let interfaces = crate::interfaces().expect("a list");
        let loopback = interfaces.iter().find(|info| info.is_loopback).expect("the loopback");
        let join: Join = "ff3e::4321:1234@2001:db8::7".parse().expect("a group and a source");
        let group = "ff3e0000000000000000000043211234";
        assert_eq!(kernels_filters(group), []);
        let socket = join.on(Some(loopback.index), &loopback.addresses).expect("the loopback takes groups");
        assert_eq!(kernels_filters(group), [("20010db8000000000000000000000007".to_owned(), 1, 0)]);
        drop(socket);
        assert_eq!(kernels_filters(group), []);
    }
}
