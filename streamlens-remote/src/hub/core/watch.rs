//! Rows that somebody watches: their probes give details of them, and tell of their flows ten times a second.

use std::collections::BTreeSet;
use std::fmt::Write;

use streamlens_model::{Address, Endpoint};
use streamlens_protocol::{Detail, RowPath};

use super::Core;
use crate::hub::merge::ProbeNumber;
use crate::hub::rows::ProbeRows;

/// Flows that a probe tells of ten times a second; a filter has room for more.
const MOST_CLOSER: usize = 16;

impl Core {
    /// A row is watched at a probe.
    pub(super) fn watch(&mut self, number: ProbeNumber, row: &str, is_watched: bool) {
        let Some(probe) = self.probes.get_mut(number as usize) else { return };
        match is_watched {
            true => drop(probe.watched.insert(row.to_owned())),
            false => drop(probe.watched.remove(row)),
        }
        let Some(session) = probe.session.and_then(|id| self.sessions.get(&id)) else { return };
        session.say(watch_message(row, is_watched));
        self.look_closer(number);
    }

    /// Watches again what was watched before the connection was lost.
    pub(super) fn watch_again(&mut self, number: ProbeNumber) {
        let Some(probe) = self.probes.get_mut(number as usize) else { return };
        probe.closer = None;
        let Some(session) = probe.session.and_then(|id| self.sessions.get(&id)) else { return };
        probe.watched.iter().for_each(|row| session.say(watch_message(row, true)));
        self.look_closer(number);
    }

    /// Asks for the flows of watched rows ten times a second.
    fn look_closer(&mut self, number: ProbeNumber) {
        let Some(probe) = self.probes.get_mut(number as usize) else { return };
        let filter = filter_of(probe.watched.iter(), &probe.rows);
        if filter == probe.closer {
            return;
        }
        let Some(session) = probe.session.and_then(|id| self.sessions.get(&id)) else { return };
        session.say(match &filter {
            Some(filter) => serde_json::json!({"type": "subscribe", "id": 4, "view": 2, "depth": "stream", "rate": 10,
                "whole": true, "filter": filter})
            .to_string(),
            None => r#"{"type":"unsubscribe","id":4,"view":2}"#.to_owned(),
        });
        probe.closer = filter;
    }

    /// A row of all is watched: at the probe whose figures it has.
    pub(super) fn watch_shown(&mut self, row: &str, is_watched: bool) {
        if !is_watched {
            let of = self.watched.iter().find(|(_, shown)| *shown == row).map(|(of, _)| of.clone());
            if let Some((number, own)) = of {
                self.watched.remove(&(number, own.clone()));
                self.watch(number, &own, false);
            }
            return;
        }
        let Some((number, own)) = self.own_row(row) else { return };
        self.watched.insert((number, own.clone()), row.to_owned());
        self.watch(number, &own, true);
    }

    /// The row of a probe that a row of all stands for.
    fn own_row(&self, row: &str) -> Option<(ProbeNumber, String)> {
        let path: RowPath = row.parse().ok()?;
        let (number, flow) = self.merged.find(path.flow())?;
        let key = self.probes.get(number as usize)?.rows.flows.get(&flow)?.key.to_string();
        let own = path.parts().iter().fold(RowPath::of_flow(key), |own, part| own.with(part.clone()));
        Some((number, own.to_string()))
    }

    pub(super) fn detail(&mut self, number: ProbeNumber, detail: Detail) -> Result<(), &'static str> {
        let probe = self.probes.get(number as usize).ok_or("no probe")?;
        let row = detail.row.clone();
        if let Some(shown) = self.watched.get(&(number, row.clone())) {
            self.feed.detail(shown, detail.clone());
        }
        probe.feed.detail(&row, detail);
        Ok(())
    }
}

fn watch_message(row: &str, is_watched: bool) -> String {
    let kind = if is_watched { "watch" } else { "unwatch" };
    serde_json::json!({"type": kind, "id": 3, "analysis": "1", "flow": row}).to_string()
}

/// The filter that finds the flows of rows, whatever their VLANs; `None` where there are none that are known.
fn filter_of<'a>(rows: impl Iterator<Item = &'a String>, known: &ProbeRows) -> Option<String> {
    let ends: BTreeSet<(Endpoint, Endpoint)> = rows
        .filter_map(|row| {
            let path: RowPath = row.parse().ok()?;
            let key = known.flows.get(&known.find(path.flow())?)?.key;
            Some((key.src, key.dst))
        })
        .take(MOST_CLOSER)
        .collect();
    let one = |(src, dst): &(Endpoint, Endpoint)| format!("({} and {})", end("src", src), end("dst", dst));
    let all: Vec<String> = ends.iter().map(one).collect();
    (!all.is_empty()).then(|| all.join(" or "))
}

fn end(which: &str, of: &Endpoint) -> String {
    let mut text = match of.address {
        Address::None => format!("not {which}.addr"),
        address => format!("{which}.addr == {address}"),
    };
    if let Some(port) = of.port {
        // writing to memory doesn't fail
        let _ = write!(text, " and {which}.port == {port}");
    }
    text
}

#[cfg(test)]
mod tests {
    use streamlens_filter::{Catalogue, Filter};

    use super::*;

    #[test]
    fn every_kind_of_end_makes_a_filter() {
        let ends = [
            Endpoint { address: Address::V4([10, 0, 0, 1].into()), port: Some(5004) },
            Endpoint { address: Address::V6("2001:db8::1".parse().unwrap()), port: Some(5004) },
            Endpoint { address: Address::Mac("02:00:00:80:00:01".parse().unwrap()), port: None },
            Endpoint::default(),
        ];
        for (src, dst) in ends.iter().zip(ends.iter().rev()) {
            let filter = format!("({} and {})", end("src", src), end("dst", dst));
            assert!(Filter::parse(&filter, &Catalogue::new()).is_ok(), "{filter}");
        }
    }
}
