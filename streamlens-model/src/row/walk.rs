//! Going through the rows of a flow.

use std::iter::Enumerate;
use std::slice;

use super::{Level, RowContext, RowId, RowRef};
use crate::{Analysis, ApplicationEncoding, Flow, PacketTypeStats, StreamHealth, TransportProtocol};

/// The rows of a flow: the flow, and of each transport itself and its encodings, of each encoding itself, its streams, and its
/// packet types, each with those that lie in it.
#[must_use]
pub fn rows<'a>(flow: &'a Flow, context: RowContext<'a>) -> Rows<'a> {
    let row = RowRef::of_flow(flow, context);
    Rows {
        row,
        has_begun: false,
        transports: flow.transport_protocols.iter(),
        encodings: [].iter(),
        streams: [].iter().enumerate(),
        types: Types::default(),
    }
}

impl Analysis {
    /// The rows of all flows, in their order. Findings are as the context has them.
    pub fn rows<'a>(&'a self, context: RowContext<'a>) -> impl Iterator<Item = RowRef<'a>> {
        self.flows.iter().flat_map(move |flow| rows(flow, context))
    }
}

/// Iterates over the rows of a flow; see [`rows`]. Allocates only where packet types lie in packet types.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// The last transport or encoding, from which the next rows are made.
    row: RowRef<'a>,
    has_begun: bool,
    transports: slice::Iter<'a, TransportProtocol>,
    encodings: slice::Iter<'a, ApplicationEncoding>,
    streams: Enumerate<slice::Iter<'a, StreamHealth>>,
    types: Types<'a>,
}

/// Packet types in pre-order.
#[derive(Clone, Debug, Default)]
struct Types<'a> {
    current: slice::Iter<'a, PacketTypeStats>,
    /// The number of the type that `current` lies in.
    outer: Option<u32>,
    /// What comes behind `current`, with the numbers of the types that it lies in.
    around: Vec<(slice::Iter<'a, PacketTypeStats>, Option<u32>)>,
    next: u32,
}

impl<'a> Types<'a> {
    fn next(&mut self) -> Option<(&'a PacketTypeStats, u32, Option<u32>)> {
        loop {
            let Some(kind) = self.current.next() else {
                (self.current, self.outer) = self.around.pop()?;
                continue;
            };
            let (number, outer) = (self.next, self.outer);
            self.next += 1;
            if !kind.packet_types.is_empty() {
                let rest = std::mem::replace(&mut self.current, kind.packet_types.iter());
                self.around.push((rest, outer));
                self.outer = Some(number);
            }
            return Some((kind, number, outer));
        }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = RowRef<'a>;

    fn next(&mut self) -> Option<RowRef<'a>> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(self.row);
        }
        let row = self.row;
        if let Some((place, stream)) = self.streams.next() {
            return Some(RowRef { id: row.id.below(Level::Stream, number(place)), stream: Some(stream), ..row });
        }
        if let Some((kind, place, outer)) = self.types.next() {
            return Some(RowRef { id: row.id.below(Level::PacketType, place), outer, packet_type: Some(kind), ..row });
        }
        self.next_encoding().or_else(|| self.next_transport())
    }
}

impl<'a> Rows<'a> {
    fn next_encoding(&mut self) -> Option<RowRef<'a>> {
        let encoding = self.encodings.next()?;
        let RowId { flow, transport, encoding: place, .. } = self.row.id;
        let place = if self.row.encoding.is_some() { place.saturating_add(1) } else { 0 };
        self.row.id = RowId::encoding(flow, transport, place);
        self.row.encoding = Some(encoding);
        self.streams = encoding.health.streams.iter().enumerate();
        self.types = Types { current: encoding.packet_types.iter(), ..Types::default() };
        Some(self.row)
    }

    fn next_transport(&mut self) -> Option<RowRef<'a>> {
        let transport = self.transports.next()?;
        let RowId { flow, transport: place, .. } = self.row.id;
        let place = if self.row.transport.is_some() { place.saturating_add(1) } else { 0 };
        self.row.id = RowId::transport(flow, place);
        (self.row.transport, self.row.encoding) = (Some(transport), None);
        self.encodings = transport.application_encodings.iter();
        Some(self.row)
    }
}

/// A place in a list as part of an identifier.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
