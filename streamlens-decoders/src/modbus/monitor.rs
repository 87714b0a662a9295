//! Matches requests and responses of one connection.

use std::collections::{BTreeMap, VecDeque};

use streamlens_model::stats::Distribution;
use streamlens_model::{FindingLog, FlowKey, Occurrence, Severity, StreamId};

use super::decoder::range;
use super::direction::Direction;
use super::function::{Kind, exception_name, function_name};
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

/// Requests that wait for a response; the oldest is given up for more.
const MAX_WAITING: usize = 256;
/// Responses kept in case their request is handed over later (flows are identified one by one).
const MAX_STRAYS: usize = 64;
/// PDUs kept until the direction of their flow is known.
const MAX_EARLY: usize = 64;
/// Pairs of unit and function that are told apart.
const MAX_FUNCTIONS: usize = 512;
/// Polled ranges that are told apart.
const MAX_POLLS: usize = 256;
/// A request without response for this long, in nanoseconds, is unanswered; younger ones may just be cut off by the
/// end of the capture.
const TIME_OUT: i64 = 10_000_000_000;
/// So is one that this many later requests have overtaken.
const OVERTAKEN: u64 = 16;
/// A response later than this, in nanoseconds, is pointed out: the customary time-out of clients.
const SLOW: u64 = 1_000_000_000;

/// What is kept of a PDU.
#[derive(Clone, Copy, Debug)]
struct Record {
    side: usize,
    transaction: u16,
    unit: u8,
    /// Without the exception bit.
    function: u8,
    exception: Option<u8>,
    range: Option<(u16, u16)>,
    /// Over the PDU, to tell a repetition from another request.
    digest: u32,
    at: Occurrence,
    /// Transactions matched before it.
    matched_before: u64,
    /// Whether it repeats a request that waits.
    repeats: bool,
}

impl Record {
    /// Transaction identifier, unit and function: what a response has in common with its request.
    fn key(&self) -> (u16, u8, u8) {
        (self.transaction, self.unit, self.function)
    }

    fn stream(&self) -> Option<StreamId> {
        Some(StreamId(u128::from(self.unit)))
    }
}

/// Figures of one function of one unit.
#[derive(Clone, Debug, Default)]
pub(super) struct FunctionFigures {
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) exceptions: u64,
    pub(super) response_time: Distribution,
}

/// How often one range is asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Poll {
    pub(super) requests: u64,
    pub(super) interval: Distribution,
    last: Option<i64>,
}

/// Everything that was counted; a report settles a copy of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Transactions {
    waiting: VecDeque<Record>,
    strays: VecDeque<Record>,
    latest: i64,
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) exceptions: u64,
    pub(super) matched: u64,
    pub(super) unanswered: u64,
    /// Requests at the end of the capture whose answer may just not be in it.
    pub(super) open: u64,
    pub(super) unsolicited: u64,
    /// Responses without a request before the first match: their requests may lie before the capture.
    pub(super) unmatched_at_start: u64,
    pub(super) repeated: u64,
    pub(super) most_outstanding: usize,
    pub(super) response_time: Distribution,
    pub(super) exceptions_by_code: BTreeMap<u8, u64>,
    pub(super) functions: BTreeMap<(u8, u8), FunctionFigures>,
    /// By unit, function, address and quantity.
    pub(super) polls: BTreeMap<(u8, u8, u16, u16), Poll>,
    /// Requests of ranges that found no room in `polls`.
    pub(super) polls_left_out: u64,
    pub(super) request_log: FindingLog,
    pub(super) response_log: FindingLog,
}

impl Transactions {
    fn take(&mut self, kind: Kind, mut record: Record) {
        record.matched_before = self.matched;
        if let Some(time) = record.at.time {
            self.latest = self.latest.max(time.as_nanos());
        }
        if kind == Kind::Request { self.request(record) } else { self.response(record) }
    }

    fn figures(&mut self, record: &Record) -> Option<&mut FunctionFigures> {
        let key = (record.unit, record.function);
        if self.functions.len() >= MAX_FUNCTIONS && !self.functions.contains_key(&key) {
            return None;
        }
        Some(self.functions.entry(key).or_default())
    }

