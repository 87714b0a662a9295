//! The rows of a result: its hierarchy laid flat, borrowed.

use super::{FindingIndex, Level, LiveFlow, RowId};
use crate::{ApplicationEncoding, Flow, PacketTypeStats, Severity, StreamHealth, Timestamp, TransportProtocol};

/// What rows are read with, beside the flows.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowContext<'a> {
    /// Capture time from which age and idle time are measured; `None` where there is none.
    pub now: Option<Timestamp>,
    /// The findings by where they stand; without them no row has any.
    pub findings: Option<&'a FindingIndex>,
    /// The live rows that the flow was made of, which have rates of their own; `None` for those of a document.
    pub live: Option<&'a LiveFlow>,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// One direction between two endpoints.
    Flow(&'a Flow),
    /// A transport of a flow.
    Transport(&'a TransportProtocol),
    /// An encoding of a transport.
    Encoding(&'a ApplicationEncoding),
    /// A stream of an encoding.
    Stream(&'a StreamHealth),
    /// A packet type of an encoding, or one that lies in another.
    PacketType(&'a PacketTypeStats),
}

/// A row of a result: an element with those above it. Borrowed; costs a copy.
///
/// ```
/// use streamlens_model::row::{Level, RowContext, rows};
/// use streamlens_model::{Flow, TransportProtocol};
/// let flow = Flow { transport_protocols: vec![TransportProtocol::default()], ..Flow::default() };
/// let levels: Vec<_> = rows(&flow, RowContext::default()).map(|row| row.level()).collect();
/// assert_eq!(levels, [Level::Flow, Level::Transport]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    pub(super) id: RowId,
    /// The packet type around this one.
    pub(super) outer: Option<u32>,
    pub(super) context: RowContext<'a>,
    pub(super) flow: &'a Flow,
    pub(super) transport: Option<&'a TransportProtocol>,
    pub(super) encoding: Option<&'a ApplicationEncoding>,
    pub(super) stream: Option<&'a StreamHealth>,
    pub(super) packet_type: Option<&'a PacketTypeStats>,
}

impl<'a> RowRef<'a> {
    /// The row of a flow.
    #[must_use]
    pub fn of_flow(flow: &'a Flow, context: RowContext<'a>) -> Self {
        Self {
            id: RowId::flow(flow.id),
            outer: None,
            context,
            flow,
            transport: None,
            encoding: None,
            stream: None,
            packet_type: None,
        }
    }

    /// Which row it is.
    #[must_use]
    pub fn id(&self) -> RowId {
        self.id
    }

    /// Its level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.id.level
    }

    /// The row above; `None` for flows.
    #[must_use]
    pub fn parent(&self) -> Option<RowId> {
        let RowId { flow, transport, encoding, level, .. } = self.id;
        let own_encoding = RowId::encoding(flow, transport, encoding);
        match level {
            Level::Flow => None,
            Level::Transport => Some(RowId::flow(flow)),
            Level::Encoding => Some(RowId::transport(flow, transport)),
            Level::Stream => Some(own_encoding),
            Level::PacketType => Some(self.outer.map_or(own_encoding, |outer| own_encoding.below(level, outer))),
        }
    }

    /// What it is read with.
    #[must_use]
    pub fn context(&self) -> RowContext<'a> {
        self.context
    }

    /// What it stands for.
    #[must_use]
    pub fn element(&self) -> Element<'a> {
        match (self.packet_type, self.stream, self.encoding, self.transport) {
            (Some(packet_type), ..) => Element::PacketType(packet_type),
            (_, Some(stream), ..) => Element::Stream(stream),
            (_, _, Some(encoding), _) => Element::Encoding(encoding),
            (_, _, _, Some(transport)) => Element::Transport(transport),
            _ => Element::Flow(self.flow),
        }
    }

    /// The flow that it is, or belongs to.
    #[must_use]
    pub fn flow(&self) -> &'a Flow {
        self.flow
    }

    /// The transport that it is, or belongs to.
    #[must_use]
    pub fn transport(&self) -> Option<&'a TransportProtocol> {
        self.transport
    }

    /// The encoding that it is, or belongs to.
    #[must_use]
    pub fn encoding(&self) -> Option<&'a ApplicationEncoding> {
        self.encoding
    }

    /// The stream that it is.
    #[must_use]
    pub fn stream(&self) -> Option<&'a StreamHealth> {
        self.stream
    }

    /// The packet type that it is.
    #[must_use]
    pub fn packet_type(&self) -> Option<&'a PacketTypeStats> {
        self.packet_type
    }

    /// The row itself, or the one of that level above it; `None` where neither is.
    #[must_use]
    pub fn at(&self, level: Level) -> Option<Self> {
        let RowId { flow, transport, encoding, .. } = self.id;
        let above = Self { stream: None, packet_type: None, outer: None, ..*self };
        match level {
            _ if level == self.level() => Some(*self),
            Level::Flow => Some(Self::of_flow(self.flow, self.context)),
            Level::Transport => {
                self.transport.map(|_| Self { id: RowId::transport(flow, transport), encoding: None, ..above })
            }
            Level::Encoding => self.encoding.map(|_| Self { id: RowId::encoding(flow, transport, encoding), ..above }),
            Level::Stream | Level::PacketType => None,
        }
    }

    /// Whether rows of that level lie below it.
    #[must_use]
    pub fn has_below(&self, level: Level) -> bool {
        if level <= self.level() && self.level() != Level::Stream {
            return level == Level::PacketType && self.packet_type.is_some_and(|kind| !kind.packet_types.is_empty());
        }
        let in_encoding = |encoding: &ApplicationEncoding| match level {
            Level::Stream => !encoding.health.streams.is_empty(),
            _ => !encoding.packet_types.is_empty(),
        };
        let in_transport = |transport: &TransportProtocol| match level {
            Level::Encoding => !transport.application_encodings.is_empty(),
            _ => transport.application_encodings.iter().any(in_encoding),
        };
        match self.element() {
            Element::Flow(flow) if level == Level::Transport => !flow.transport_protocols.is_empty(),
            Element::Flow(flow) => flow.transport_protocols.iter().any(in_transport),
            Element::Transport(transport) => in_transport(transport),
            Element::Encoding(encoding) => in_encoding(encoding),
            Element::Stream(_) | Element::PacketType(_) => false,
        }
    }

    /// Codes and severities of the findings at this row; see [`FindingIndex::at`].
    pub fn findings(&self) -> impl Iterator<Item = (&'a str, Severity)> + use<'a> {
        let row = *self;
        self.context.findings.into_iter().flat_map(move |index| index.at(&row))
    }

    /// Whether it is a packet type that lies in another.
    #[must_use]
    pub const fn is_nested(&self) -> bool {
        self.outer.is_some()
    }

    /// The names of the packet types from the outermost to this one; none where it is of another level. Takes time with the
    /// number of packet types only where this one lies in another.
    #[must_use]
    pub fn type_path(&self) -> Vec<&'a str> {
        let Some(own) = self.packet_type else { return Vec::new() };
        if self.outer.is_none() {
            return vec![&own.type_name];
        }
        fn find<'a>(kinds: &'a [PacketTypeStats], own: &PacketTypeStats, path: &mut Vec<&'a str>) -> bool {
            kinds.iter().any(|kind| {
                path.push(&kind.type_name);
                let is_found = std::ptr::eq(kind, own) || find(&kind.packet_types, own, path);
                if !is_found {
                    path.pop();
                }
                is_found
            })
        }
        let mut path = Vec::new();
        let kinds = self.encoding.map_or(&[][..], |encoding| &encoding.packet_types);
        find(kinds, own, &mut path);
        path
    }
}
