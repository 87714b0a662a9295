//! What all probes see, as one: a flow that several saw is one row, with the figures of the probe that saw most.
//!
//! Flows are the same where addresses and ports are, whatever their VLANs; where streams of one encoding have identifiers, at
//! least one has to be the same. Nothing is added up: frames that two probes saw are the same frames.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use streamlens_model::row::{Delta, Epoch, FlowId, Level, Row, RowId, RowName, Sighting, SightingLine};
use streamlens_model::{Endpoint, FlowKey, Timestamp, VlanStack};

use super::nat::{self, NatRule};
use super::rows::{Held, ProbeRows};

/// Rounds after which nothing more is on its way of flows that no probe tells anything of: two and a half seconds.
const QUIET: u32 = 25;
/// How much later than another a probe may tell of the same packets.
const SKEW_SECONDS: f64 = 1.5;

/// Flows between the same ends that are told apart by their streams.
const MOST_CLUSTERS: usize = 256;

/// Number of a probe within a hub.
pub(super) type ProbeNumber = u32;

/// A flow at a probe.
type Member = (ProbeNumber, FlowId);

/// Source and destination.
type Ends = (Endpoint, Endpoint);

/// A probe's name and rows.
pub(super) trait Probes {
    /// Those of a probe.
    fn of(&self, number: ProbeNumber) -> Option<(&Arc<str>, &ProbeRows)>;
}

/// All flows of all probes.
#[derive(Debug, Default)]
pub(super) struct Merged {
    groups: HashMap<Ends, Group>,
    dirty: BTreeSet<Ends>,
    /// Groups that changed not long ago, with the rounds since.
    settling: HashMap<Ends, u32>,
    /// The flow that shows a flow of a probe.
    shown: HashMap<Member, FlowId>,
    next: u32,
    epoch: u64,
    totals: [u64; 3],
    nat: Vec<NatRule>,
}

/// Flows between the same ends.
#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<Member>,
    clusters: Vec<Cluster>,
}

/// Flows that are one.
#[derive(Debug)]
struct Cluster {
    id: FlowId,
    members: BTreeSet<Member>,
    totals_of: Member,
    suffix: Arc<str>,
    /// In order of their identifiers.
    rows: Box<[(RowId, RowName)]>,
    packets: u64,
    bytes: u64,
}

impl Merged {
    /// No flow yet; addresses are shown by these rules.
    pub(super) fn new(nat: Vec<NatRule>) -> Self {
        Self { nat, ..Self::default() }
    }

    /// A flow of a probe came, changed or went.
    pub(super) fn touch(&mut self, (probe, name): (ProbeNumber, &str), flow: FlowId, key: &FlowKey, is_there: bool) {
        let ends = (nat::shown(&self.nat, name, key.src), nat::shown(&self.nat, name, key.dst));
        let group = self.groups.entry(ends).or_default();
        if is_there {
            group.members.insert((probe, flow));
        } else {
            group.members.remove(&(probe, flow));
        }
        self.dirty.insert(ends);
    }

    /// The flow that shows one of a probe.
    pub(super) fn shown(&self, probe: ProbeNumber, flow: FlowId) -> Option<FlowId> {
        self.shown.get(&(probe, flow)).copied()
    }

    /// The flow of a probe whose figures are shown under a name.
    pub(super) fn find(&self, name: &str) -> Option<Member> {
        // asked for rows that somebody watches, of which there are few
        let mut all = self.groups.iter().flat_map(|((src, dst), group)| {
            let key = FlowKey { src: *src, dst: *dst, vlan: VlanStack::default() };
            group.clusters.iter().map(move |cluster| (key, cluster))
        });
        let is_it = |(key, cluster): &(FlowKey, &Cluster)| {
            key.with_text(|key| name.strip_prefix(key) == Some(&*cluster.suffix))
        };
        all.find(is_it).map(|(_, cluster)| cluster.totals_of)
    }

    /// One round: what has changed since the last; `None` where nothing has.
    pub(super) fn round(&mut self, probes: &impl Probes, now: Timestamp) -> Option<Delta> {
        let mut quiet = BTreeSet::new();
        self.settling.retain(|ends, rounds| {
            *rounds += 1;
            if *rounds >= QUIET {
                quiet.insert(*ends);
            }
            *rounds < QUIET
        });
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.is_empty() && quiet.is_empty() && self.epoch > 0 {
            return None;
        }
        let since = (self.epoch > 0).then_some(Epoch(self.epoch));
        self.epoch += 1;
        let mut delta = Delta { since, epoch: Epoch(self.epoch), now: Some(now), ..Delta::default() };
        for ends in &dirty {
            self.settling.insert(*ends, 0);
            self.update(*ends, false, probes, &mut delta);
        }
        for ends in quiet.difference(&dirty) {
            self.update(*ends, true, probes, &mut delta);
        }
        let [packets, bytes, flows] = self.totals;
        (delta.capture.packets, delta.capture.packets_in_flows) = (packets, packets);
        (delta.capture.bytes, delta.capture.flows) = (bytes, flows);
        Some(delta)
    }

