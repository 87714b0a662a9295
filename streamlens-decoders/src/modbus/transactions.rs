//! Transactions: which response answers which request, what is not answered, and how long it takes.

use std::collections::{BTreeMap, VecDeque};

use streamlens_model::stats::Distribution;
use streamlens_model::words::Span;
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Subject};

use super::function::{Kind, exception_name, function_name};

/// Requests that wait for a response; the oldest is given up for more.
const MAX_WAITING: usize = 256;
/// Responses without a request that are kept until it is certain that they stay so.
const MAX_STRAYS: usize = 64;
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
/// A request on a serial line is passed over by one that comes this many times the longest response time later.
const PASSED_OVER: u64 = 4;

/// What is kept of a PDU.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) side: usize,
    /// `None` on serial lines, where a response follows its request.
    pub(super) transaction: Option<u16>,
    pub(super) unit: u8,
    /// Without the exception bit.
    pub(super) function: u8,
    pub(super) exception: Option<u8>,
    pub(super) range: Option<(u16, u16)>,
    /// Over the PDU, to tell a repetition from another request.
    pub(super) digest: u32,
    pub(super) at: Occurrence,
    /// Whether it can only be a request, whichever way it goes.
    pub(super) only_asks: bool,
}

impl Record {
    /// Transaction identifier, unit and function: what a response has in common with its request.
    fn key(&self) -> (Option<u16>, u8, u8) {
        (self.transaction, self.unit, self.function)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key() && self.digest == other.digest
    }

    fn stream(&self) -> Option<StreamId> {
        Some(StreamId(u128::from(self.unit)))
    }

    fn subject(&self) -> Subject {
        Subject::of([u16::from(self.function)])
    }
}

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    request: Record,
    /// Transactions matched before it.
    matched_before: u64,
    /// Whether it repeats a request that waits.
    repeats: bool,
    /// Whether the line has echoed it.
    echoed: bool,
    /// Whether a response to its function came under a transaction that nobody asked with.
    answered_otherwise: bool,
}

