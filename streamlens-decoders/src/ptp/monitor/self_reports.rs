//! What clocks say of themselves: the only source for a slave's own offset that a passive capture has.

use super::super::management::{ACTION_RESPONSE, CURRENT_DATA_SET, CurrentDataSet, PORT_DATA_SET, TIME_STATUS_NP};
use super::super::signaling;
use super::super::wire::{PortIdentity, TimeInterval, i64_at, tlvs, u8_at, u16_at, u64_at};
use super::domain::Domain;
use super::message::Message;
use super::stats::Series;

/// The most ports of which it is kept in one domain.
const MAX_TELLERS: usize = 4096;

/// What one port told.
#[derive(Clone, Debug, Default)]
pub(super) struct SelfReport {
    /// CURRENT_DATA_SET: offsetFromMaster, meanPathDelay, stepsRemoved.
    pub(super) offset: Series,
    pub(super) path_delay: Series,
    pub(super) steps_removed: Option<u16>,
    /// linuxptp's TIME_STATUS_NP.
    pub(super) time_status_offset: Series,
    pub(super) grandmaster: Option<u64>,
    /// SLAVE_RX_SYNC_COMPUTED_DATA.
    pub(super) computed_offset: Series,
    pub(super) computed_path_delay: Series,
    /// PORT_DATA_SET: the state of each port, by number; the first 16.
    pub(super) port_states: Vec<(u16, u8)>,
}

impl Domain {
    fn teller(&mut self, port: PortIdentity) -> Option<&mut SelfReport> {
        if !self.told.contains_key(&port) && self.told.len() >= MAX_TELLERS {
            return None;
        }
        Some(self.told.entry(port).or_default())
    }

    pub(super) fn hear_management(&mut self, m: &Message<'_>) {
        if m.domain.version() != 2 || u8_at(m.bytes, 46).is_none_or(|action| action & 0x0F != ACTION_RESPONSE) {
            return;
        }
        for (kind, value) in tlvs(m.bytes.get(48..).unwrap_or_default()) {
            let (0x0001, Some(id), Some(data)) = (kind, u16_at(value, 0), value.get(2..)) else { continue };
            match id {
                CURRENT_DATA_SET => {
                    let (Some(set), Some(told)) = (CurrentDataSet::parse(data), self.teller(m.source)) else {
                        continue;
                    };
                    told.steps_removed = Some(set.steps_removed);
                    push(&mut told.offset, set.offset);
                    push(&mut told.path_delay, set.path_delay);
                }
                TIME_STATUS_NP => {
                    let (Some(offset), Some(clock)) = (i64_at(data, 0), u64_at(data, 42)) else { continue };
                    let Some(told) = self.teller(m.source) else { continue };
                    told.time_status_offset.push(offset);
                    told.grandmaster = Some(clock);
                }
                PORT_DATA_SET => {
                    let (Some(port), Some(state)) = (PortIdentity::parse(data, 0), u8_at(data, 10)) else { continue };
                    let Some(told) = self.teller(m.source) else { continue };
                    if let Some(known) = told.port_states.iter_mut().find(|(number, _)| *number == port.port) {
                        known.1 = state;
                    } else if told.port_states.len() < 16 {
                        told.port_states.push((port.port, state));
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn hear_signaling(&mut self, m: &Message<'_>) {
        for (kind, value) in tlvs(m.bytes.get(44..).unwrap_or_default()) {
            if kind != 0x8005 {
                continue;
            }
            let (Some((_, flags, records)), Some(told)) = (signaling::computed(value), self.teller(m.source)) else {
                continue;
            };
            // Bit 1 says that the path delay holds, bit 2 that the offset does (IEEE 1588-2019 16.11.4.2).
            for record in records {
                if flags & 0x02 != 0 {
                    push(&mut told.computed_path_delay, record.path_delay);
                }
                if flags & 0x04 != 0 {
                    push(&mut told.computed_offset, record.offset);
                }
            }
        }
    }
}

fn push(summary: &mut Series, value: TimeInterval) {
    if value != TimeInterval::TOO_BIG {
        summary.push(value.as_nanos());
    }
}
