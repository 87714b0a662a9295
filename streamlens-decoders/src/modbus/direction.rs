//! Which way a flow goes, requests or responses, from its ports and from the shapes of its PDUs.

use std::cmp::Ordering;

use streamlens_model::FlowKey;

use super::function::Kind;
use super::shape::Shape;

/// The port of Modbus TCP, at servers.
pub(super) const PORT: u16 = 502;

/// What speaks for requests (above 0) and for responses (below 0). Starts from the port and learns from every PDU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Direction {
    votes: i64,
    /// The kind where PDUs never tell.
    by_ports: i64,
}

impl Direction {
    /// What the ports say: port 502 is the server's; else the lower port, if nothing better comes.
    pub(super) fn of_flow(flow: &FlowKey) -> Self {
        let (src, dst) = (flow.src.port.unwrap_or(0), flow.dst.port.unwrap_or(0));
        let votes = match (src == PORT, dst == PORT) {
            (false, true) => i64::from(u32::MAX),
            (true, false) => -i64::from(u32::MAX),
            _ => 0,
        };
        Self { votes, by_ports: if dst <= src { 1 } else { -1 } }
    }

    /// Learns from how a PDU fits either kind.
    pub(super) fn learn(&mut self, request: Shape, response: Shape) {
        let vote = match (request == Shape::Exact, response == Shape::Exact) {
            (true, false) => 2,
            (false, true) => -2,
            _ if request > response && request == Shape::OutOfRange => 1,
            _ if response > request && response == Shape::OutOfRange => -1,
            _ => 0,
        };
        self.votes = self.votes.saturating_add(vote);
    }

    /// The kind of a PDU that comes now.
    pub(super) fn kind(self, exception: bool) -> Kind {
        match self.votes {
            1.. => Kind::Request,
            ..=-1 if exception => Kind::Exception,
            ..=-1 => Kind::Response,
            0 => Kind::Undecided,
        }
    }

    /// The kind of PDUs of this flow where the opposite flow is known: the client's is the one that more speaks for. Both may
    /// hold requests, on a line that echoes them.
    pub(super) fn against(self, other: Self) -> Kind {
        match self.votes.cmp(&other.votes) {
            Ordering::Greater => Kind::Request,
            Ordering::Less => Kind::Response,
            Ordering::Equal => self.settled(),
        }
    }

    /// The kind of PDUs that came while nothing was known, as far as is known now.
    pub(super) fn settled(self) -> Kind {
        if self.votes > 0 || (self.votes == 0 && self.by_ports > 0) { Kind::Request } else { Kind::Response }
    }
}
