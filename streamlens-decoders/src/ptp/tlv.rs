//! TLVs (IEEE 1588-2019 clause 14): each as a map of named values.

use streamlens_model::Value;

use super::names::{self, message};
use super::v1::{hex, text};
use super::wire::{Header, PtpTime, TimeInterval, i8_at, i32_at, i64_at, next_tlv, u8_at, u16_at, u32_at, u64_at};
use super::{management, signaling};

/// Named values of one TLV or data set, in order of the wire.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    /// An interval in nanoseconds; left out where the sender says that it is too big to express.
    pub(super) fn interval(&mut self, name: &'static str, value: i64) {
        if TimeInterval(value) != TimeInterval::TOO_BIG {
            self.put(name, TimeInterval(value).as_nanos_f64());
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::map(self.0)
    }
}

/// The TLVs behind a message's body. Bytes that make no whole TLV come last, as they are.
pub(super) fn values(mut bytes: &[u8], header: &Header, carries_data: bool) -> Vec<Value> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let Some((kind, value, rest)) = next_tlv(bytes) else {
            list.push(Value::map([("unreadable", Value::text(hex(bytes)))]));
            break;
        };
        list.push(one(kind, value, header, carries_data));
        bytes = rest;
    }
    list
}

fn one(kind: u16, value: &[u8], header: &Header, carries_data: bool) -> Value {
    let mut out = Fields::default();
    out.put("tlv_type", kind);
    out.put("tlv_name", names::tlv_type(kind));
    out.put("length", u16::try_from(value.len()).unwrap_or(u16::MAX));
    // A TLV that is shorter than its type demands shows what it has, and its bytes.
    if body(kind, value, header, carries_data, &mut out).is_none() {
        out.put("value", hex(value));
    }
    out.into_value()
}

fn body(kind: u16, v: &[u8], header: &Header, carries_data: bool, out: &mut Fields) -> Option<()> {
    match kind {
        0x0001 => management::fields(v, carries_data, out),
        0x0002 => error_status(v, out),
        0x0003 | 0x4000 | 0x8000 => organization(kind, v, header, out),
        0x0004 | 0x0005 => signaling::transmission(kind, v, out),
        0x0006 | 0x0007 => signaling::cancel(v, out),
        0x0008 => path_trace(v, out),
        0x0009 => alternate_time_offset(v, out),
        0x2003 => {
            out.put("cumulative_scaled_rate_offset", i32_at(v, 0)?);
            Some(())
        }
        0x4001 => enhanced_accuracy(v, out),
        0x8001 => signaling::l1_sync(v, out),
        0x8002 => {
            out.put("sync_message_flags", u8_at(v, 0)?);
            out.put("delay_resp_message_flags", u8_at(v, 1)?);
            Some(())
        }
        0x8003 => protocol_address(v, out),
        0x8004 => signaling::rx_sync_timing(v, out),
        0x8005 => signaling::rx_sync_computed(v, out),
        0x8006 => signaling::tx_event_timestamps(v, out),
        0x8007 => {
            let scaled = i32_at(v, 0)?;
            out.put("scaled_cumulative_rate_ratio", scaled);
            out.put("cumulative_rate_ratio", 1.0 + f64::from(scaled) / 2_f64.powi(41));
            Some(())
        }
        0x8008 => Some(()),
        0x8009 => {
            out.put("security_parameter_pointer", u8_at(v, 0)?);
            out.put("security_parameter_indicator", u8_at(v, 1)?);
            out.put("key_id", u32_at(v, 2)?);
            out.put("check_value", hex(v.get(6..)?));
            Some(())
        }
        _ => None,
    }
}

fn error_status(v: &[u8], out: &mut Fields) -> Option<()> {
    let (error, id) = (u16_at(v, 0)?, u16_at(v, 2)?);
    out.put("management_error_id", error);
    out.put("management_error", names::management_error(error));
    out.put("management_id", id);
    out.put("management_name", names::management_id(id));
    // The text may be left out altogether.
    if let Some(display) = ptp_text(v, 8) {
        out.put("display_data", display);
    }
    Some(())
}