/// A response whose request is not known.
#[derive(Clone, Copy, Debug)]
struct Stray {
    response: Record,
    /// Transactions matched before it.
    matched_before: u64,
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
    waiting: VecDeque<Waiting>,
    strays: VecDeque<Stray>,
    /// The frame in which a connection began, where the capture holds that.
    pub(super) began: Option<u64>,
    latest: i64,
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) exceptions: u64,
    pub(super) matched: u64,
    pub(super) unanswered: u64,
    /// Requests at the end of the capture whose answer may just not be in it.
    pub(super) open: u64,
    pub(super) unsolicited: u64,
    /// Of those unanswered: a response came under another transaction than theirs.
    pub(super) answered_otherwise: u64,
    /// Requests that came back as they were sent, as RS-485 adapters echo them.
    pub(super) echoes: u64,
    /// The functions of those: one bit each.
    pub(super) echoed_functions: u128,
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
    /// Takes a PDU; they come in the order of their frames.
    pub(super) fn take(&mut self, kind: Kind, record: &Record) {
        if let Some(time) = record.at.time {
            self.latest = self.latest.max(time.as_nanos());
        }
        if kind == Kind::Request {
            self.request(Record { exception: None, ..*record });
        } else if !self.is_echo(record) {
            self.response(*record);
        }
    }

    /// Whether a PDU of the server's side is the request that went the other way. Where a response to that function repeats
    /// its request, the first one is the echo on lines that are known to echo.
    fn is_echo(&mut self, record: &Record) -> bool {
        if !record.only_asks && self.echoes == 0 {
            return false;
        }
        let Some(waiting) = self.waiting.iter_mut().find(|w| !w.echoed && w.request.is_same(record)) else {
            return false;
        };
        waiting.echoed = true;
        self.echoes += 1;
        self.echoed_functions |= 1 << (record.function & 0x7F);
        let (stream, subject) = (record.stream(), record.subject());
        self.response_log.add_about("modbus.echo", Severity::Info, stream, subject, record.at, || {
            let name = function_name(record.function);
            format!("{name} to unit {}: the request came back as it was sent, as RS-485 adapters echo it", record.unit)
        });
        true
    }

    fn figures(&mut self, record: &Record) -> Option<&mut FunctionFigures> {
        let key = (record.unit, record.function);
        if self.functions.len() >= MAX_FUNCTIONS && !self.functions.contains_key(&key) {
            return None;
        }
        Some(self.functions.entry(key).or_default())
    }

    fn request(&mut self, record: Record) {
        self.requests += 1;
        if let Some(figures) = self.figures(&record) {
            figures.requests += 1;
        }
        self.poll(&record);
        // A capture may hold a response in front of its request, by as much as the two directions were captured apart.
        let late =
            self.strays.iter().position(|s| s.response.key() == record.key() && s.response.at.frame >= record.at.frame);
        if let Some(stray) = late.and_then(|index| self.strays.remove(index)) {
            self.pair(&record, &stray.response);
            return;
        }
        self.give_up_passed_over(&record);
        let repeats = self.waiting.iter().any(|w| w.request.is_same(&record));
        if repeats {
            self.repeated += 1;
            let (stream, subject) = (record.stream(), record.subject());
            self.request_log.add_about(
                "modbus.repeated-request",
                Severity::Warning,
                stream,
                subject,
                record.at,
                || {
                    let name = function_name(record.function);
                    format!("{name} to unit {}: sent again before an answer came", record.unit)
                },
            );
        }
        if self.waiting.len() >= MAX_WAITING
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.give_up(&oldest);
        }
        let (matched_before, echoed, answered_otherwise) = (self.matched, false, false);
        self.waiting.push_back(Waiting { request: record, matched_before, repeats, echoed, answered_otherwise });
        let outstanding = self.waiting.iter().filter(|w| !w.answered_otherwise).count();
        self.most_outstanding = self.most_outstanding.max(outstanding);
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
            let subject = Subject::of([u16::from(record.function), u16::from(code)]);
            self.response_log.add_about("modbus.exception", severity, record.stream(), subject, record.at, || {
                let name = function_name(record.function);
                format!("unit {} answered {name} with exception {code} ({})", record.unit, exception_name(code))
            });
        }
        let request = self.waiting.iter().position(|w| w.request.key() == record.key());
        if let Some(waiting) = request.and_then(|index| self.waiting.remove(index)) {
            self.pair(&waiting.request, &record);
            return;
        }
        let same = |w: &&mut Waiting| {
            !w.answered_otherwise && (w.request.unit, w.request.function) == (record.unit, record.function)
        };
        if let Some(waiting) = self.waiting.iter_mut().find(same) {
            waiting.answered_otherwise = true;
        }
        if self.strays.len() >= MAX_STRAYS
            && let Some(oldest) = self.strays.pop_front()
        {
            self.count_stray(&oldest);
        }
        self.strays.push_back(Stray { response: record, matched_before: self.matched });
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
            let of = (response.stream(), response.subject());
            let nanos = i64::try_from(elapsed).unwrap_or(i64::MAX);
            self.response_log.add_figure(("modbus.slow", Severity::Warning), of, response.at, nanos, written, || {
                let name = function_name(request.function);
                format!("unit {} took {} to answer {name}", request.unit, Span(nanos))
            });
        }
    }

    /// On serial lines a client asks one thing at a time (MODBUS over Serial Line V1.02 §2.4.1): by asking the unit again much later
    /// than it ever took to answer, it has given up what waits. A gateway that is asked ahead of its line gets these closer together.
    fn give_up_passed_over(&mut self, next: &Record) {
        if next.transaction.is_some() {
            return;
        }
        let Some(longest) = self.response_time.max() else { return };
        let most = i64::try_from(longest.saturating_mul(PASSED_OVER)).unwrap_or(i64::MAX);
        let is_passed_over = |waiting: &Waiting| {
            let passed = next.at.time.zip(waiting.request.at.time).map(|(now, then)| now.since(then));
            waiting.request.key() == next.key() && passed.is_some_and(|passed| passed > most)
        };
        while let Some(index) = self.waiting.iter().position(is_passed_over) {
            if let Some(waiting) = self.waiting.remove(index) {
                self.give_up(&waiting);
            }
        }
    }

    fn give_up(&mut self, waiting: &Waiting) {
        self.unanswered += 1;
        if waiting.answered_otherwise {
            // by its number it was not answered, and what came in its place is pointed out
            self.answered_otherwise += 1;
            return;
        }
        let request = &waiting.request;
        // Unit 0 is a broadcast on serial lines behind a gateway: nobody answers. One answer serves for a repeated
        // request, which was pointed out already.
        if request.unit == 0 || waiting.repeats {
            return;
        }
        let (stream, subject) = (request.stream(), request.subject());
        self.request_log.add_about("modbus.unanswered", Severity::Warning, stream, subject, request.at, || {
            format!("{} to unit {} was not answered", function_name(request.function), request.unit)
        });
    }

    fn count_stray(&mut self, stray: &Stray) {
        let response = &stray.response;
        // Its request may lie before the capture, but not before a connection that the capture holds from its start.
        if stray.matched_before == 0 && self.began.is_none_or(|frame| response.at.frame < frame) {
            self.unmatched_at_start += 1;
            return;
        }
        self.unsolicited += 1;
        let (stream, subject, at) = (response.stream(), response.subject(), response.at);
        let (code, severity) = ("modbus.unsolicited", Severity::Warning);
        let (name, unit) = (function_name(response.function), response.unit);
        let Some(transaction) = response.transaction else {
            self.response_log.add_about(code, severity, stream, subject, at, || {
                format!("unit {unit} answered {name}, and no such request is waiting")
            });
            return;
        };
        self.response_log.add_figure((code, severity), (stream, subject), at, transaction.into(), numbered, || {
            format!("unit {unit} answered {name} under transaction {transaction}, and no such request is waiting")
        });
    }

    /// Decides what waits: unanswered or open, unsolicited or begun before the capture.
    pub(super) fn settle(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            let age = waiting.request.at.time.map_or(0, |time| self.latest.saturating_sub(time.as_nanos()));
            let is_over = age >= TIME_OUT || self.matched - waiting.matched_before >= OVERTAKEN;
            if is_over || waiting.answered_otherwise {
                self.give_up(&waiting);
            } else {
                self.open += 1;
            }
        }
        for stray in std::mem::take(&mut self.strays) {
            self.count_stray(&stray);
        }
    }
}

fn written(nanos: i64) -> String {
    Span(nanos).to_string()
}

fn numbered(transaction: i64) -> String {
    format!("transaction {transaction}")
}
