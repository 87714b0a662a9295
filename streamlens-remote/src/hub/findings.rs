//! Findings of all probes as one list, with those of the hub itself.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use streamlens_model::row::{FindingChange, FindingId, FindingState, RowId};
use streamlens_model::{Finding, Occurrence, Place, Severity, Timestamp};

use super::merge::{Merged, ProbeNumber};
use super::rows::ProbeRows;

/// Findings that are shown as one list.
const MOST: usize = 20_000;
/// Findings of the hub itself.
const MOST_OWN: usize = 1_000;
/// What stands for those that found no room.
const NOT_KEPT: &str = "findings.not-kept";
/// Names of probes in a sentence.
const MOST_NAMED: usize = 8;

/// What the hub itself has found, by code and what it is about.
#[derive(Debug, Default)]
pub(super) struct OwnFindings {
    findings: BTreeMap<(&'static str, String), Own>,
    is_dirty: bool,
}

#[derive(Debug)]
struct Own {
    finding: Finding,
    probe: Option<Arc<str>>,
}

impl OwnFindings {
    /// Something happened, again or for the first time. `about` tells it from others of the code.
    pub(super) fn add(
        &mut self,
        (code, severity): (&'static str, Severity),
        about: &str,
        probe: Option<&Arc<str>>,
        now: Timestamp,
        text: String,
    ) {
        let at = Occurrence { frame: 0, time: Some(now) };
        let mut key = (code, about.chars().take(128).collect());
        let (mut severity, mut probe, mut text) = (severity, probe, text);
        if !self.findings.contains_key(&key) && self.findings.len() >= MOST_OWN {
            key = (NOT_KEPT, String::new());
            (severity, probe, text) =
                (Severity::Info, None, format!("there is no room for more than {MOST_OWN} findings of the hub"));
        }
        self.is_dirty = true;
        let own = self.findings.entry(key).or_insert_with_key(|(code, _)| {
            let (code, place, text) = ((*code).into(), Place::default(), String::new());
            let finding = Finding { code, severity, count: 0, packets: None, first: at, last: at, place, text };
            Own { finding, probe: probe.cloned() }
        });
        own.finding.count += 1;
        own.finding.last = at;
        own.finding.severity = severity;
        own.finding.text = text;
    }

    /// It is no longer so.
    pub(super) fn resolve(&mut self, code: &'static str, about: &str) {
        self.is_dirty |= self.findings.remove(&(code, about.to_owned())).is_some();
    }
}

/// The list as it was shown last.
#[derive(Debug, Default)]
pub(super) struct MergedFindings {
    shown: BTreeMap<FindingId, Shown>,
    pub(super) is_dirty: bool,
}

type Shown = (Option<RowId>, Arc<Finding>, Arc<[Arc<str>]>);

/// What changed of the list.
pub(super) type Changes = (Vec<FindingChange>, Vec<(FindingId, Arc<[Arc<str>]>)>);

impl MergedFindings {
    /// What has changed of the list; `None` where nothing has.
    pub(super) fn round<'a>(
        &mut self,
        own: &mut OwnFindings,
        probes: impl Iterator<Item = (ProbeNumber, &'a Arc<str>, &'a ProbeRows)>,
        merged: &Merged,
    ) -> Option<Changes> {
        if !std::mem::take(&mut self.is_dirty) & !std::mem::take(&mut own.is_dirty) {
            return None;
        }
        let mut now: BTreeMap<FindingId, Shown> = BTreeMap::new();
        for ((code, about), of) in &own.findings {
            let probes: Arc<[Arc<str>]> = of.probe.iter().cloned().collect();
            now.insert(hash((code, about)), (None, Arc::new(of.finding.clone()), probes));
        }
        let mut together: BTreeMap<FindingId, Together<'_>> = BTreeMap::new();
        for (number, name, rows) in probes {
            for (row, finding) in rows.findings.values() {
                if together.len() + now.len() >= MOST {
                    break;
                }
                let place = &finding.place;
                let shown = row.and_then(|row| Some(RowId::flow(merged.shown(number, row.flow)?)));
                // behind NAT the same flow has another key at another probe
                let flow = place.flow.as_deref().filter(|_| shown.is_none()).map(without_vlan);
                let id = hash((
                    &finding.code,
                    flow,
                    shown,
                    &place.transport,
                    &place.encoding,
                    &place.stream,
                    kind(&finding.text),
                ));
                let of = together.entry(id).or_insert_with(|| Together {
                    row: shown,
                    most: finding,
                    names: BTreeSet::new(),
                });
                of.names.insert(name);
                if finding.count > of.most.count {
                    of.most = finding;
                }
            }
        }
        now.extend(together.into_iter().map(|(id, of)| (id, of.shown())));
        let (mut changes, mut names) = (Vec::new(), Vec::new());
        for (id, (row, finding, probes)) in &now {
            let state = match self.shown.get(id) {
                None => FindingState::New,
                Some(known) if known != &(*row, Arc::clone(finding), Arc::clone(probes)) => FindingState::Grown,
                Some(_) => continue,
            };
            changes.push(FindingChange { id: *id, state, row: *row, finding: Arc::clone(finding) });
            names.push((*id, Arc::clone(probes)));
        }
        for (id, (row, finding, _)) in self.shown.iter().filter(|(id, _)| !now.contains_key(id)) {
            let (row, finding) = (*row, Arc::clone(finding));
            changes.push(FindingChange { id: *id, state: FindingState::Resolved, row, finding });
        }
        self.shown = now;
        (!changes.is_empty()).then_some((changes, names))
    }
}

/// Findings of several probes that are the same.
struct Together<'a> {
    row: Option<RowId>,
    most: &'a Arc<Finding>,
    names: BTreeSet<&'a Arc<str>>,
}

impl Together<'_> {
    /// As one, with the figures of the probe that has it most often, and named.
    fn shown(self) -> Shown {
        let names: Vec<&str> = self.names.iter().take(MOST_NAMED).map(|name| &***name).collect();
        let more = self.names.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let text = format!("{}{more}: {}", names.join(", "), self.most.text);
        let mut finding = Finding { text, ..(**self.most).clone() };
        // flows of all have no VLANs
        finding.place.flow = finding.place.flow.as_deref().map(|flow| without_vlan(flow).to_owned());
        let finding = Arc::new(finding);
        (self.row, finding, self.names.into_iter().cloned().collect())
    }
}

/// A flow's key as displayed, without its VLANs.
fn without_vlan(key: &str) -> &str {
    key.split(" vlan ").next().unwrap_or(key)
}

/// What a sentence says without its figures: findings that differ in these alone are the same.
fn kind(text: &str) -> String {
    let is_figure = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | ',');
    text.split(' ').filter(|word| !word.contains(is_figure)).collect::<Vec<_>>().join(" ")
}

fn hash(of: impl Hash) -> FindingId {
    // keys of this hasher are fixed: the same is found under the same name after a restart
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    FindingId(hasher.finish())
}