/// PTPText: a length octet and that many octets (IEEE 1588-2019 5.3.8).
pub(super) fn ptp_text(v: &[u8], at: usize) -> Option<Value> {
    let length = usize::from(u8_at(v, at)?);
    Some(text(v.get(at + 1..)?.get(..length)?))
}

fn path_trace(v: &[u8], out: &mut Fields) -> Option<()> {
    let path = v.chunks_exact(8).map(|id| Value::text(hex(id))).collect();
    out.put("path", Value::List(path));
    v.len().is_multiple_of(8).then_some(())
}

fn alternate_time_offset(v: &[u8], out: &mut Fields) -> Option<()> {
    out.put("key", u8_at(v, 0)?);
    out.put("current_offset_s", i32_at(v, 1)?);
    out.put("jump_s", i32_at(v, 5)?);
    out.put("time_of_next_jump_s", u48_at(v, 9)?);
    out.put("display_name", ptp_text(v, 15)?);
    Some(())
}

pub(super) fn u48_at(v: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(u16_at(v, at)?) << 32 | u64::from(u32_at(v, at + 2)?))
}

fn enhanced_accuracy(v: &[u8], out: &mut Fields) -> Option<()> {
    const PAIRS: [(&str, &str); 5] = [
        ("max_grandmaster_inaccuracy_ns", "grandmaster_variance_s2"),
        ("max_transient_inaccuracy_ns", "transient_variance_s2"),
        ("max_dynamic_inaccuracy_ns", "dynamic_variance_s2"),
        ("max_static_instance_inaccuracy_ns", "static_instance_variance_s2"),
        ("max_static_medium_inaccuracy_ns", "static_medium_variance_s2"),
    ];
    out.put("boundary_clock_hops", u8_at(v, 0)?);
    out.put("transparent_clock_hops", u8_at(v, 1)?);
    for (index, (maximum, variance)) in PAIRS.into_iter().enumerate() {
        let at = 4 + 16 * index;
        out.interval(maximum, i64_at(v, at)?);
        let figure = f64::from_bits(u64_at(v, at + 8)?);
        if figure.is_finite() {
            out.put(variance, figure);
        }
    }
    Some(())
}

fn protocol_address(v: &[u8], out: &mut Fields) -> Option<()> {
    let protocol = u16_at(v, 0)?;
    out.put("network_protocol", protocol);
    out.put("network_protocol_name", names::network_protocol(protocol));
    out.put("address", hex(v.get(4..)?.get(..usize::from(u16_at(v, 2)?))?));
    Some(())
}

/// The organisations whose extensions are known, by OUI.
fn organization_name(oui: u32) -> &'static str {
    match oui {
        0x00_80_C2 => "IEEE 802.1",
        0x68_97_E8 => "SMPTE",
        0x1C_12_9D => "IEEE C37.238",
        0x00_19_A7 => "ITU-T",
        0x08_00_30 => "CERN White Rabbit",
        _ => "unknown",
    }
}

fn organization(kind: u16, v: &[u8], header: &Header, out: &mut Fields) -> Option<()> {
    let oui = u32_at(v, 0)? >> 8;
    let subtype = u32_at(v, 2)? & 0x00FF_FFFF;
    let data = v.get(6..)?;
    out.put("organization_id", format!("{oui:06x}"));
    out.put("organization", organization_name(oui));
    out.put("organization_subtype", subtype);
    match (oui, subtype) {
        (0x00_80_C2, 1) if matches!(header.message_type, message::FOLLOW_UP | message::SYNC) => {
            follow_up_information(data, out)
        }
        (0x00_80_C2, 2) => interval_request(data, out),
        (0x00_80_C2, 4) if kind == 0x8000 => {
            out.put("log_gptp_capable_message_interval", i8_at(data, 0)?);
            out.put("flags", u8_at(data, 1)?);
            Some(())
        }
        (0x00_80_C2, 5) if kind == 0x8000 => {
            out.put("log_gptp_capable_message_interval", i8_at(data, 0)?);
            Some(())
        }
        (0x68_97_E8, 1) => smpte_metadata(data, out),
        (0x1C_12_9D, 1) => {
            out.put("grandmaster_id", u16_at(data, 0)?);
            out.put("grandmaster_time_inaccuracy_ns", u32_at(data, 2)?);
            out.put("network_time_inaccuracy_ns", u32_at(data, 6)?);
            Some(())
        }
        (0x1C_12_9D, 2) => {
            out.put("grandmaster_id", u16_at(data, 0)?);
            out.put("total_time_inaccuracy_ns", u32_at(data, 6)?);
            Some(())
        }
        (0x00_19_A7, 2) => {
            out.put("interface_bit_period", u64_at(data, 0)?);
            out.put("bits_before_timestamp", u16_at(data, 8)?);
            out.put("bits_after_timestamp", u16_at(data, 10)?);
            Some(())
        }
        (0x08_00_30, 0x00DE_AD01) => {
            let id = u16_at(data, 0)?;
            out.put("white_rabbit_message_id", id);
            out.put("white_rabbit_message", white_rabbit_message(id));
            Some(())
        }
        _ => None,
    }
}