    /// Works out what flows there are between two ends.
    fn update(&mut self, ends: Ends, is_quiet: bool, probes: &impl Probes, delta: &mut Delta) {
        let Some(group) = self.groups.get_mut(&ends) else { return };
        let held =
            |(probe, flow): &Member| probes.of(*probe).and_then(|(name, rows)| Some((name, rows.flows.get(flow)?)));
        let mut before = std::mem::take(&mut group.clusters);
        before.iter().for_each(|cluster| {
            for (total, of) in self.totals.iter_mut().zip([cluster.packets, cluster.bytes, 1]) {
                *total -= of;
            }
        });
        let of_before = before.iter().flat_map(|cluster| &cluster.members);
        let was: HashMap<Member, FlowId> =
            of_before.filter_map(|member| Some((*member, self.shown.remove(member)?))).collect();
        let sets = partition(group.members.iter().copied().filter_map(|member| Some((member, held(&member)?.1))));
        for (place, members) in sets.into_iter().enumerate() {
            // one that was there stays what it is for as long as one of its flows is in it
            let known = members.iter().find_map(|member| {
                let id = was.get(member)?;
                before.iter().position(|cluster| cluster.id == *id)
            });
            let mut cluster = match known {
                Some(known) => before.remove(known),
                None => {
                    self.next += 1;
                    let id = FlowId { slot: self.next, generation: 0 };
                    let Some(totals_of) = members.first().copied() else { continue };
                    let (rows, suffix) = (Box::default(), Arc::from(""));
                    Cluster { id, members: BTreeSet::new(), totals_of, suffix, rows, packets: 0, bytes: 0 }
                }
            };
            cluster.members = members;
            cluster.choose(is_quiet, &held);
            let suffix = match (place, held(&cluster.totals_of)) {
                (1.., Some((name, _))) if cluster.suffix.is_empty() => Arc::from(format!(" at {name}")),
                (1.., _) => Arc::clone(&cluster.suffix),
                (0, _) => Arc::from(""),
            };
            cluster.show(ends, suffix, &held, delta);
            for (total, of) in self.totals.iter_mut().zip([cluster.packets, cluster.bytes, 1]) {
                *total += of;
            }
            self.shown.extend(cluster.members.iter().map(|member| (*member, cluster.id)));
            group.clusters.push(cluster);
        }
        delta.gone.extend(before.iter().map(|gone| Row { id: RowId::flow(gone.id), ..Row::default() }));
        if group.members.is_empty() {
            self.groups.remove(&ends);
            self.settling.remove(&ends);
        }
    }
}

impl Cluster {
    /// Chooses the probe that saw most, connected or not: figures never fall because a probe went away, and which probe they are
    /// of is said. Probes tell of the same packets one after the other: while they come, another is chosen only where it is ahead
    /// by more than that.
    fn choose<'a>(&mut self, is_quiet: bool, held: &impl Fn(&Member) -> Option<(&'a Arc<str>, &'a Held)>) {
        let figures = |member: &Member| {
            let row = held(member)?.1.rows.get(&RowId::flow(member.1))?.0;
            Some((row.packets, row.packet_rate.unwrap_or_default()))
        };
        let most = self.members.iter().filter_map(|member| Some((figures(member)?, *member)));
        // of those that saw as much the first
        let Some(((packets, rate), most)) = most.reduce(|best, next| if next.0.0 > best.0.0 { next } else { best })
        else {
            return;
        };
        let is_ahead = match figures(&self.totals_of).filter(|_| self.members.contains(&self.totals_of)) {
            Some((own, own_rate)) => {
                let skew = if is_quiet { 0.0 } else { rate.max(own_rate) * SKEW_SECONDS };
                packets as f64 > own as f64 + skew
            }
            None => true,
        };
        if is_ahead {
            self.totals_of = most;
        }
    }

    /// Puts what is to be shown into a look.
    fn show<'a>(
        &mut self,
        ends: Ends,
        suffix: Arc<str>,
        held: &impl Fn(&Member) -> Option<(&'a Arc<str>, &'a Held)>,
        delta: &mut Delta,
    ) {
        let Some((totals_of, chosen)) = held(&self.totals_of) else { return };
        let own = RowId::flow(self.id);
        let moved = |id: RowId| RowId { flow: self.id, ..id };
        let is_renamed = *suffix != *self.suffix;
        self.suffix = suffix;
        let mut rows = Vec::with_capacity(chosen.rows.values().len());
        for (row, name) in chosen.rows.values() {
            let row = Row { id: moved(row.id), parent: row.parent.map(moved), ..*row };
            let name = match name {
                RowName::Flow(_, cast) => {
                    RowName::Flow(FlowKey { src: ends.0, dst: ends.1, vlan: VlanStack::default() }, *cast)
                }
                other => other.clone(),
            };
            let known =
                self.rows.binary_search_by_key(&row.id, |(id, _)| *id).ok().and_then(|place| self.rows.get(place));
            if known.is_none_or(|(_, known)| *known != name) || is_renamed && row.id == own {
                delta.names.push((row.id, name.clone()));
            }
            delta.rows.push(row);
            rows.push((row.id, name));
            if row.id == own {
                (self.packets, self.bytes) = (row.packets, row.bytes.unwrap_or_default());
            }
        }
        let is_gone = |id: &RowId| rows.binary_search_by_key(id, |(id, _)| *id).is_err();
        let gone = self.rows.iter().map(|(id, _)| *id).filter(is_gone);
        delta.gone.extend(gone.map(|id| Row { id, parent: parent(id), ..Row::default() }));
        self.rows = rows.into();
        let lines = self.lines(held);
        let sighting = Sighting { totals_of: Arc::clone(totals_of), lines, suffix: Arc::clone(&self.suffix) };
        delta.sightings.push((self.id, Arc::new(sighting)));
    }

    /// A line for each probe; of one that has it more than once, on two VLANs, the flow with the most packets.
    fn lines<'a>(&self, held: &impl Fn(&Member) -> Option<(&'a Arc<str>, &'a Held)>) -> Vec<SightingLine> {
        let mut lines: BTreeMap<&str, SightingLine> = BTreeMap::new();
        for member in &self.members {
            let Some((name, of)) = held(member) else { continue };
            let Some((row, _)) = of.rows.get(&RowId::flow(member.1)) else { continue };
            if lines.get(&**name).is_none_or(|known| known.row.packets < row.packets) {
                let line = SightingLine { probe: Arc::clone(name), row: *row, lost: of.lost, vlan: of.key.vlan };
                lines.insert(name, line);
            }
        }
        lines.into_values().collect()
    }
}

