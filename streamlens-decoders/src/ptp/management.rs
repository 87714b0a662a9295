//! MANAGEMENT TLVs (IEEE 1588-2019 15.5): the data sets and settings by name, and those of linuxptp.

use streamlens_model::Value;

use super::names;
use super::tlv::{Fields, ptp_text, time_text, u48_at};
use super::v1::hex;
use super::wire::{PortIdentity, TimeInterval, i8_at, i16_at, i32_at, i64_at, u8_at, u16_at, u32_at, u64_at};
use crate::wire::le_u64;

/// The action that asks and whose data, where there are any, mean nothing.
pub(super) const ACTION_GET: u8 = 0;
/// The action that answers a GET or a SET.
pub(super) const ACTION_RESPONSE: u8 = 2;

pub(super) const CURRENT_DATA_SET: u16 = 0x2001;
pub(super) const PORT_DATA_SET: u16 = 0x2004;
pub(super) const TIME_STATUS_NP: u16 = 0xC000;

/// What CURRENT_DATA_SET tells (IEEE 1588-2019 15.5.3.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CurrentDataSet {
    pub(super) steps_removed: u16,
    pub(super) offset: TimeInterval,
    pub(super) path_delay: TimeInterval,
}

impl CurrentDataSet {
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        Some(Self {
            steps_removed: u16_at(data, 0)?,
            offset: TimeInterval(i64_at(data, 2)?),
            path_delay: TimeInterval(i64_at(data, 10)?),
        })
    }
}

/// Adds the managementId and the data of a MANAGEMENT TLV. `carries_data` is false for a GET, whose data mean nothing.
pub(super) fn fields(v: &[u8], carries_data: bool, out: &mut Fields) -> Option<()> {
    let id = u16_at(v, 0)?;
    out.put("management_id", id);
    out.put("management_name", names::management_id(id));
    let data = v.get(2..)?;
    if carries_data && !data.is_empty() && data_fields(id, data, out).is_none() {
        out.put("data", hex(data));
    }
    Some(())
}

fn data_fields(id: u16, d: &[u8], out: &mut Fields) -> Option<()> {
    match id {
        0x0001 => clock_description(d, out)?,
        0x0002 => out.put("user_description", ptp_text(d, 0)?),
        0x0005 => out.put("initialization_key", u16_at(d, 0)?),
        0x2000 => default_data_set(d, out)?,
        CURRENT_DATA_SET => {
            let set = CurrentDataSet::parse(d)?;
            out.put("steps_removed", set.steps_removed);
            out.interval("offset_from_master_ns", set.offset.0);
            out.interval("mean_path_delay_ns", set.path_delay.0);
        }
        0x2002 => parent_data_set(d, out)?,
        0x2003 => time_properties(d, out)?,
        PORT_DATA_SET => port_data_set(d, out)?,
        0x2005 => out.put("priority1", u8_at(d, 0)?),
        0x2006 => out.put("priority2", u8_at(d, 0)?),
        0x2007 => out.put("domain_number", u8_at(d, 0)?),
        0x2008 => out.put("slave_only", u8_at(d, 0)? & 1 != 0),
        0x2009 => out.put("log_announce_interval", i8_at(d, 0)?),
        0x200A => out.put("announce_receipt_timeout", u8_at(d, 0)?),
        0x200B => out.put("log_sync_interval", i8_at(d, 0)?),
        0x200C => out.put("version_number", u8_at(d, 0)? & 0x0F),
        0x200F => out.put("current_time", time_text(d, 0)?),
        0x2010 => accuracy(d, 0, "clock_accuracy", out)?,
        0x2011 => {
            out.put("current_utc_offset", i16_at(d, 0)?);
            let flags = u8_at(d, 2)?;
            out.put("leap61", flags & 0x01 != 0);
            out.put("leap59", flags & 0x02 != 0);
            out.put("current_utc_offset_valid", flags & 0x04 != 0);
        }
        0x2012 => {
            let flags = u8_at(d, 0)?;
            out.put("time_traceable", flags & 0x10 != 0);
            out.put("frequency_traceable", flags & 0x20 != 0);
        }
        0x2013 => {
            out.put("ptp_timescale", u8_at(d, 0)? & 0x08 != 0);
            time_source(d, 1, out)?;
        }
        0x2014 | 0x2016 | 0x201B | 0x3000..=0x3002 => out.put("enabled", u8_at(d, 0)? & 1 != 0),
        0x2015 => out.put("path", clocks(d)),
        0x2017 => port_table(d, 2, out)?,
        0x2018 => port_table(d, 3, out)?,
        0x2019 | 0x201C => out.put("max_table_size", u16_at(d, 0)?),
        0x201A => acceptable_masters(d, out)?,
        0x201D => {
            out.put("transmit_alternate_multicast_sync", u8_at(d, 0)? & 1 != 0);
            out.put("log_alternate_multicast_sync_interval", i8_at(d, 1)?);
            out.put("number_of_alternate_masters", u8_at(d, 2)?);
        }
        0x201E => {
            out.put("key", u8_at(d, 0)?);
            out.put("enabled", u8_at(d, 1)? & 1 != 0);
        }
        0x201F => {
            out.put("key", u8_at(d, 0)?);
            out.put("display_name", ptp_text(d, 1)?);
        }
        0x2020 => out.put("max_key", u8_at(d, 0)?),
        0x2021 => {
            out.put("key", u8_at(d, 0)?);
            out.put("current_offset_s", i32_at(d, 1)?);
            out.put("jump_s", i32_at(d, 5)?);
            out.put("time_of_next_jump_s", u48_at(d, 9)?);
        }
        0x3003 => out.put("desired_state", names::port_state(u8_at(d, 0)?)),
        0x4000 => {
            out.put("clock_identity", format!("{:016x}", u64_at(d, 0)?));
            out.put("number_ports", u16_at(d, 8)?);
            out.put("delay_mechanism", names::delay_mechanism(u8_at(d, 10)?));
            out.put("primary_domain", u8_at(d, 11)?);
        }
        0x4001 => {
            out.put("port_identity", PortIdentity::parse(d, 0)?.to_string());
            out.put("faulty", u8_at(d, 10)? & 1 != 0);
            out.put("log_min_pdelay_req_interval", i8_at(d, 11)?);
            out.interval("peer_mean_path_delay_ns", i64_at(d, 12)?);
        }
        0x4002 => out.put("primary_domain", u8_at(d, 0)?),
        0x6000 => out.put("delay_mechanism", names::delay_mechanism(u8_at(d, 0)?)),
        0x6001 => out.put("log_min_pdelay_req_interval", i8_at(d, 0)?),
        TIME_STATUS_NP => time_status(d, out)?,
        0xC001 => {
            clock_quality(d, 0, out)?;
            out.put("current_utc_offset", i16_at(d, 4)?);
            out.put("time_flags", u8_at(d, 6)?);
            time_source(d, 7, out)?;
        }
        0xC005 => port_stats(d, out)?,
        _ => return None,
    }
    Some(())
}

