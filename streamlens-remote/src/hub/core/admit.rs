//! Who is let in, and who is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use streamlens_model::row::Sighting;
use streamlens_protocol::{self as protocol, AnalysisKind, HelloAnswer, PROTOCOL, ProbeIdentity};

use super::{Command, Core, DEAD, Order, SUBSCRIBE};
use crate::clock;
use crate::hub::history::History;
use crate::hub::merge::ProbeNumber;
use crate::hub::offset::Offsets;
use crate::hub::probe::Probe;
use crate::hub::rows::ProbeRows;
use crate::hub::tokens::Known;
use crate::probe::is_uuid;
use crate::text::is_name;

impl Core {
    /// A probe has said who it is.
    pub(super) fn hello(&mut self, id: u64, hello: HelloAnswer) {
        let Some(session) = self.sessions.get(&id) else { return };
        let address = session.arrived.address.to_string();
        match self.admit(id, &hello) {
            Ok(number) => {
                let Some(probe) = self.probes.get_mut(number as usize) else { return };
                let name = Arc::clone(&probe.name);
                let Some(session) = self.sessions.get_mut(&id) else { return };
                session.probe = Some(number);
                session.say(SUBSCRIBE);
                session.fill(probe);
                session.order(Order::Measure);
                self.own.resolve("probe.away", &name);
                self.refused.retain(|refused| refused.name != *name);
                self.watch_again(number);
            }
            Err(why) => {
                let Some(session) = self.sessions.get(&id) else { return };
                let name = hello.probe.as_ref().map(|probe| probe.name.as_str()).filter(|name| is_name(name));
                let name = name.map(str::to_owned);
                let problem = protocol::Problem::new("probe", "The probe is not let in", 403, why.clone());
                let error = protocol::ErrorMessage { id: None, error: problem };
                let error = protocol::ServerMessage::<protocol::Flow>::Error(error);
                session.say(serde_json::to_string(&error).unwrap_or_default());
                session.order(Order::Close(why.clone()));
                self.turned_away(name.as_deref(), &address, &why);
            }
        }
    }

    /// The number of a probe that may come; why not, in words.
    fn admit(&mut self, id: u64, hello: &HelloAnswer) -> Result<ProbeNumber, String> {
        let identity = hello.probe.clone().ok_or("it does not say which probe it is")?;
        if hello.protocol != PROTOCOL {
            return Err(format!("it speaks another protocol than {PROTOCOL}"));
        }
        if !is_uuid(&identity.id) {
            return Err("what it says to be its UUID is none".to_owned());
        }
        let is_wrong = |text: &Option<String>| text.as_ref().is_some_and(|text| !is_name(text));
        if !is_name(&identity.name) || is_wrong(&identity.site) || is_wrong(&identity.stamps) {
            return Err(
                "its name or site is longer than 64 characters, or has characters that are not shown".to_owned()
            );
        }
        if identity.start.len() > 40 || streamlens_filter::instant(&identity.start).is_none() {
            return Err("its start is no time".to_owned());
        }
        let token = self.sessions.get(&id).and_then(|session| session.arrived.token.clone());
        if let Some(token) = &token {
            self.bind(token, &identity.id)?;
        }
        let known =
            (0..).zip(&self.probes).find(|(_, probe)| probe.identity.id == identity.id).map(|(number, _)| number);
        let connected = self.probes.iter().filter(|probe| probe.session.is_some()).count();
        if connected >= self.options.probes || known.is_none() && self.probes.len() >= 2 * self.options.probes {
            return Err(format!("there are {} probes, which is as many as may be", self.options.probes));
        }
        let number = match known {
            Some(number) => {
                self.replace(number, &identity)?;
                number
            }
            None => self.begin(identity.clone()),
        };
        let address = self.sessions.get(&id).map(|session| session.arrived.address.to_string());
        let probe = self.probes.get_mut(number as usize).ok_or("there is no room")?;
        let is_restart = probe.identity.start != identity.start;
        probe.session = Some(id);
        probe.address = address.unwrap_or_default();
        probe.version = hello.version.chars().take(32).collect();
        probe.heard = (clock::instant(), clock::now());
        probe.seq = 0;
        probe.token = token.map(|token| token.name);
        probe.history.begin(&identity.start);
        probe.identity = ProbeIdentity { name: probe.identity.name.clone(), ..identity };
        probe.status = None;
        probe.offsets = Offsets::default();
        if is_restart {
            let change = probe.rows.clear();
            self.show(number, change);
        }
        self.share_history();
        Ok(number)
    }

