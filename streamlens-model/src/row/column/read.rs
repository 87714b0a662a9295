//! How columns are read.

use super::super::{Element, RowHealth, RowRef};
use super::Cell;
use crate::{Address, Change, Endpoint, Flow, MacAddress, MacPair, StreamHealth, TimingSummary};

type See<'s, 'a> = &'s mut dyn FnMut(Cell<'a>) -> bool;

/// Both ends of a flow.
fn ends(flow: &Flow) -> [Endpoint; 2] {
    [flow.key.src, flow.key.dst]
}

/// An end, where the link has addresses.
fn end<'a>(end: Endpoint) -> Option<Cell<'a>> {
    (end.address != Address::None).then_some(Cell::Endpoint(end))
}

/// The address of an end without its port.
pub(super) fn bare(of: Endpoint) -> Option<Cell<'static>> {
    end(Endpoint { port: None, ..of })
}

pub(super) fn src<'a>(row: &RowRef<'a>) -> Option<Cell<'a>> {
    end(row.flow().key.src)
}

pub(super) fn dst<'a>(row: &RowRef<'a>) -> Option<Cell<'a>> {
    end(row.flow().key.dst)
}

pub(super) fn addr<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    ends(row.flow()).into_iter().filter_map(end).any(see)
}

/// An end with an address of IPv4 or IPv6.
pub(super) fn ip<'a, const IS_V6: bool>(of: Endpoint) -> Option<Cell<'a>> {
    let is_it = match of.address {
        Address::V4(_) => !IS_V6,
        Address::V6(_) => IS_V6,
        Address::Mac(_) | Address::None => false,
    };
    is_it.then_some(Cell::Endpoint(of))
}

pub(super) fn ips<'a, const IS_V6: bool>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    ends(row.flow()).into_iter().filter_map(ip::<IS_V6>).any(see)
}

pub(super) fn port<'a>(port: Option<u16>) -> Option<Cell<'a>> {
    port.map(|port| Cell::Count(port.into()))
}

pub(super) fn ports<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    ends(row.flow()).into_iter().filter_map(|end| port(end.port)).any(see)
}

/// The ports of a transport of that name.
fn ports_of(row: &RowRef<'_>, name: &str) -> Option<(u16, u16)> {
    row.transport().filter(|transport| transport.protocol_name == name)?.ports
}

pub(super) fn udp_ports<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    let ports = ports_of(row, "UDP").map(|(src, dst)| [src, dst]);
    ports.into_iter().flatten().any(|port| see(Cell::Count(port.into())))
}

pub(super) fn tcp_ports<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    let ports = ports_of(row, "TCP").map(|(src, dst)| [src, dst]);
    ports.into_iter().flatten().any(|port| see(Cell::Count(port.into())))
}

pub(super) fn src_port_of<'a>(row: &RowRef<'a>, name: &str) -> Option<Cell<'a>> {
    port(ports_of(row, name).map(|(src, _)| src))
}

pub(super) fn dst_port_of<'a>(row: &RowRef<'a>, name: &str) -> Option<Cell<'a>> {
    port(ports_of(row, name).map(|(_, dst)| dst))
}

/// Addresses of the link layer: those that the flow's frames had, each once.
fn macs<'a>(row: &RowRef<'a>, of: fn(&MacPair) -> [Option<MacAddress>; 2], see: See<'_, 'a>) -> bool {
    let list: &[Change<MacPair>] = &row.flow().macs;
    list.iter().enumerate().any(|(place, change)| {
        let is_new = |mac: &MacAddress| {
            let before = list.iter().take(place).flat_map(|earlier| of(&earlier.value));
            before.flatten().all(|known| known != *mac)
        };
        of(&change.value).into_iter().flatten().filter(is_new).any(|mac| see(Cell::Mac(mac)))
    })
}

pub(super) fn mac<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    macs(row, |pair| [pair.src, pair.dst.filter(|dst| pair.src != Some(*dst))], see)
}

pub(super) fn mac_src<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    macs(row, |pair| [pair.src, None], see)
}

pub(super) fn mac_dst<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    macs(row, |pair| [None, pair.dst], see)
}

