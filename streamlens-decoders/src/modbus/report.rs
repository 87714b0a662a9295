//! What a connection's transactions add to the result.

use streamlens_model::{Metadata, Value};

use super::function::{Kind, exception_name, function_name};
use super::transactions::{FunctionFigures, Transactions};
use crate::FlowReport;

/// Polled ranges that are listed, those asked for most often.
const LISTED_POLLS: usize = 64;

impl Transactions {
    /// Adds the figures: transactions, response times and polling to the flow of the requests (to that of the
    /// responses where there is no other), exceptions to that of the responses; findings where they belong.
    pub(super) fn report(&self, kind: Kind, no_requests: bool, report: &mut FlowReport) {
        let client = kind == Kind::Request;
        report.fact("role", if client { "client" } else { "server" });
        let log = if client { &self.request_log } else { &self.response_log };
        if !log.is_empty() {
            report.findings.push(log.clone());
        }
        if !client {
            self.report_exceptions(report);
        }
        if client || no_requests {
            self.report_transactions(report);
        }
    }

    fn report_exceptions(&self, report: &mut FlowReport) {
        if self.exceptions_by_code.is_empty() {
            return;
        }
        let list = self.exceptions_by_code.iter().map(|(&code, &count)| {
            Value::map([("code", code.into()), ("name", exception_name(code).into()), ("count", Value::from(count))])
        });
        report.fact("exceptions", Value::list(list));
    }

    fn report_transactions(&self, report: &mut FlowReport) {
        let mut counts: Metadata = [
            ("requests", self.requests),
            ("responses", self.responses),
            ("exceptions", self.exceptions),
            ("matched", self.matched),
            ("unanswered", self.unanswered),
            ("open_at_end", self.open),
            ("unsolicited", self.unsolicited),
            ("unmatched_at_start", self.unmatched_at_start),
            ("repeated_requests", self.repeated),
            ("most_outstanding", self.most_outstanding as u64),
        ]
        .map(|(name, count)| (name, Value::from(count)))
        .into();
        let rare = [("answered_under_other_transaction", self.answered_otherwise), ("echoes", self.echoes)];
        counts.extend(rare.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name, Value::from(n))));
        if self.responses > 0 {
            counts.insert("exception_rate".into(), (self.exceptions as f64 / self.responses as f64).into());
        }
        report.fact("transactions", Value::Map(counts));
        if let Some(times) = self.response_time.to_value() {
            report.fact("response_time", times);
        }
        report
            .fact("functions", Value::list(self.functions.iter().map(|(&(unit, f), figures)| line(unit, f, figures))));
        self.report_polls(report);
    }

    fn report_polls(&self, report: &mut FlowReport) {
        let mut polls: Vec<_> = self.polls.iter().collect();
        polls.sort_by_key(|(key, poll)| (std::cmp::Reverse(poll.requests), **key));
        let left_out =
            self.polls_left_out + polls.iter().skip(LISTED_POLLS).map(|(_, poll)| poll.requests).sum::<u64>();
        let list = polls.iter().take(LISTED_POLLS).map(|(key, poll)| {
            let (unit, function, address, quantity) = **key;
            let mut line = vec![
                ("unit", Value::from(unit)),
                ("function", function.into()),
                ("address", address.into()),
                ("quantity", quantity.into()),
                ("requests", poll.requests.into()),
            ];
            if let Some(interval) = poll.interval.to_value() {
                line.push(("interval", interval));
            }
            Value::map(line)
        });
        let list: Vec<Value> = list.collect();
        if !list.is_empty() {
            report.fact("polls", Value::List(list));
        }
        if left_out > 0 {
            report.fact("requests_of_further_polls", left_out);
        }
    }
}

fn line(unit: u8, function: u8, figures: &FunctionFigures) -> Value {
    let mut line = vec![
        ("unit", Value::from(unit)),
        ("function", function.into()),
        ("name", Value::text(function_name(function))),
        ("requests", figures.requests.into()),
        ("responses", figures.responses.into()),
        ("exceptions", figures.exceptions.into()),
    ];
    if let Some(times) = figures.response_time.to_value() {
        line.push(("response_time", times));
    }
    Value::map(line)
}
