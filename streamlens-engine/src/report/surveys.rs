//! What network monitors see of the flows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamlens_decoders::{FlowReport, NetworkReport, Peer, Survey, SurveyNotes};
use streamlens_model::Interface;

use crate::deferred::store::{FlowHandle, VisitedFlow};
use crate::state::EngineState;
use crate::workers::for_each_parallel;

/// What network monitors say of single encodings, by flow and decoder.
pub(super) type Additions = BTreeMap<EncodingPath, Vec<FlowReport>>;

/// What network monitors say of networks, by the name of the encoding.
pub(super) type NetworkReports = Vec<(Cow<'static, str>, NetworkReport)>;

/// The surveys of network monitors.
pub(super) struct Surveys<'e> {
    state: &'e EngineState,
    /// Names of interfaces.
    interfaces: Arc<[Interface]>,
    list: Vec<OneSurvey<'e>>,
    /// The places of those that want the flows of a decoder, by its index.
    of_decoder: Vec<Vec<usize>>,
}

struct OneSurvey<'e> {
    /// Name of the monitor's own encoding.
    own: &'e str,
    watched: &'static [&'static str],
    /// Which decoders' flows it wants to see: a bit for each, by their index.
    wanted: Vec<u64>,
    least_frames: u64,
    sees_paths: bool,
    /// Whether it wants to see the flows (once more).
    is_open: bool,
    survey: Mutex<Box<dyn Survey + 'e>>,
}

/// What one thread notes for the surveys, by the place of each; `None` for those that have to see all flows themselves.
pub(super) struct SurveyShard(Vec<Option<Box<dyn SurveyNotes>>>);

impl<'e> Surveys<'e> {
    /// Those whose reports are needed before flows are made, and those whose are not.
    pub(super) fn of(state: &'e EngineState, interfaces: &Arc<[Interface]>) -> (Self, Self) {
        let (mut early, mut late) = (Self::none(state, interfaces), Self::none(state, interfaces));
        for (index, monitor) in &state.networks.monitors {
            let Some(decoder) = state.registry.decoder(*index) else { continue };
            let survey = monitor.survey();
            let (watched, least_frames, sees_paths) = (monitor.watches(), survey.least_frames(), survey.sees_paths());
            let into = if survey.adds_facts_to_flows() { &mut early } else { &mut late };
            let (own, survey) = (decoder.info().name.as_ref(), Mutex::new(survey));
            let mut wanted = vec![0; state.registry.len().div_ceil(64)];
            for (index, decoder) in state.registry.iter().enumerate() {
                let name = decoder.info().name.as_ref();
                wanted[index / 64] |= u64::from(name == own || watched.contains(&name)) << (index % 64);
            }
            into.add(OneSurvey { own, watched, wanted, least_frames, sees_paths, is_open: true, survey });
        }
        (early, late)
    }

    pub(super) fn none(state: &'e EngineState, interfaces: &Arc<[Interface]>) -> Self {
        Self {
            state,
            interfaces: Arc::clone(interfaces),
            list: Vec::new(),
            of_decoder: vec![Vec::new(); state.registry.len()],
        }
    }

    fn add(&mut self, one: OneSurvey<'e>) {
        for (decoder, places) in self.of_decoder.iter_mut().enumerate() {
            if one.wants_any(u64::MAX, 1 << (decoder % 64), decoder / 64) {
                places.push(self.list.len());
            }
        }
        self.list.push(one);
    }

    /// Takes over those of another list.
    pub(super) fn join(&mut self, other: Self) {
        other.list.into_iter().for_each(|one| self.add(one));
    }

    /// An empty notebook for a thread.
    pub(super) fn notebook(&self) -> SurveyShard {
        SurveyShard(self.list.iter().map(|one| one.lock().empty_notes()).collect())
    }

    /// Takes over what threads noted.
    pub(super) fn gather(&mut self, notebooks: impl IntoIterator<Item = SurveyShard>) {
        for notebook in notebooks {
            for (one, notes) in self.list.iter_mut().zip(notebook.0) {
                notes.into_iter().for_each(|notes| one.get_mut().merge(notes));
            }
        }
    }

    /// Shows a flow to those that watch one of its encodings, or notes it for them.
    pub(super) fn see(&self, notebook: &mut SurveyShard, visited: &VisitedFlow<'_>) {
        let flow = visited.flow;
        let packets = flow.packets();
        for encoding in flow.transports().flat_map(|transport| &transport.encodings) {
            let index = encoding.decoder;
            for &place in self.of_decoder.get(usize::from(index.0)).into_iter().flatten() {
                let (Some(one), Some(notes)) = (self.list.get(place), notebook.0.get_mut(place)) else { continue };
                if !one.is_open || packets < one.least_frames {
                    continue;
                }
                let Some(decoder) = self.state.registry.decoder(index) else { continue };
                let paths = if one.sees_paths { encoding.path_count() } else { 1 };
                for path in 0..paths {
                    let interface = encoding.interface_of(path).map(|number| interface_name(&self.interfaces, number));
                    let peer = Peer {
                        flow: &flow.key,
                        decoder: encoding.decoder_of(path),
                        encoding: decoder.info().name.as_ref(),
                        interface: interface.as_deref(),
                    };
                    let number = EncodingPath { flow: visited.handle, decoder: index.0, path }.to_bits();
                    match notes {
                        Some(notes) => notes.observe(number, &peer),
                        None => one.lock().observe(number, &peer),
                    }
                }
            }
        }
    }

