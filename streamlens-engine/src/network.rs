//! Monitors that span flows: fed from what decoders published, in frame order.

use streamlens_decoders::{NetworkMonitor, ObservedPdu};
use streamlens_registry::{DecoderIndex, DecoderRegistry};

use crate::work::Outbox;

/// One monitor per decoder that has one.
#[derive(Default)]
pub(crate) struct Networks {
    pub(crate) monitors: Vec<(DecoderIndex, Box<dyn NetworkMonitor>)>,
    /// By decoder, whether any monitor wants to see its flows.
    pub(crate) wanted: Vec<bool>,
    /// Number of PDUs handed on.
    pub(crate) observed: u64,
    /// Frame, shard and place in its outbox; kept for its memory.
    order: Vec<(u64, u32, u32)>,
}

impl Networks {
    pub(crate) fn new(registry: &DecoderRegistry) -> Self {
        let monitors: Vec<_> = (0..)
            .map(DecoderIndex)
            .zip(registry.iter())
            .filter_map(|(index, decoder)| Some((index, decoder.network_monitor()?)))
            .collect();
        let mut wanted = vec![false; registry.len()];
        for (index, monitor) in &monitors {
            for (decoder, is_wanted) in registry.iter().zip(&mut wanted) {
                let name = &*decoder.info().name;
                let own = registry.decoder(*index).is_some_and(|own| own.info().name == name);
                *is_wanted |= own || monitor.watches().contains(&name);
            }
        }
        Self { monitors, wanted, observed: 0, order: Vec::new() }
    }

    /// Hands on what the shards published, in frame order, and empties their outboxes.
    pub(crate) fn collect(&mut self, outboxes: &mut [Outbox]) {
        self.order.clear();
        for (number, outbox) in (0..).zip(outboxes.iter()) {
            let records = (0..).zip(&outbox.records);
            self.order.extend(records.map(|(place, record)| (record.at.frame, number, place)));
        }
        // the shards are in order each, which a stable sort makes use of; places keep the order of several PDUs of one
        // frame, which are all of one shard
        self.order.sort();
        self.observed += self.order.len() as u64;
        for &(_, shard, place) in &self.order {
            let Some(outbox) = outboxes.get(shard as usize) else { continue };
            let Some(record) = outbox.records.get(place as usize) else { continue };
            let Some((_, monitor)) = self.monitors.iter_mut().find(|(index, _)| *index == record.decoder) else {
                continue;
            };
            monitor.observe(&ObservedPdu {
                at: record.at,
                flow: &record.flow,
                packet_type: record.kind,
                bytes: outbox.bytes.get(record.offset..record.offset + record.length).unwrap_or_default(),
            });
        }
        outboxes.iter_mut().for_each(Outbox::clear);
    }
}
