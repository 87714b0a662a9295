//! What shows only across flows: one channel from two senders.

use std::any::Any;

use streamlens_model::{Endpoint, FindingLog, Severity};

use super::flow::Chapter10Flow;
use super::{channel_name, channel_stream};
use crate::sources::Sources;
use crate::{NetworkMonitor, NetworkReport, ObservedPdu, Peer, Survey, SurveyNotes};

/// Finds channels that two senders send to the same destination. Channel 0 is every recorder's own.
#[derive(Debug, Default)]
pub struct Chapter10Monitor;

impl NetworkMonitor for Chapter10Monitor {
    fn observe(&mut self, _pdu: &ObservedPdu<'_>) {}

    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(Senders::default())
    }
}

/// Who sends a channel to a destination, and since when.
#[derive(Default)]
struct Senders {
    channels: Sources<(Endpoint, u16), Endpoint>,
}

impl SurveyNotes for Senders {
    fn observe(&mut self, _: u64, peer: &Peer<'_>) {
        let Some(flow) = peer.decoder.and_then(|decoder| (decoder as &dyn Any).downcast_ref::<Chapter10Flow>()) else {
            return;
        };
        for channel in flow.statistics.channels.iter().filter(|channel| channel.id != 0 && !flow.statistics.is_file) {
            if let Some(first) = channel.first {
                self.channels.note((peer.flow.dst, channel.id), peer.flow.src, first);
            }
        }
    }
}

impl Survey for Senders {
    fn adds_facts_to_flows(&self) -> bool {
        false
    }

    fn observe(&mut self, number: u64, peer: &Peer<'_>) {
        SurveyNotes::observe(self, number, peer);
    }

    fn empty_notes(&self) -> Option<Box<dyn SurveyNotes>> {
        Some(Box::<Self>::default())
    }

    fn merge(&mut self, notes: Box<dyn SurveyNotes>) {
        if let Ok(notes) = (notes as Box<dyn Any>).downcast::<Self>() {
            self.channels.append(notes.channels);
        }
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        let mut findings = FindingLog::default();
        for ((destination, channel), sources) in self.channels.several() {
            let (stream, [_, (_, at)]) = (channel_stream(channel), sources.first);
            findings.add("chapter10.channel-from-two-sources", Severity::Warning, Some(stream), at, || {
                let names: Vec<_> = sources.all.iter().take(4).map(|(source, _)| source.to_string()).collect();
                let (names, count) = (names.join(" and "), sources.all.len());
                format!("channel {channel} comes to {destination} from {count} senders: {names}")
            });
            report.stream_names.insert(stream, channel_name(channel));
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }
}