fn accuracy(d: &[u8], at: usize, name: &'static str, out: &mut Fields) -> Option<()> {
    let code = u8_at(d, at)?;
    out.put(name, code);
    out.put("clock_accuracy_name", names::clock_accuracy(code));
    Some(())
}

fn time_source(d: &[u8], at: usize, out: &mut Fields) -> Option<()> {
    let code = u8_at(d, at)?;
    out.put("time_source", code);
    out.put("time_source_name", names::time_source(code));
    Some(())
}

/// clockClass, clockAccuracy and offsetScaledLogVariance (IEEE 1588-2019 5.3.7).
fn clock_quality(d: &[u8], at: usize, out: &mut Fields) -> Option<()> {
    let class = u8_at(d, at)?;
    out.put("clock_class", class);
    out.put("clock_class_name", names::clock_class(class));
    accuracy(d, at + 1, "clock_accuracy", out)?;
    out.put("offset_scaled_log_variance", u16_at(d, at + 2)?);
    Some(())
}

fn clocks(d: &[u8]) -> Value {
    Value::List(d.chunks_exact(8).map(|id| Value::text(hex(id))).collect())
}

fn clock_description(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("clock_type", u16_at(d, 0)?);
    out.put("physical_layer_protocol", ptp_text(d, 2)?);
    let mut at = 3 + usize::from(u8_at(d, 2)?);
    let length = usize::from(u16_at(d, at)?);
    out.put("physical_address", hex(d.get(at + 2..)?.get(..length)?));
    at += 2 + length;
    let protocol = u16_at(d, at)?;
    out.put("network_protocol", names::network_protocol(protocol));
    let length = usize::from(u16_at(d, at + 2)?);
    out.put("protocol_address", hex(d.get(at + 4..)?.get(..length)?));
    at += 4 + length;
    out.put("manufacturer_identity", hex(d.get(at..)?.get(..3)?));
    at += 4;
    for name in ["product_description", "revision_data", "user_description"] {
        out.put(name, ptp_text(d, at)?);
        at += 1 + usize::from(u8_at(d, at)?);
    }
    out.put("profile_identity", hex(d.get(at..)?.get(..6)?));
    Some(())
}

