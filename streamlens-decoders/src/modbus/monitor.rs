//! Observes both directions of one connection, and puts their PDUs in the order in which they came.

use std::borrow::Cow;
use std::collections::VecDeque;

use streamlens_model::{FlowKey, Occurrence};

use super::decoder::range;
use super::direction::Direction;
use super::function::{Kind, function_name};
use super::shape::Shape;
use super::transactions::{Record, Transactions};
use super::{adu, rtu};
use crate::{ConversationMonitor, FlowReport, ObservedPdu};

/// How PDUs are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// MBAP header with transaction identifier.
    Tcp,
    /// Unit and CRC; responses follow their requests.
    Rtu,
}

/// PDUs that are kept before they are matched. The flows of a connection are identified one by one, and what waited for that
/// comes when the other direction has gone on; and which side asks is known after a few.
const KEPT: usize = 256;

/// Matches the requests and responses between two endpoints.
pub(super) struct TransactionMonitor {
    framing: Framing,
    sides: Sides,
    /// The latest PDUs, in the order of their frames.
    latest: VecDeque<Record>,
    transactions: Transactions,
}

/// The flows of the conversation, and what speaks for either being the client's.
#[derive(Clone, Copy, Debug, Default)]
struct Sides {
    flows: [Option<(FlowKey, Direction)>; 2],
}

impl Sides {
    /// The index of a flow, which is added where there is room.
    fn index(&mut self, flow: &FlowKey) -> Option<usize> {
        for (index, side) in self.flows.iter_mut().enumerate() {
            match side {
                Some((known, _)) if known == flow => return Some(index),
                Some(_) => {}
                None => {
                    *side = Some((*flow, Direction::of_flow(flow)));
                    return Some(index);
                }
            }
        }
        None
    }

    fn learn(&mut self, side: usize, request: Shape, response: Shape) {
        if let Some(Some((_, direction))) = self.flows.get_mut(side) {
            direction.learn(request, response);
        }
    }

    /// What the PDUs of a side are, by what speaks for either side.
    fn kind(&self, side: usize) -> Kind {
        let of = |index: usize| self.flows.get(index).copied().flatten().map(|(_, direction)| direction);
        match (of(side), of(1 - side.min(1))) {
            (Some(this), Some(other)) => this.against(other),
            (Some(this), None) => this.settled(),
            (None, _) => Kind::Undecided,
        }
    }
}

impl TransactionMonitor {
    pub(super) fn new(framing: Framing) -> Self {
        let (sides, latest) = (Sides::default(), VecDeque::new());
        Self { framing, sides, latest, transactions: Transactions::default() }
    }

    /// What is kept of a PDU, and how it fits a request and a response.
    fn record(&mut self, side: usize, pdu: &ObservedPdu<'_>) -> Option<Record> {
        let (transaction, unit, function, data, shapes) = match self.framing {
            Framing::Tcp => {
                let adu = adu::parse_as_taken(pdu.bytes)?;
                let shapes = (adu.length <= pdu.bytes.len()).then(|| (adu.as_request(), adu.as_response()));
                (Some(adu.transaction), adu.unit, adu.function, adu.data, shapes)
            }
            Framing::Rtu => {
                let frame = rtu::whole(pdu.bytes)?;
                (None, frame.unit, frame.function, frame.data, Some((frame.as_request(), frame.as_response())))
            }
        };
        if let Some((request, response)) = shapes {
            self.sides.learn(side, request, response);
        }
        // FNV-1a.
        let digest = data.iter().fold(0x811C_9DC5_u32, |d, b| (d ^ u32::from(*b)).wrapping_mul(0x0100_0193));
        Some(Record {
            side,
            transaction,
            unit,
            function: function & 0x7F,
            exception: (function & 0x80 != 0).then(|| data.first().copied().unwrap_or(0)),
            range: range(function, data),
            digest,
            at: pdu.at,
            only_asks: shapes.is_some_and(|(request, response)| request == Shape::Exact && response == Shape::Misfit),
        })
    }

    /// The counts as they are if nothing more comes.
    pub(super) fn settled(&self) -> Transactions {
        let mut transactions = self.transactions.clone();
        self.latest.iter().for_each(|record| transactions.take(self.sides.kind(record.side), record));
        transactions.settle();
        transactions
    }
}

impl ConversationMonitor for TransactionMonitor {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        let Some(side) = self.sides.index(pdu.flow) else { return };
        let Some(record) = self.record(side, pdu) else { return };
        if self.latest.len() >= KEPT
            && let Some(oldest) = self.latest.pop_front()
        {
            self.transactions.take(self.sides.kind(oldest.side), &oldest);
        }
        // nearly all come in order
        let behind = self.latest.iter().rev().take_while(|known| known.at.frame > record.at.frame).count();
        self.latest.insert(self.latest.len() - behind, record);
    }

    fn on_connection(&mut self, at: Occurrence) {
        let began = &mut self.transactions.began;
        *began = Some(began.map_or(at.frame, |frame| frame.min(at.frame)));
    }

    fn report(&self, flow: &FlowKey, report: &mut FlowReport) {
        let side = self.sides.flows.iter().position(|s| s.as_ref().is_some_and(|(known, _)| known == flow));
        let Some(kind) = side.map(|side| self.sides.kind(side)) else { return };
        let no_requests = !(0..2).any(|side| self.sides.kind(side) == Kind::Request);
        let transactions = self.settled();
        if kind == Kind::Response {
            // the server's side does not ask: what looks so is an echo
            for function in (0..128_u8).filter(|f| transactions.echoed_functions >> f & 1 == 1) {
                let name = format!("{} Echo", function_name(function));
                report.type_names.insert(Kind::Request.of(function), Cow::Owned(name));
            }
        }
        transactions.report(kind, no_requests, report);
    }
}
