//! Which profile a domain follows, from what was measured: a hint with its reasons, never a verdict on conformance.

use super::super::names::message;
use super::domain::Domain;

/// A profile that the facts agree with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) profile: &'static str,
    pub(super) reasons: Vec<String>,
}

/// The intervals that a domain's senders announce, as log2 of seconds.
struct Rates {
    sync: Option<i8>,
    announce: Option<i8>,
}

impl Rates {
    fn of(domain: &Domain) -> Self {
        let log = |kind: u8| {
            let states = domain.ports.values().flat_map(|port| &port.types);
            states.filter(|state| state.kind == kind).filter_map(|state| state.log_interval).min()
        };
        Self { sync: log(message::SYNC), announce: log(message::ANNOUNCE) }
    }
}

/// The profile whose domain number, transport, delay mechanism and rates all agree; `None` where none does.
pub(super) fn hint(domain: &Domain) -> Option<Hint> {
    let key = domain.key;
    if key.version() != 2 || key.is_link_delay_service() {
        return None;
    }
    let rates = Rates::of(domain);
    let totals = domain.totals();
    let total: u64 = totals.by_type.iter().sum();
    let seen = |kind: u8| totals.of(kind) > 0;
    let (e2e, p2p) = (seen(message::DELAY_REQ), seen(message::PDELAY_REQ));
    let ethernet = totals.on_ethernet == total;
    let unicast = totals.unicast == total;
    let negotiated = domain.grants.requests > 0;
    let priority1_is = |value: u8| domain.masters.announcers.values().all(|a| a.said.priority1 == value);
    let power = domain.masters.announcers.values().any(|a| a.has_power_profile_tlv);
    let number = key.number();
    let within = |log: Option<i8>, least: i8, most: i8| log.is_some_and(|log| (least..=most).contains(&log));

    let mut reasons = vec![format!("domain {number}")];
    if let Some(log) = rates.sync {
        reasons.push(format!("Sync interval 2^{log} s"));
    }
    if let Some(log) = rates.announce {
        reasons.push(format!("Announce interval 2^{log} s"));
    }
    reasons.push(if ethernet { "on Ethernet" } else { "on UDP" }.to_owned());
    if e2e || p2p {
        let mechanism = if e2e && p2p {
            "both delay mechanisms"
        } else if e2e {
            "end to end"
        } else {
            "peer to peer"
        };
        reasons.push(mechanism.to_owned());
    }
    let mut found = |profile, reason: Option<&str>| {
        reasons.extend(reason.map(str::to_owned));
        Some(Hint { profile, reasons: std::mem::take(&mut reasons) })
    };

    if key.is_gptp() {
        return if seen(message::SYNC) && !seen(message::ANNOUNCE) {
            found("IEEE 802.1AS, automotive", Some("majorSdoId 1; Sync without Announce"))
        } else {
            found("IEEE 802.1AS", Some("majorSdoId 1"))
        };
    }
    if power {
        return found("IEEE C37.238", Some("C37.238 TLV in Announce"));
    }
    match number {
        127 if !ethernet && within(rates.sync, -7, -1) && within(rates.announce, -3, 1) => {
            found("SMPTE ST 2059-2", None)
        }
        24..=43 if ethernet && rates.sync == Some(-4) && rates.announce == Some(-3) && priority1_is(128) => {
            found("ITU-T G.8275.1", Some("priority1 128"))
        }
        44..=63 if unicast && !ethernet && negotiated && priority1_is(128) => {
            found("ITU-T G.8275.2", Some("unicast negotiation, priority1 128"))
        }
        4..=23 if unicast && !ethernet && negotiated => found("ITU-T G.8265.1", Some("unicast negotiation")),
        0 if ethernet && p2p && !e2e && rates.sync == Some(0) && rates.announce == Some(0) => {
            found("IEC 61850-9-3", None)
        }
        0 if !ethernet && !unicast && within(rates.sync, -4, -2) && within(rates.announce, 0, 4) => {
            found("AES67 media", None)
        }
        0 if rates.sync == Some(0) && rates.announce == Some(1) && !(e2e && p2p) => {
            found(if p2p { "IEEE 1588 default, peer to peer" } else { "IEEE 1588 default" }, None)
        }
        _ => None,
    }
}
