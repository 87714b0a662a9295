//! Stations as DCP shows them: names, addresses, roles; who set what; names and addresses that are in use twice.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use streamlens_model::{Address, FindingLog, MacAddress, Metadata, Occurrence, Severity, Value};

use super::dcp::{DcpPdu, Fact, IpParameters, dcp_role, text};

/// Stations that are kept; further ones are not.
const MAX_STATIONS: usize = 4096;
/// Stations that a result lists.
const MAX_LISTED: usize = 1024;
/// Queries whose answers are compared, and answers of each.
const MAX_QUERIES: usize = 64;
const MAX_ANSWERS: usize = 128;
/// Sets that wait for their answer.
const MAX_SETS: usize = 64;
/// Requests of one station within a second from which on it is a flood: a controller that looks for all the devices
/// it can have at once stays below.
const FLOOD: u32 = 500;

/// A station.
#[derive(Clone, Debug, Default)]
struct Station {
    name: Option<String>,
    alias: Option<String>,
    kind: Option<String>,
    ip: Option<IpParameters>,
    identity: Option<(u16, u16)>,
    role: Option<u8>,
}

impl Station {
    fn learn(&mut self, fact: Fact<'_>) {
        match fact {
            Fact::Ip(parameters, _) => self.ip = Some(parameters),
            Fact::NameOfStation(name) => self.name = Some(text(name)),
            Fact::Alias(name) => self.alias = Some(text(name)),
            Fact::TypeOfStation(name) => self.kind = Some(text(name)),
            Fact::Identity(vendor, device) => self.identity = Some((vendor, device)),
            Fact::Role(role) => self.role = Some(role),
            Fact::Answer(..) | Fact::Reset(_) => {}
        }
    }

    fn value(&self, mac: MacAddress) -> Value {
        let mut pairs = vec![("mac", Value::from(mac.to_string()))];
        for (key, held) in [("name", &self.name), ("alias", &self.alias), ("type", &self.kind)] {
            pairs.extend(held.as_ref().map(|held| (key, Value::from(held.clone()))));
        }
        if let Some(ip) = self.ip {
            pairs.push(("address", ip.address.to_string().into()));
            pairs.push(("mask", ip.mask.to_string().into()));
            pairs.push(("gateway", ip.gateway.to_string().into()));
        }
        if let Some((vendor, device)) = self.identity {
            pairs.push(("vendor_id", format!("0x{vendor:04x}").into()));
            pairs.push(("device_id", format!("0x{device:04x}").into()));
        }
        if let Some(role) = self.role {
            pairs.push(("role", dcp_role(role).into()));
        }
        Value::map(pairs)
    }
}

/// A query and who answered it.
#[derive(Debug)]
struct Query {
    key: (u32, MacAddress),
    answers: Vec<(MacAddress, Option<String>, Option<Ipv4Addr>)>,
}

/// A set that waits for its answer.
#[derive(Debug)]
struct PendingSet {
    key: (u32, MacAddress, MacAddress),
    name: Option<String>,
    ip: Option<IpParameters>,
}

/// All stations.
#[derive(Debug, Default)]
pub(super) struct Stations {
    stations: BTreeMap<MacAddress, Station>,
    queries: VecDeque<Query>,
    sets: VecDeque<PendingSet>,
    /// Begin of the running second and requests in it, by station.
    rates: BTreeMap<MacAddress, (i64, u32)>,
    findings: FindingLog,
}

impl Stations {
    pub(super) const fn findings(&self) -> &FindingLog {
        &self.findings
    }

    /// The name of the station with a link-layer or IP address, where DCP told it.
    pub(super) fn name_of(&self, address: Address) -> Option<&str> {
        match address {
            Address::Mac(mac) => self.stations.get(&mac)?.name.as_deref(),
            Address::V4(ip) => {
                let mut holders = self.stations.values().filter(|s| s.ip.is_some_and(|held| held.address == ip));
                let only = holders.next()?;
                if holders.next().is_some() { None } else { only.name.as_deref() }
            }
            _ => None,
        }
        .filter(|name| !name.is_empty())
    }

    /// Records a DCP PDU. `is_running`: its receiver is a device with a running relation.
    pub(super) fn take(
        &mut self,
        pdu: &DcpPdu<'_>,
        src: MacAddress,
        dst: MacAddress,
        is_running: bool,
        at: Occurrence,
    ) {
        if !pdu.is_response() {
            self.note_rate(src, at);
        }
        match (pdu.service, pdu.is_response()) {
            (4, false) => self.note_set(pdu, src, dst, is_running, at),
            (4, true) => self.note_set_answer(pdu, src, dst),
            (3 | 5, true) | (6, false) => {
                if self.stations.len() < MAX_STATIONS || self.stations.contains_key(&src) {
                    let station = self.stations.entry(src).or_default();
                    pdu.blocks().filter_map(|block| block.fact()).for_each(|fact| station.learn(fact));
                }
                if pdu.service == 5 {
                    self.compare(pdu, src, dst, at);
                }
                self.note_conflict(pdu, src, at);
            }
            _ => {}
        }
    }

