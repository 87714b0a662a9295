//! Sources announced by multicast DNS as instances of `_ndi._tcp.local` (RFC 6762, RFC 6763), and which flows they send.
//!
//! The datagrams stay multicast DNS, in which any service may be announced besides: they are inspected, not claimed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{RData, TXT};
use simple_dns::{Name, PacketFlag, ResourceRecord};
use streamlens_model::{Endpoint, Occurrence, Packet, Value};

use super::decoder::NAME;
use crate::{DecodingResult, NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey};

#[cfg(test)]
mod tests;

/// The port of multicast DNS.
pub(super) const MDNS_PORT: u16 = 5353;

const SERVICE: [&[u8]; 3] = [b"_ndi", b"_tcp", b"local"];

/// The longest answer that is listened to: multicast DNS keeps below it (RFC 6762 §17).
const MAX_LENGTH: usize = 9000;

/// The most sources and hosts that are remembered.
const MAX_SOURCES: usize = 1024;

/// The most addresses remembered of a host, and properties of a source.
const MAX_ITEMS: usize = 8;

/// Passes answers of multicast DNS on to the monitor.
pub(super) fn inspect(packet: &Packet<'_>, result: &mut DecodingResult) {
    let is_answer =
        packet.flow.src.port == Some(MDNS_PORT) && packet.payload.get(2).is_some_and(|flags| flags & 0x80 != 0);
    if is_answer && packet.missing == 0 && packet.payload.len() <= MAX_LENGTH {
        result.publish(packet.payload);
    }
}

/// One announced source.
#[derive(Clone, Debug)]
struct Source {
    host: Option<(String, u16)>,
    properties: BTreeMap<String, String>,
    announcements: u64,
    /// Whether the last word on it was that it is gone (a time to live of 0, RFC 6762 §10.1).
    withdrawn: bool,
    first: Occurrence,
    last: Occurrence,
}

/// All sources and hosts that were announced.
#[derive(Debug, Default)]
pub(super) struct Sources {
    sources: BTreeMap<String, Source>,
    hosts: BTreeMap<String, Vec<IpAddr>>,
    not_kept: u64,
}

/// Which source a flow belongs to, and how that is known.
#[derive(Clone, Copy)]
enum Match<'a> {
    Exact(&'a str),
    OnlyOne(&'a str),
}

/// Where sources are, by address and port, and how many there are at an address.
#[derive(Default)]
struct Places<'a> {
    exact: BTreeMap<(IpAddr, u16), &'a str>,
    at_address: BTreeMap<IpAddr, (&'a str, u64)>,
}

impl<'a> Places<'a> {
    fn of(sources: &'a Sources) -> Self {
        let mut places = Self::default();
        for (name, source) in &sources.sources {
            let Some((_, port)) = source.host else { continue };
            for &address in sources.addresses(source) {
                places.exact.entry((address, port)).or_insert(name);
                places.at_address.entry(address).or_insert((name, 0)).1 += 1;
            }
        }
        places
    }

    /// The source at an endpoint: by address and port, else the only one that was announced at the address.
    fn at(&self, endpoint: Endpoint) -> Option<Match<'a>> {
        let address = endpoint.address.ip()?;
        let exact = endpoint.port.and_then(|port| self.exact.get(&(address, port)));
        let only = || self.at_address.get(&address).filter(|(_, count)| *count == 1);
        exact.map(|name| Match::Exact(name)).or_else(|| only().map(|(name, _)| Match::OnlyOne(name)))
    }
}

impl Sources {
    fn record(&mut self, record: &ResourceRecord<'_>, at: Occurrence) {
        match &record.rdata {
            RData::PTR(target) if is_service(&record.name) => {
                if let Some(name) = instance(target) {
                    self.note(name, record.ttl, at, |_| {});
                }
            }
            RData::SRV(place) => {
                if let Some(name) = instance(&record.name) {
                    let host = (place.target.to_string(), place.port);
                    self.note(name, record.ttl, at, |source| source.host = Some(host));
                }
            }
            RData::TXT(text) => {
                if let Some(name) = instance(&record.name) {
                    self.note(name, record.ttl, at, |source| source.properties = properties(text));
                }
            }
            RData::A(address) => self.address(&record.name, Ipv4Addr::from(address.address).into()),
            RData::AAAA(address) => self.address(&record.name, Ipv6Addr::from(address.address).into()),
            _ => {}
        }
    }

