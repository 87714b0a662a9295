//! What rows and findings are told apart by.

use std::fmt;

/// Identifies a flow for as long as anyone may hold the identifier.
///
/// In a file the same capture gives the same identifiers on every run. A slot is used again when its flow has ended, with the
/// next generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId {
    /// Place in the table of flows.
    pub slot: u32,
    /// How many flows had that place before.
    pub generation: u32,
}

/// Displayed as `17`, or as `17.2` where two flows had its place before.
impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.slot)?;
        if self.generation > 0 { write!(f, ".{}", self.generation) } else { Ok(()) }
    }
}

/// A level of the hierarchy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One direction between two endpoints.
    #[default]
    Flow,
    /// A transport protocol of a flow.
    Transport,
    /// An application protocol of a transport.
    Encoding,
    /// A stream of an encoding.
    Stream,
    /// A kind of PDU of an encoding, or of PDUs within PDUs.
    PacketType,
}

impl Level {
    /// All levels, from the top.
    pub const ALL: [Self; 5] = [Self::Flow, Self::Transport, Self::Encoding, Self::Stream, Self::PacketType];

    /// Its name, as in CSV and filters: `flow`, `transport`, `encoding`, `stream`, `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Transport => "transport",
            Self::Encoding => "encoding",
            Self::Stream => "stream",
            Self::PacketType => "type",
        }
    }
}

/// Identifies a row for as long as its flow lives. It follows from the identifier of the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// The flow that it is, or belongs to.
    pub flow: FlowId,
    /// Its level.
    pub level: Level,
    /// Place of its transport in the flow; 0 for flows.
    pub transport: u16,
    /// Place of its encoding in the transport; 0 above encodings.
    pub encoding: u16,
    /// Place of the packet type or stream in the encoding; 0 above.
    pub item: u32,
}

impl RowId {
    /// The row of a flow.
    #[must_use]
    pub fn flow(flow: FlowId) -> Self {
        Self { flow, ..Self::default() }
    }

    /// The row of a flow's transport.
    #[must_use]
    pub fn transport(flow: FlowId, transport: u16) -> Self {
        Self { flow, level: Level::Transport, transport, ..Self::default() }
    }

    /// The row of an encoding.
    #[must_use]
    pub fn encoding(flow: FlowId, transport: u16, encoding: u16) -> Self {
        Self { flow, level: Level::Encoding, transport, encoding, item: 0 }
    }

    /// A row below that of an encoding: a stream or a packet type.
    #[must_use]
    pub fn below(self, level: Level, item: u32) -> Self {
        Self { level, item, ..self }
    }
}

/// Displayed as `17/0/1/s3`: flow, transport, encoding, then stream (`s`) or packet type (`t`), as far as the level goes.
impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flow, level, transport, encoding, item } = self;
        match level {
            Level::Flow => write!(f, "{flow}"),
            Level::Transport => write!(f, "{flow}/{transport}"),
            Level::Encoding => write!(f, "{flow}/{transport}/{encoding}"),
            Level::Stream => write!(f, "{flow}/{transport}/{encoding}/s{item}"),
            Level::PacketType => write!(f, "{flow}/{transport}/{encoding}/t{item}"),
        }
    }
}

/// Identifies a finding for the life of an analysis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_as_a_path() {
        let flow = FlowId { slot: 17, generation: 0 };
        let encoding = RowId::encoding(flow, 0, 1);
        let ids = [RowId::flow(flow), RowId::transport(flow, 2), encoding, encoding.below(Level::Stream, 3)];
        assert_eq!(ids.map(|id| id.to_string()), ["17", "17/2", "17/0/1", "17/0/1/s3"]);
        assert_eq!(RowId::flow(FlowId { slot: 4, generation: 2 }).to_string(), "4.2");
    }
}