    fn request(&mut self, mut record: Record) {
        self.requests += 1;
        if let Some(figures) = self.figures(&record) {
            figures.requests += 1;
        }
        self.poll(&record);
        // The response may have been handed over first, though it came later.
        let late = self.strays.iter().position(|r| r.key() == record.key() && r.at.frame >= record.at.frame);
        if let Some(response) = late.and_then(|index| self.strays.remove(index)) {
            self.pair(&record, &response);
            return;
        }
        if self.waiting.iter().any(|w| w.key() == record.key() && w.digest == record.digest) {
            self.repeated += 1;
            record.repeats = true;
            self.request_log.add("modbus.repeated-request", Severity::Warning, record.stream(), record.at, || {
                let name = function_name(record.function);
                format!("{name} to unit {}: sent again before an answer came", record.unit)
            });
        }
        if self.waiting.len() >= MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.give_up(&oldest);
        }
        self.waiting.push_back(record);
        self.most_outstanding = self.most_outstanding.max(self.waiting.len());
    }

    fn poll(&mut self, record: &Record) {
        let Some((address, quantity)) = record.range else { return };
        let key = (record.unit, record.function, address, quantity);
        if self.polls.len() >= MAX_POLLS && !self.polls.contains_key(&key) {
            self.polls_left_out += 1;
            return;
        }
        let poll = self.polls.entry(key).or_default();
        poll.requests += 1;
        if let Some(time) = record.at.time {
            let time = time.as_nanos();
            if let Some(interval) = poll.last.and_then(|last| u64::try_from(time.saturating_sub(last)).ok()) {
                poll.interval.push(interval);
            }
            poll.last = Some(time);
        }
    }

    fn response(&mut self, record: Record) {
        self.responses += 1;
        if let Some(figures) = self.figures(&record) {
            figures.responses += 1;
            figures.exceptions += u64::from(record.exception.is_some());
        }
        if let Some(code) = record.exception {
            self.exceptions += 1;
            *self.exceptions_by_code.entry(code).or_default() += 1;
            // Acknowledge and busy ask the client to come again; the others say that something is wrong.
            let severity = if matches!(code, 5 | 6) { Severity::Info } else { Severity::Warning };
            self.response_log.add("modbus.exception", severity, record.stream(), record.at, || {
                let name = function_name(record.function);
                format!("unit {} answered {name} with exception {code} ({})", record.unit, exception_name(code))
            });
        }
        let request = self.waiting.iter().position(|w| w.key() == record.key() && w.at.frame <= record.at.frame);
        if let Some(request) = request.and_then(|index| self.waiting.remove(index)) {
            self.pair(&request, &record);
            return;
        }
        if self.strays.len() >= MAX_STRAYS
            && let Some(oldest) = self.strays.pop_front()
        {
            self.count_stray(&oldest);
        }
        self.strays.push_back(record);
    }

    fn pair(&mut self, request: &Record, response: &Record) {
        self.matched += 1;
        let (Some(asked), Some(answered)) = (request.at.time, response.at.time) else { return };
        let Ok(elapsed) = u64::try_from(answered.since(asked)) else { return };
        self.response_time.push(elapsed);
        if let Some(figures) = self.figures(request) {
            figures.response_time.push(elapsed);
        }
        if elapsed > SLOW {
            self.response_log.add("modbus.slow", Severity::Warning, response.stream(), response.at, || {
                let name = function_name(request.function);
                format!("unit {} took {} ms to answer {name}", request.unit, elapsed / 1_000_000)
            });
        }
    }

    fn give_up(&mut self, request: &Record) {
        self.unanswered += 1;
        // Unit 0 is a broadcast on serial lines behind a gateway: nobody answers. One answer serves for a repeated
        // request, which was pointed out already.
        if request.unit == 0 || request.repeats {
            return;
        }
        self.request_log.add("modbus.unanswered", Severity::Warning, request.stream(), request.at, || {
            let name = function_name(request.function);
            format!("{name} to unit {} (transaction {}) was not answered", request.unit, request.transaction)
        });
    }

    fn count_stray(&mut self, response: &Record) {
        if response.matched_before == 0 {
            self.unmatched_at_start += 1;
            return;
        }
        self.unsolicited += 1;
        self.response_log.add("modbus.unsolicited", Severity::Warning, response.stream(), response.at, || {
            let name = function_name(response.function);
            let (unit, transaction) = (response.unit, response.transaction);
            format!("unit {unit} answered {name} (transaction {transaction}), and no such request is waiting")
        });
    }

    /// Decides what waits: unanswered or open, unsolicited or begun before the capture.
    fn settle(&mut self) {
        for request in std::mem::take(&mut self.waiting) {
            let age = request.at.time.map_or(0, |time| self.latest.saturating_sub(time.as_nanos()));
            if age >= TIME_OUT || self.matched - request.matched_before >= OVERTAKEN {
                self.give_up(&request);
            } else {
                self.open += 1;
            }
        }
        for response in std::mem::take(&mut self.strays) {
            self.count_stray(&response);
        }
    }
}

