//! The TLVs of Signaling messages: unicast negotiation (IEEE 1588-2019 16.1), L1 synchronisation (annex L), and what
//! slaves tell of themselves (16.11).

use streamlens_model::Value;

use super::names;
use super::tlv::{Fields, time_text};
use super::wire::{PortIdentity, TimeInterval, i8_at, i32_at, i64_at, u8_at, u16_at, u32_at};

/// What REQUEST and GRANT have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transmission {
    pub(super) message_type: u8,
    pub(super) log_interval: i8,
    /// Seconds; 0 in a grant means refused.
    pub(super) duration: u32,
}

impl Transmission {
    pub(super) fn parse(v: &[u8]) -> Option<Self> {
        Some(Self { message_type: u8_at(v, 0)? >> 4, log_interval: i8_at(v, 1)?, duration: u32_at(v, 2)? })
    }
}

pub(super) fn transmission(kind: u16, v: &[u8], out: &mut Fields) -> Option<()> {
    let transmission = Transmission::parse(v)?;
    out.put("message_type", names::message_type(transmission.message_type.into()).into_owned());
    out.put("log_inter_message_period", transmission.log_interval);
    out.put("duration_s", transmission.duration);
    if kind == 0x0005 {
        out.put("renewal_invited", u8_at(v, 7)? & 1 != 0);
    }
    Some(())
}

pub(super) fn cancel(v: &[u8], out: &mut Fields) -> Option<()> {
    let octet = u8_at(v, 0)?;
    out.put("message_type", names::message_type((octet >> 4).into()).into_owned());
    out.put("maintain_request", octet & 1 != 0);
    out.put("maintain_grant", octet & 2 != 0);
    Some(())
}

pub(super) fn l1_sync(v: &[u8], out: &mut Fields) -> Option<()> {
    let (configuration, state) = (u8_at(v, 0)?, u8_at(v, 1)?);
    let extended = configuration & 0x08 != 0;
    out.put("tx_coherent_is_required", configuration & 0x01 != 0);
    out.put("rx_coherent_is_required", configuration & 0x02 != 0);
    out.put("congruent_is_required", configuration & 0x04 != 0);
    out.put("is_tx_coherent", state & 0x01 != 0);
    out.put("is_rx_coherent", state & 0x02 != 0);
    out.put("is_congruent", state & 0x04 != 0);
    if extended {
        out.put("extended_flags", u8_at(v, 2)?);
        out.interval("phase_offset_tx_ns", i64_at(v, 3)?);
        out.put("phase_offset_tx_timestamp", time_text(v, 11)?);
        out.put("frequency_offset_tx", i64_at(v, 21)?);
        out.put("frequency_offset_tx_timestamp", time_text(v, 29)?);
    }
    Some(())
}

/// Records of a fixed length behind a head; what does not make a whole record is left out.
fn records(v: &[u8], head: usize, length: usize, read: impl Fn(&[u8], &mut Fields) -> Option<()>) -> Option<Value> {
    let list = v.get(head..)?.chunks_exact(length).filter_map(|record| {
        let mut out = Fields::default();
        read(record, &mut out)?;
        Some(out.into_value())
    });
    Some(Value::List(list.collect()))
}

pub(super) fn rx_sync_timing(v: &[u8], out: &mut Fields) -> Option<()> {
    out.put("source_port_identity", PortIdentity::parse(v, 0)?.to_string());
    let list = records(v, 10, 34, |r, out| {
        out.put("sequence_id", u16_at(r, 0)?);
        out.put("sync_origin_timestamp", time_text(r, 2)?);
        out.interval("total_correction_ns", i64_at(r, 12)?);
        out.put("scaled_cumulative_rate_offset", i32_at(r, 20)?);
        out.put("sync_event_ingress_timestamp", time_text(r, 24)?);
        Some(())
    })?;
    out.put("records", list);
    Some(())
}

/// One record of SLAVE_RX_SYNC_COMPUTED_DATA: what a slave worked out from a Sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Computed {
    pub(super) sequence: u16,
    pub(super) offset: TimeInterval,
    pub(super) path_delay: TimeInterval,
    pub(super) rate_ratio: i32,
}

/// The flags of SLAVE_RX_SYNC_COMPUTED_DATA that say which figures hold, and its records.
pub(super) fn computed(v: &[u8]) -> Option<(PortIdentity, u8, impl Iterator<Item = Computed>)> {
    let records = v.get(12..)?.chunks_exact(22).filter_map(|r| {
        Some(Computed {
            sequence: u16_at(r, 0)?,
            offset: TimeInterval(i64_at(r, 2)?),
            path_delay: TimeInterval(i64_at(r, 10)?),
            rate_ratio: i32_at(r, 18)?,
        })
    });
    Some((PortIdentity::parse(v, 0)?, u8_at(v, 10)?, records))
}

pub(super) fn rx_sync_computed(v: &[u8], out: &mut Fields) -> Option<()> {
    let (source, flags, list) = computed(v)?;
    out.put("source_port_identity", source.to_string());
    out.put("computed_flags", flags);
    let list = list.map(|record| {
        let mut out = Fields::default();
        out.put("sequence_id", record.sequence);
        out.interval("offset_from_master_ns", record.offset.0);
        out.interval("mean_path_delay_ns", record.path_delay.0);
        out.put("scaled_neighbor_rate_ratio", record.rate_ratio);
        out.into_value()
    });
    out.put("records", Value::List(list.collect()));
    Some(())
}

pub(super) fn tx_event_timestamps(v: &[u8], out: &mut Fields) -> Option<()> {
    out.put("source_port_identity", PortIdentity::parse(v, 0)?.to_string());
    let kind = u8_at(v, 10)? & 0x0F;
    out.put("event_message_type", names::message_type(kind.into()).into_owned());
    let list = records(v, 12, 12, |r, out| {
        out.put("sequence_id", u16_at(r, 0)?);
        out.put("event_egress_timestamp", time_text(r, 2)?);
        Some(())
    })?;
    out.put("records", list);
    Some(())
}