    /// Records a source; its records of one answer count as one announcement.
    fn note(&mut self, name: String, ttl: u32, at: Occurrence, change: impl FnOnce(&mut Source)) {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&name) {
            self.not_kept += 1;
            return;
        }
        let source = self.sources.entry(name).or_insert_with(|| Source {
            host: None,
            properties: BTreeMap::new(),
            announcements: 0,
            withdrawn: false,
            first: at,
            last: at,
        });
        if source.announcements == 0 || source.last.frame != at.frame {
            source.announcements += 1;
        }
        source.last = at;
        source.withdrawn = ttl == 0;
        if ttl > 0 {
            change(source);
        }
    }

    fn address(&mut self, host: &Name<'_>, address: IpAddr) {
        let host = host.to_string();
        if self.hosts.len() >= MAX_SOURCES && !self.hosts.contains_key(&host) {
            return;
        }
        let addresses = self.hosts.entry(host).or_default();
        if addresses.len() < MAX_ITEMS && !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    fn addresses(&self, source: &Source) -> &[IpAddr] {
        let host = source.host.as_ref().and_then(|(host, _)| self.hosts.get(host));
        host.map_or(&[], Vec::as_slice)
    }
}

impl NetworkMonitor for Sources {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        let Ok(answer) = simple_dns::Packet::parse(pdu.bytes) else { return };
        if answer.has_flags(PacketFlag::RESPONSE) {
            answer.answers.iter().chain(&answer.additional_records).for_each(|record| self.record(record, pdu.at));
        }
    }

    fn survey(&self) -> Box<dyn Survey + '_> {
        let (places, flows, report) = (Places::of(self), BTreeMap::new(), NetworkReport::default());
        Box::new(SourceSurvey { known: self, places, flows, report })
    }
}

/// Names flows by their sources.
struct SourceSurvey<'m> {
    known: &'m Sources,
    places: Places<'m>,
    flows: BTreeMap<&'m str, u64>,
    report: NetworkReport,
}

impl Survey for SourceSurvey<'_> {
    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        if peer.encoding != NAME {
            return;
        }
        // A source's own flow before one that goes to it; an exact place before the only one of the host.
        let found = [self.places.at(peer.flow.src), self.places.at(peer.flow.dst)];
        let exact = found.iter().flatten().find(|found| matches!(found, Match::Exact(_)));
        let Some(found) = exact.or(found.iter().flatten().next()) else { return };
        let (name, how) = match found {
            Match::Exact(name) => (*name, "its address and port were announced by mDNS"),
            Match::OnlyOne(name) => (*name, "the only source that was announced at this address by mDNS"),
        };
        *self.flows.entry(name).or_default() += 1;
        let to = self.report.flows.entry(number).or_default();
        to.fact("source", name.to_owned());
        to.reasons.push(format!("{name}: {how}"));
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let known = self.known;
        *report = self.report;
        let sources = known.sources.iter().map(|(name, source)| {
            let mut facts = vec![
                ("name", Value::from(name.clone())),
                ("addresses", Value::list(known.addresses(source).iter().map(ToString::to_string))),
                (
                    "properties",
                    Value::map(source.properties.iter().map(|(key, value)| (key.clone(), value.clone().into()))),
                ),
                ("announcements", source.announcements.into()),
                ("withdrawn", source.withdrawn.into()),
                ("first", source.first.into()),
                ("last", source.last.into()),
                ("flows", self.flows.get(name.as_str()).copied().unwrap_or(0).into()),
            ];
            if let Some((host, port)) = &source.host {
                facts.extend([("host", host.clone().into()), ("port", (*port).into())]);
            }
            Value::map(facts)
        });
        if !known.sources.is_empty() {
            report.facts.insert("sources".into(), Value::List(sources.collect()));
        }
        if known.not_kept > 0 {
            report.facts.insert("announcements_not_kept".into(), known.not_kept.into());
        }
    }
}

/// Whether a name is the service's own.
fn is_service(name: &Name<'_>) -> bool {
    ends_the_service(name.as_bytes())
}

fn ends_the_service<'a>(mut labels: impl Iterator<Item = &'a [u8]>) -> bool {
    SERVICE.iter().all(|known| labels.next().is_some_and(|label| label.eq_ignore_ascii_case(known)))
        && labels.next().is_none()
}

/// The source's name, `MACHINE (source)`, where a name is an instance of the service.
fn instance(name: &Name<'_>) -> Option<String> {
    let mut labels = name.as_bytes();
    let first = labels.next()?;
    ends_the_service(labels).then(|| String::from_utf8_lossy(first).into_owned())
}

/// `groups=public` and the like.
fn properties(text: &TXT<'_>) -> BTreeMap<String, String> {
    let readable = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs = text.iter_raw().take(MAX_ITEMS);
    pairs.map(|(key, value)| (readable(key), readable(value.unwrap_or_default()))).collect()
}