/// Matches the requests and responses between two endpoints.
pub(super) struct TransactionMonitor {
    framing: Framing,
    sides: Sides,
    early: Vec<Record>,
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

    /// What a PDU of a side is, or was; `None` while neither side has shown it.
    fn kind(&self, side: usize, settled: bool) -> Option<Kind> {
        let of = |index: usize| self.flows.get(index).copied().flatten().map(|(_, direction)| direction);
        let (this, other) = (of(side)?, of(1 - side.min(1)));
        match (this.kind(false), other.map(|o| o.kind(false))) {
            (Kind::Undecided, Some(Kind::Request)) => Some(Kind::Response),
            (Kind::Undecided, Some(Kind::Response)) => Some(Kind::Request),
            (Kind::Undecided, _) => settled.then(|| this.settled()),
            (kind, _) => Some(kind),
        }
    }
}

impl TransactionMonitor {
    pub(super) fn new(framing: Framing) -> Self {
        Self { framing, sides: Sides::default(), early: Vec::new(), transactions: Transactions::default() }
    }

    /// What is kept of a PDU, and how it fits a request and a response.
    fn record(&mut self, side: usize, pdu: &ObservedPdu<'_>) -> Option<Record> {
        let (transaction, unit, function, data) = match self.framing {
            Framing::Tcp => {
                let adu = adu::parse(pdu.bytes).ok()?;
                if adu.length <= pdu.bytes.len()
                    && let Some((_, direction)) = self.sides.flows.get_mut(side)?
                {
                    direction.learn(adu.as_request(), adu.as_response());
                }
                (adu.transaction, adu.unit, adu.function, adu.data)
            }
            Framing::Rtu => {
                let frame = rtu::whole(pdu.bytes)?;
                if let Some((_, direction)) = self.sides.flows.get_mut(side)? {
                    direction.learn(frame.as_request(), frame.as_response());
                }
                (0, frame.unit, frame.function, frame.data)
            }
        };
        // FNV-1a.
        let digest = data.iter().fold(0x811C_9DC5_u32, |d, b| (d ^ u32::from(*b)).wrapping_mul(0x0100_0193));
        let exception = (function & 0x80 != 0).then(|| data.first().copied().unwrap_or(0));
        let range = range(function, data);
        let function = function & 0x7F;
        Some(Record {
            side,
            transaction,
            unit,
            function,
            exception,
            range,
            digest,
            at: pdu.at,
            matched_before: 0,
            repeats: false,
        })
    }

    fn drain_early(&mut self, settled: bool) {
        for record in std::mem::take(&mut self.early) {
            if let Some(kind) = self.sides.kind(record.side, settled) {
                self.transactions.take(kind, record);
            }
        }
    }

    /// The counts as they are if nothing more comes.
    pub(super) fn settled(&self) -> Transactions {
        let early = self.early.clone();
        let mut copy =
            Self { framing: self.framing, sides: self.sides, early, transactions: self.transactions.clone() };
        copy.drain_early(true);
        copy.transactions.settle();
        copy.transactions
    }
}

impl ConversationMonitor for TransactionMonitor {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        let Some(side) = self.sides.index(pdu.flow) else { return };
        let Some(mut record) = self.record(side, pdu) else { return };
        match self.sides.kind(side, self.early.len() >= MAX_EARLY) {
            Some(kind) => {
                self.drain_early(true);
                if kind == Kind::Request {
                    record.exception = None;
                }
                self.transactions.take(kind, record);
            }
            None => self.early.push(record),
        }
    }

    fn report(&self, flow: &FlowKey, report: &mut FlowReport) {
        let side = self.sides.flows.iter().position(|s| s.as_ref().is_some_and(|(known, _)| known == flow));
        let Some(kind) = side.and_then(|side| self.sides.kind(side, true)) else { return };
        let no_requests = !(0..2).any(|side| self.sides.kind(side, true) == Some(Kind::Request));
        self.settled().report(kind, no_requests, report);
    }
}