    /// Two answers to one query that claim one name or one address.
    fn compare(&mut self, pdu: &DcpPdu<'_>, src: MacAddress, dst: MacAddress, at: Occurrence) {
        let (mut name, mut ip) = (None, None);
        for fact in pdu.blocks().filter_map(|block| block.fact()) {
            match fact {
                Fact::NameOfStation(bytes) => name = Some(text(bytes)).filter(|name| !name.is_empty()),
                Fact::Ip(held, _) => ip = Some(held.address).filter(|ip| !ip.is_unspecified()),
                _ => {}
            }
        }
        let key = (pdu.xid, dst);
        let index = match self.queries.iter().rposition(|query| query.key == key) {
            Some(index) => index,
            None => {
                if self.queries.len() == MAX_QUERIES {
                    self.queries.pop_front();
                }
                self.queries.push_back(Query { key, answers: Vec::new() });
                self.queries.len() - 1
            }
        };
        let Some(query) = self.queries.get_mut(index) else { return };
        let findings = &mut self.findings;
        for (other, other_name, other_ip) in query.answers.iter().filter(|(other, ..)| *other != src) {
            if let Some(name) = name.as_ref().filter(|name| Some(*name) == other_name.as_ref()) {
                findings.add("profinet.duplicate-station-name", Severity::Error, None, at, || {
                    format!("{other} and {src} both answered to the station name \"{name}\"")
                });
            }
            if let Some(ip) = ip.filter(|ip| Some(*ip) == *other_ip) {
                findings.add("profinet.duplicate-address", Severity::Error, None, at, || {
                    format!("{other} and {src} both answered with the address {ip}")
                });
            }
        }
        if query.answers.len() < MAX_ANSWERS && !query.answers.iter().any(|(other, ..)| *other == src) {
            query.answers.push((src, name, ip));
        }
    }

    /// A station that says itself that its address is in use by another.
    fn note_conflict(&mut self, pdu: &DcpPdu<'_>, src: MacAddress, at: Occurrence) {
        for fact in pdu.blocks().filter_map(|block| block.fact()) {
            if let Fact::Ip(ip, true) = fact {
                self.findings.add("profinet.duplicate-address", Severity::Error, None, at, || {
                    format!("{src} found its address {} in use by another station", ip.address)
                });
            }
        }
    }

    fn note_set(&mut self, pdu: &DcpPdu<'_>, src: MacAddress, dst: MacAddress, is_running: bool, at: Occurrence) {
        let mut set = PendingSet { key: (pdu.xid, src, dst), name: None, ip: None };
        let severity = if is_running { Severity::Warning } else { Severity::Info };
        let when = if is_running { " while its application relation runs" } else { "" };
        for fact in pdu.blocks().filter_map(|block| block.fact()) {
            let what = match fact {
                Fact::NameOfStation(name) => {
                    let name = set.name.insert(text(name));
                    format!("sets the station name of {dst} to \"{name}\"")
                }
                Fact::Ip(ip, _) => {
                    set.ip = Some(ip);
                    format!("sets the address of {dst} to {}", ip.address)
                }
                Fact::Reset(_) => format!("resets {dst} to factory settings"),
                _ => continue,
            };
            self.findings.add("profinet.dcp-set", severity, None, at, || format!("{src} {what}{when}"));
        }
        if set.name.is_some() || set.ip.is_some() {
            if self.sets.len() == MAX_SETS {
                self.sets.pop_front();
            }
            self.sets.push_back(set);
        }
    }

    fn note_set_answer(&mut self, pdu: &DcpPdu<'_>, src: MacAddress, dst: MacAddress) {
        let key = (pdu.xid, dst, src);
        let Some(set) = self.sets.iter().rposition(|set| set.key == key).and_then(|index| self.sets.remove(index))
        else {
            return;
        };
        if self.stations.len() >= MAX_STATIONS && !self.stations.contains_key(&src) {
            return;
        }
        let accepted = |wanted: u8| {
            let answers = pdu.blocks().filter_map(|block| block.fact());
            answers.into_iter().any(|fact| matches!(fact, Fact::Answer(option, _, 0) if option == wanted))
        };
        let station = self.stations.entry(src).or_default();
        if accepted(2) && set.name.is_some() {
            station.name = set.name;
        }
        if accepted(1) && set.ip.is_some() {
            station.ip = set.ip;
        }
    }

    fn note_rate(&mut self, src: MacAddress, at: Occurrence) {
        let Some(now) = at.time.map(|time| time.as_nanos()) else { return };
        if self.rates.len() >= MAX_STATIONS && !self.rates.contains_key(&src) {
            return;
        }
        let (begin, count) = self.rates.entry(src).or_insert((now, 0));
        if now.saturating_sub(*begin) >= 1_000_000_000 || now < *begin {
            (*begin, *count) = (now, 0);
        }
        *count += 1;
        if *count == FLOOD {
            self.findings.add("profinet.dcp-flood", Severity::Warning, None, at, || {
                format!("{src} sent {FLOOD} DCP requests within a second")
            });
        }
    }

    /// Adds the stations to the facts.
    pub(super) fn report(&self, facts: &mut Metadata) {
        if !self.stations.is_empty() {
            let listed = self.stations.iter().take(MAX_LISTED).map(|(mac, station)| station.value(*mac));
            facts.insert("stations".into(), Value::list(listed));
        }
    }
}