fn default_data_set(d: &[u8], out: &mut Fields) -> Option<()> {
    let flags = u8_at(d, 0)?;
    out.put("two_step", flags & 0x01 != 0);
    out.put("slave_only", flags & 0x02 != 0);
    out.put("number_ports", u16_at(d, 2)?);
    out.put("priority1", u8_at(d, 4)?);
    clock_quality(d, 5, out)?;
    out.put("priority2", u8_at(d, 9)?);
    out.put("clock_identity", format!("{:016x}", u64_at(d, 10)?));
    out.put("domain_number", u8_at(d, 18)?);
    Some(())
}

fn parent_data_set(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("parent_port_identity", PortIdentity::parse(d, 0)?.to_string());
    out.put("parent_stats", u8_at(d, 10)? & 1 != 0);
    out.put("observed_parent_offset_scaled_log_variance", u16_at(d, 12)?);
    out.put("observed_parent_clock_phase_change_rate", i32_at(d, 14)?);
    out.put("grandmaster_priority1", u8_at(d, 18)?);
    clock_quality(d, 19, out)?;
    out.put("grandmaster_priority2", u8_at(d, 23)?);
    out.put("grandmaster_identity", format!("{:016x}", u64_at(d, 24)?));
    Some(())
}

fn time_properties(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("current_utc_offset", i16_at(d, 0)?);
    let flags = u16::from(u8_at(d, 2)?);
    for &(mask, name) in names::TIME_FLAGS {
        out.put(name, flags & mask != 0);
    }
    time_source(d, 3, out)
}

fn port_data_set(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("port_identity", PortIdentity::parse(d, 0)?.to_string());
    let state = u8_at(d, 10)?;
    out.put("port_state", state);
    out.put("port_state_name", names::port_state(state));
    out.put("log_min_delay_req_interval", i8_at(d, 11)?);
    out.interval("peer_mean_path_delay_ns", i64_at(d, 12)?);
    out.put("log_announce_interval", i8_at(d, 20)?);
    out.put("announce_receipt_timeout", u8_at(d, 21)?);
    out.put("log_sync_interval", i8_at(d, 22)?);
    out.put("delay_mechanism", names::delay_mechanism(u8_at(d, 23)?));
    out.put("log_min_pdelay_req_interval", i8_at(d, 24)?);
    out.put("version_number", u8_at(d, 25)? & 0x0F);
    Some(())
}

/// A table of port addresses: log of the query interval, the count in `width - 1` octets, the entries.
fn port_table(d: &[u8], width: usize, out: &mut Fields) -> Option<()> {
    out.put("log_query_interval", i8_at(d, 0)?);
    let count = if width == 3 { u16_at(d, 1)? } else { u8_at(d, 1)?.into() };
    out.put("table_size", count);
    out.put("table", hex(d.get(width..)?));
    Some(())
}

fn acceptable_masters(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("table_size", u16_at(d, 0)?);
    let entries = d.get(2..)?.chunks_exact(11).filter_map(|entry| {
        let port = Value::text(PortIdentity::parse(entry, 0)?.to_string());
        Some(Value::map([("port_identity", port), ("alternate_priority1", u8_at(entry, 10)?.into())]))
    });
    out.put("table", Value::List(entries.collect()));
    Some(())
}

/// linuxptp's TIME_STATUS_NP.
fn time_status(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("master_offset_ns", i64_at(d, 0)?);
    out.put("ingress_time_ns", i64_at(d, 8)?);
    out.put("cumulative_scaled_rate_offset", i32_at(d, 16)?);
    out.put("scaled_last_gm_phase_change", i32_at(d, 20)?);
    out.put("gm_time_base_indicator", u16_at(d, 24)?);
    out.put("last_gm_phase_change", hex(d.get(26..38)?));
    out.put("gm_present", i32_at(d, 38)? != 0);
    out.put("gm_identity", format!("{:016x}", u64_at(d, 42)?));
    Some(())
}

/// linuxptp's PORT_STATS_NP: received and transmitted counts by message type, in the byte order of the host, which is
/// little-endian almost everywhere.
fn port_stats(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("port_identity", PortIdentity::parse(d, 0)?.to_string());
    for (name, at) in [("received", 10), ("transmitted", 138)] {
        let counts = d.get(at..)?.get(..128)?.chunks_exact(8).enumerate().filter_map(|(kind, octets)| {
            let (_, count) = le_u64("count")(octets).ok()?;
            let name = names::message_type(u32::try_from(kind).ok()?);
            (count > 0).then_some((name, Value::Unsigned(count)))
        });
        out.put(name, Value::map(counts));
    }
    // Read so that a set that is cut shows as bytes rather than as half a figure.
    u32_at(d, 262)?;
    Some(())
}