fn white_rabbit_message(id: u16) -> &'static str {
    match id {
        0x1000 => "SLAVE_PRESENT",
        0x1001 => "LOCK",
        0x1002 => "LOCKED",
        0x1003 => "CALIBRATE",
        0x1004 => "CALIBRATED",
        0x1005 => "WR_MODE_ON",
        0x2000 => "ANN_SUFIX",
        _ => "reserved",
    }
}

/// The Follow_Up information of IEEE 802.1AS-2020 11.4.4.3.
fn follow_up_information(d: &[u8], out: &mut Fields) -> Option<()> {
    let offset = i32_at(d, 0)?;
    out.put("cumulative_scaled_rate_offset", offset);
    out.put("cumulative_rate_ratio", 1.0 + f64::from(offset) / 2_f64.powi(41));
    out.put("gm_time_base_indicator", u16_at(d, 4)?);
    out.put("last_gm_phase_change", hex(d.get(6..18)?));
    out.put("scaled_last_gm_freq_change", i32_at(d, 18)?);
    Some(())
}

/// The message interval request of IEEE 802.1AS-2020 10.6.4.3.
fn interval_request(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("link_delay_interval", i8_at(d, 0)?);
    out.put("time_sync_interval", i8_at(d, 1)?);
    out.put("announce_interval", i8_at(d, 2)?);
    let flags = u8_at(d, 3)?;
    out.put("compute_neighbor_rate_ratio", flags & 0x02 != 0);
    out.put("compute_mean_link_delay", flags & 0x04 != 0);
    out.put("one_step_receive_capable", flags & 0x08 != 0);
    Some(())
}

/// The synchronisation metadata of SMPTE ST 2059-2.
fn smpte_metadata(d: &[u8], out: &mut Fields) -> Option<()> {
    out.put("frame_rate_numerator", u32_at(d, 0)?);
    out.put("frame_rate_denominator", u32_at(d, 4)?);
    let status = u8_at(d, 8)?;
    out.put("master_locking_status", status);
    out.put(
        "master_locking_status_name",
        match status {
            0 => "not in use",
            1 => "free run",
            2 => "cold locking",
            3 => "warm locking",
            4 => "locked",
            _ => "reserved",
        },
    );
    out.put("time_address_flags", u8_at(d, 9)?);
    out.put("current_local_offset_s", i32_at(d, 10)?);
    out.put("jump_s", i32_at(d, 14)?);
    out.put("time_of_next_jump_s", u48_at(d, 18)?);
    out.put("time_of_next_jam_s", u48_at(d, 24)?);
    out.put("time_of_previous_jam_s", u48_at(d, 30)?);
    out.put("previous_jam_local_offset_s", i32_at(d, 36)?);
    out.put("daylight_saving", u8_at(d, 40)?);
    out.put("leap_second_jump", u8_at(d, 41)?);
    Some(())
}

/// A timestamp inside of a TLV, as text.
pub(super) fn time_text(v: &[u8], at: usize) -> Option<String> {
    Some(PtpTime::parse(v, at)?.to_string())
}