    /// Whether any wants to see a flow of so many frames that has one of these decoders, a bit for each.
    pub(super) fn want(&self, packets: u64, decoders: u64) -> bool {
        self.list.iter().any(|one| one.wants_any(packets, decoders, 0))
    }

    /// Whether none wants to see any flow.
    pub(super) fn are_closed(&self) -> bool {
        !self.list.iter().any(|one| one.is_open)
    }

    /// Ends a look at all flows: whether any wants another.
    pub(super) fn needs_second_pass(&mut self) -> bool {
        for one in &mut self.list {
            one.is_open = one.get_mut().needs_second_pass();
        }
        !self.are_closed()
    }

    /// The reports, by the name of the encoding; what they say of single flows by flow and decoder.
    pub(super) fn finish(self) -> (NetworkReports, Additions) {
        let (mut networks, mut additions) = (Vec::new(), Additions::new());
        let closed = |one: OneSurvey<'e>| (one.own, one.watched, Some(one.survey), NetworkReport::default());
        let mut reports: Vec<_> = self.list.into_iter().map(closed).collect();
        for_each_parallel(self.state.threads, &mut reports, |(.., survey, report)| {
            let survey = survey.take().map(|survey| survey.into_inner().unwrap_or_else(PoisonError::into_inner));
            survey.into_iter().for_each(|survey| survey.report(report));
        });
        for (own, watched, _, mut report) in reports {
            let name_of = |index| self.state.registry.decoder(index).map(|decoder| decoder.info().name.as_ref());
            let monitors = &self.state.networks.monitors;
            let Some((_, monitor)) = monitors.iter().find(|(index, _)| name_of(*index) == Some(own)) else { continue };
            for (_, beside) in monitors
                .iter()
                .filter(|(index, _)| name_of(*index).is_some_and(|name| name != own && watched.contains(&name)))
            {
                monitor.report_beside(beside.as_ref(), &mut report);
            }
            if self.state.is_moved {
                let of_own = self.state.registry.get(own);
                report.facts.remove_all(of_own.map_or(&[], |decoder| decoder.info().against_capture));
            }
            for (number, addition) in std::mem::take(&mut report.flows) {
                additions.entry(EncodingPath::from_bits(number)).or_default().push(addition);
            }
            networks.push((own.to_owned().into(), report));
        }
        (networks, additions)
    }
}

impl<'e> OneSurvey<'e> {
    fn lock(&self) -> MutexGuard<'_, Box<dyn Survey + 'e>> {
        self.survey.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_mut(&mut self) -> &mut (dyn Survey + 'e) {
        self.survey.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    /// Whether it wants to see a flow of any of these decoders, in this word of them.
    fn wants_any(&self, packets: u64, decoders: u64, word: usize) -> bool {
        let wanted = self.wanted.get(word).copied().unwrap_or_default();
        self.is_open && packets >= self.least_frames && wanted & decoders != 0
    }
}

/// A path of a flow's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EncodingPath {
    pub(super) flow: FlowHandle,
    pub(super) decoder: u16,
    pub(super) path: u8,
}

impl EncodingPath {
    /// The number that stands for it in [`NetworkReport::flows`]: the flow (44 bits), the decoder (16), the path (4).
    fn to_bits(self) -> u64 {
        self.flow.to_bits() << 20 | u64::from(self.decoder) << 4 | u64::from(self.path)
    }

    fn from_bits(bits: u64) -> Self {
        Self { flow: FlowHandle::from_bits(bits >> 20), decoder: (bits >> 4) as u16, path: bits as u8 & 0xF }
    }
}

/// The name of an interface, or its number where it has none.
pub(super) fn interface_name(interfaces: &[Interface], number: u16) -> Cow<'_, str> {
    let name = interfaces.get(usize::from(number)).and_then(|interface| interface.name.as_deref());
    name.map_or_else(|| format!("interface {number}").into(), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::SHARD_COUNT;

    #[test]
    fn a_path_comes_back_from_its_bits() {
        for (shard, index, decoder, path) in [(0, 0, 0, 0), (SHARD_COUNT - 1, u32::MAX, u16::MAX, 15), (1, 7, 4096, 3)]
        {
            let one = EncodingPath { flow: FlowHandle::resident(shard, index), decoder, path };
            assert_eq!(EncodingPath::from_bits(one.to_bits()), one);
        }
    }
}