pub(super) fn probes<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    let sighting = row.context().live.and_then(|live| live.sighting());
    sighting.is_some_and(|sighting| sighting.probes().any(|probe| see(Cell::Text(probe))))
}

pub(super) fn vlan<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    row.flow().key.vlan.as_slice().iter().any(|id| see(Cell::Count((*id).into())))
}

/// The values of a list of changes, each once.
pub(super) fn changes<'a>(list: &'a [Change<u8>], see: See<'_, 'a>) -> bool {
    list.iter().enumerate().any(|(place, change)| {
        let is_new = list.iter().take(place).all(|earlier| earlier.value != change.value);
        is_new && see(Cell::Count(change.value.into()))
    })
}

/// Nanoseconds from an instant of the flow to now.
pub(super) fn until_now<'a>(row: &RowRef<'a>, since: Option<crate::Timestamp>) -> Option<Cell<'a>> {
    let passed = row.context().now?.since(since?);
    Some(Cell::Number(passed as f64))
}

pub(super) fn timing<'a, T>(
    row: &RowRef<'a>,
    of: fn(&TimingSummary) -> Option<T>,
    cell: fn(T) -> Cell<'a>,
) -> Option<Cell<'a>> {
    row.timing().and_then(of).map(cell)
}

/// Of a flow its key, of other rows the name in the document; a stream has its identifier and a name for people.
pub(super) fn name<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    match row.element() {
        Element::Flow(flow) => see(Cell::Key(&flow.key)),
        Element::Transport(transport) => see(Cell::Text(&transport.protocol_name)),
        Element::Encoding(encoding) => see(Cell::Text(&encoding.encoding_name)),
        Element::Stream(stream) => stream_names(stream, see),
        Element::PacketType(kind) => see(Cell::Text(&kind.type_name)),
    }
}

fn stream_names<'a>(stream: &'a StreamHealth, see: See<'_, 'a>) -> bool {
    see(Cell::Text(&stream.id)) || stream.name.as_deref().is_some_and(|name| see(Cell::Text(name)))
}

/// The row's own stream, or all of its encoding.
fn streams<'a>(row: &RowRef<'a>) -> &'a [StreamHealth] {
    match (row.stream(), row.encoding()) {
        (Some(stream), _) => std::slice::from_ref(stream),
        (_, Some(encoding)) => &encoding.health.streams,
        _ => &[],
    }
}

pub(super) fn stream<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    streams(row).iter().any(|stream| stream_names(stream, see))
}

/// A figure of each stream.
pub(super) fn of_streams<'a>(row: &RowRef<'a>, of: fn(&StreamHealth) -> Option<Cell<'a>>, see: See<'_, 'a>) -> bool {
    streams(row).iter().filter_map(of).any(see)
}

pub(super) fn candidates<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    let candidates = row.transport().map_or(&[][..], |transport| &transport.candidates);
    candidates.iter().any(|candidate| see(Cell::Text(&candidate.encoding_name)))
}

pub(super) fn reasons<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    let reasons = row.encoding().map_or(&[][..], |encoding| &encoding.reasons);
    reasons.iter().any(|reason| see(Cell::Text(reason)))
}

pub(super) fn finding_codes<'a>(row: &RowRef<'a>, see: See<'_, 'a>) -> bool {
    row.findings().any(|(code, _)| see(Cell::Text(code)))
}

pub(super) fn severity<'a>(row: &RowRef<'a>) -> Option<Cell<'a>> {
    row.findings().map(|(_, severity)| severity).max().map(|severity| Cell::Text(severity.name()))
}

pub(super) fn finding_count<'a>(row: &RowRef<'a>) -> Option<Cell<'a>> {
    Some(Cell::Count(row.findings().count() as u64))
}

pub(super) fn level<'a>(row: &RowRef<'a>) -> Option<Cell<'a>> {
    Some(Cell::Text(row.level().name()))
}

/// The encoding's own sums, or the stream's own figures.
pub(super) fn health<'a, T>(
    row: &RowRef<'a>,
    of: fn(&RowHealth) -> Option<T>,
    cell: fn(T) -> Cell<'a>,
) -> Option<Cell<'a>> {
    of(&row.health()).map(cell)
}
