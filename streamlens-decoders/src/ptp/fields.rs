//! The named fields of version 2 messages, made only where they are asked for.

use streamlens_model::Value;

use super::names::{self, FLAGS, TIME_FLAGS, message};
use super::wire::{Header, PortIdentity, PtpTime, TimeInterval, i16_at, tlv_offset, u8_at, u16_at, u64_at};
use super::{management, tlv};
use crate::DecodingResult;

/// Adds the header, the body and the TLVs of a message, as far as the capture holds them.
pub(super) fn add(bytes: &[u8], header: &Header, out: &mut DecodingResult) {
    header_fields(header, out);
    // Every reader answers None where the message is cut: what is there is shown, the rest is left out.
    let _ = body_fields(bytes, header, out);
    if let Some(rest) = tlv_offset(header.message_type).and_then(|start| bytes.get(start..)) {
        let tlvs = tlv::values(rest, header, carries_data(bytes, header));
        if !tlvs.is_empty() {
            out.field("tlvs", Value::List(tlvs));
        }
    }
}

fn header_fields(header: &Header, out: &mut DecodingResult) {
    out.field(
        "version",
        if header.minor_version == 0 { "2.0".to_owned() } else { format!("2.{}", header.minor_version) },
    );
    out.field("message_type", names::message_type(header.message_type.into()).into_owned());
    out.field("major_sdo_id", header.major_sdo_id);
    out.field("minor_sdo_id", header.minor_sdo_id);
    out.field("message_length", header.message_length);
    out.field("domain", header.domain);
    out.field("flags", flags(header));
    if header.correction == TimeInterval::TOO_BIG {
        out.field("correction", "too big to be expressed");
    } else {
        out.field("correction_ns", header.correction.as_nanos_f64());
    }
    out.field("message_type_specific", header.type_specific);
    out.field("source_port_identity", header.source.to_string());
    out.field("sequence_id", header.sequence);
    out.field("control", header.control);
    out.field("log_message_interval", header.log_interval);
}

/// The flags by name. Those of the low octet are defined for Announce only; other messages show them as a number.
fn flags(header: &Header) -> Value {
    let named = FLAGS.iter().chain(if header.message_type == message::ANNOUNCE { TIME_FLAGS } else { &[] });
    let mut rest = header.flags;
    let mut list = Vec::new();
    for &(mask, name) in named {
        if header.flags & mask != 0 {
            list.push(Value::from(name));
            rest &= !mask;
        }
    }
    if rest != 0 {
        list.push(Value::text(format!("{rest:#06x}")));
    }
    Value::List(list)
}

fn body_fields(b: &[u8], header: &Header, out: &mut DecodingResult) -> Option<()> {
    let time = |at| Some(PtpTime::parse(b, at)?.to_string());
    let port = |at| Some(PortIdentity::parse(b, at)?.to_string());
    match header.message_type {
        message::SYNC | message::DELAY_REQ | message::PDELAY_REQ => out.field("origin_timestamp", time(34)?),
        message::FOLLOW_UP => out.field("precise_origin_timestamp", time(34)?),
        message::PDELAY_RESP => {
            out.field("request_receipt_timestamp", time(34)?);
            out.field("requesting_port_identity", port(44)?);
        }
        message::DELAY_RESP => {
            out.field("receive_timestamp", time(34)?);
            out.field("requesting_port_identity", port(44)?);
        }
        message::PDELAY_RESP_FOLLOW_UP => {
            out.field("response_origin_timestamp", time(34)?);
            out.field("requesting_port_identity", port(44)?);
        }
        message::ANNOUNCE => {
            out.field("origin_timestamp", time(34)?);
            out.field("current_utc_offset", i16_at(b, 44)?);
            out.field("grandmaster_priority1", u8_at(b, 47)?);
            let (class, accuracy) = (u8_at(b, 48)?, u8_at(b, 49)?);
            out.field("grandmaster_clock_class", class);
            out.field("grandmaster_clock_class_name", names::clock_class(class));
            out.field("grandmaster_clock_accuracy", accuracy);
            out.field("grandmaster_clock_accuracy_name", names::clock_accuracy(accuracy));
            out.field("grandmaster_offset_scaled_log_variance", u16_at(b, 50)?);
            out.field("grandmaster_priority2", u8_at(b, 52)?);
            out.field("grandmaster_identity", format!("{:016x}", u64_at(b, 53)?));
            out.field("steps_removed", u16_at(b, 61)?);
            let source = u8_at(b, 63)?;
            out.field("time_source", source);
            out.field("time_source_name", names::time_source(source));
        }
        message::SIGNALING => out.field("target_port_identity", port(34)?),
        message::MANAGEMENT => {
            out.field("target_port_identity", port(34)?);
            out.field("starting_boundary_hops", u8_at(b, 44)?);
            out.field("boundary_hops", u8_at(b, 45)?);
            let action = u8_at(b, 46)? & 0x0F;
            out.field("action", action);
            out.field("action_name", names::action(action));
        }
        _ => {}
    }
    Some(())
}

/// Whether a management message carries data that mean something: a GET's TLV may hold a zeroed data set.
fn carries_data(bytes: &[u8], header: &Header) -> bool {
    header.message_type != message::MANAGEMENT
        || u8_at(bytes, 46).is_some_and(|action| action & 0x0F != management::ACTION_GET)
}