    /// What is kept of all probes has a bound as well: each has its part of it.
    fn share_history(&mut self) {
        let part = self.options.history_bytes_of_all / self.probes.len().max(1);
        let most_bytes = self.options.history_bytes.min(part);
        self.probes.iter_mut().for_each(|probe| probe.history.bound(most_bytes));
    }

    /// A token is of the probe that has used it first.
    fn bind(&mut self, token: &Known, id: &str) -> Result<(), String> {
        match token.id.as_ref().or_else(|| self.bound.get(&token.name)) {
            Some(of) if of == id => Ok(()),
            Some(_) => Err("its token is that of another probe".to_owned()),
            None => {
                if self.tokens.as_ref().is_none_or(|tokens| tokens.bind(token, id).is_err()) {
                    // a folder that can't be written to: until this hub ends
                    self.bound.insert(token.name.clone(), id.to_owned());
                }
                Ok(())
            }
        }
    }

    /// A probe that is known comes again: nobody has its UUID but itself.
    fn replace(&mut self, number: ProbeNumber, identity: &ProbeIdentity) -> Result<(), String> {
        let Some(probe) = self.probes.get_mut(number as usize) else { return Ok(()) };
        let Some(other) = probe.session else { return Ok(()) };
        // the same one, whose connection has died without a word
        let is_same = probe.identity.start == identity.start;
        let is_dead = clock::instant().saturating_duration_since(probe.heard.0) > DEAD;
        if !is_same && !is_dead {
            let what = "a probe with its UUID is connected, which was started at another time: one of the two has to have \
                        another --state-file";
            return Err(what.to_owned());
        }
        probe.session = None;
        if let Some(session) = self.sessions.get_mut(&other) {
            session.probe = None;
            session.order(Order::Close("the probe has come again".to_owned()));
        }
        Ok(())
    }

    /// A probe that was never there before.
    fn begin(&mut self, identity: ProbeIdentity) -> ProbeNumber {
        let is_taken = |name: &str| self.probes.iter().any(|probe| *probe.name == *name);
        let lengths = [0, 4, 8, 13, 36];
        let names = lengths.map(|length| match identity.id.get(..length) {
            None | Some("") => identity.name.clone(),
            Some(begin) => format!("{}#{begin}", identity.name),
        });
        let name = names.iter().find(|name| !is_taken(name)).unwrap_or(&identity.name);
        let name: Arc<str> = Arc::from(name.as_str());
        let number = self.probes.len() as ProbeNumber;
        let on_watch = self.way.upgrade().map(|way| {
            let commands = way.commands.clone();
            let tell = move |row: &str, is_watched| {
                let _ = commands.send(Command::Watch(Some(number), row.to_owned(), is_watched));
            };
            Arc::new(tell) as streamlens_web::OnWatch
        });
        let on_wake = self.way.upgrade().map(|way| {
            let commands = way.commands.clone();
            let tell = move |is_looked_at| drop(commands.send(Command::Wake(number, is_looked_at)));
            Arc::new(tell) as streamlens_web::OnWake
        });
        self.probes.push(Probe {
            sighting: Arc::new(Sighting::of_one(Arc::clone(&name))),
            session: None,
            address: String::new(),
            version: String::new(),
            heard: (clock::instant(), clock::now()),
            feed: self.feeder.begin(&name, AnalysisKind::Probe, on_watch, on_wake),
            rows: ProbeRows::default(),
            dropped: 0,
            offsets: Offsets::default(),
            history: History::new(self.options.history_bytes),
            status: None,
            seq: 0,
            watched: BTreeSet::new(),
            closer: None,
            token: None,
            identity,
            name,
        });
        number
    }
}