/// The row above another, as far as that follows from its identifier.
fn parent(id: RowId) -> Option<RowId> {
    match id.level {
        Level::Flow => None,
        Level::Transport => Some(RowId::flow(id.flow)),
        Level::Encoding => Some(RowId::transport(id.flow, id.transport)),
        Level::Stream | Level::PacketType => Some(RowId::encoding(id.flow, id.transport, id.encoding)),
    }
}

/// Names of encodings with identifiers of their streams.
fn streams(held: &Held) -> BTreeSet<(&str, &str)> {
    let mut names = BTreeSet::new();
    for (row, name) in held.rows.values() {
        if let RowName::Stream(id, _) = name
            && let Some(parent) = row.parent
            && let Some((_, RowName::Named(encoding))) = held.rows.get(&parent)
        {
            names.insert((&**encoding, &**id));
        }
    }
    names
}

/// Which flows are one: those whose streams have an identifier in common, and those without any. Beyond [`MOST_CLUSTERS`] they are
/// told apart no more.
fn partition<'a>(members: impl Iterator<Item = (Member, &'a Held)>) -> Vec<BTreeSet<Member>> {
    let mut without = BTreeSet::new();
    // of each flow another one that it is the same as; of the first of those itself
    let mut same: Vec<(Member, usize)> = Vec::new();
    let mut first: HashMap<(&str, &str), usize> = HashMap::new();
    for (member, held) in members {
        let names = streams(held);
        if names.is_empty() {
            without.insert(member);
            continue;
        }
        let own = same.len();
        same.push((member, own));
        for name in names {
            let other = *first.entry(name).or_insert(own);
            let (one, other) = (root(&mut same, own), root(&mut same, other));
            same.get_mut(one.max(other)).into_iter().for_each(|(_, of)| *of = one.min(other));
        }
    }
    let mut sets: BTreeMap<usize, BTreeSet<Member>> = BTreeMap::new();
    for place in 0..same.len() {
        let root = root(&mut same, place);
        let member = same.get(place).map(|(member, _)| *member);
        sets.entry(root).or_default().extend(member);
    }
    let mut sets: Vec<BTreeSet<Member>> = sets.into_values().collect();
    sets.sort();
    let over: Vec<BTreeSet<Member>> = sets.drain(sets.len().min(MOST_CLUSTERS)..).collect();
    if let Some(last) = sets.last_mut() {
        last.extend(over.into_iter().flatten());
    }
    match sets.first_mut() {
        Some(first) => first.extend(without),
        None if !without.is_empty() => sets.push(without),
        None => {}
    }
    sets
}

/// The first of those that one is the same as.
fn root(same: &mut [(Member, usize)], mut place: usize) -> usize {
    while let Some((_, of)) = same.get(place).copied().filter(|(_, of)| *of != place) {
        let above = same.get(of).map_or(of, |(_, above)| *above);
        same.get_mut(place).into_iter().for_each(|(_, of)| *of = above);
        place = of;
    }
    place
}
