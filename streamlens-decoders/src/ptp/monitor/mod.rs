//! Follows PTP domains across flows: masters, offset and path delay, pairs, rates, unicast grants.
//!
//! # What a passive capture can know
//!
//! Capture times are those of the capture's clock at the point of the tap, X. With t1 and t4 from the master's messages
//! and C for correction fields:
//!
//! * A = X(Sync) - t1 - C(Sync) - C(Follow_Up): the way from the master to the tap, plus the offset of the capture's clock
//! * B = t4 - X(Delay_Req) - (C(Delay_Resp) - C(Delay_Req)): the way from the tap to the master, less that offset
//!
//! Where both ways are alike, (A + B) / 2 is the path delay between tap and master, and (A - B) / 2 the offset **of the
//! capture's clock** from the master. That is the slave's own offset only where the capture was made on the slave's host
//! with the clock that PTP steers. What a slave says of itself (CURRENT_DATA_SET, TIME_STATUS_NP,
//! SLAVE_RX_SYNC_COMPUTED_DATA) is reported beside it, as told. Without Delay_Req only A is known: its spread is the
//! delay variation, its level is not split into offset and delay.
//!
//! Tables are bounded, each by its entries and all together by their bytes; what goes beyond a bound is counted and not
//! followed.

mod announcement;
mod announcer;
mod by_port;
mod domain;
mod facts;
mod grants;
mod masters;
mod message;
mod paths;
mod port;
mod profile;
mod report;
mod room;
mod self_reports;
mod stats;
mod syncs;

use streamlens_model::FindingLog;

use self::domain::Domain;
use self::message::Message;
use self::room::Room;
use super::v1::HeaderV1;
use super::wire::Header;
use crate::{NetworkMonitor, ObservedPdu, Survey};

/// The most domains that are followed.
const MAX_DOMAINS: usize = 256;

/// Follows all domains of one analysis.
#[derive(Debug, Default)]
pub(crate) struct PtpMonitor {
    /// By key.
    domains: Vec<Domain>,
    /// Where the domain of the last message stands: most networks have one.
    recent: usize,
    findings: FindingLog,
    /// Messages of domains beyond the bound.
    unfollowed: u64,
    room: Room,
}

impl PtpMonitor {
    #[inline(always)]
    fn hear(&mut self, message: &Message<'_>) {
        if self.domains.get(self.recent).is_none_or(|domain| domain.key != message.domain) {
            self.find_or_add(message);
        }
        match self.domains.get_mut(self.recent) {
            Some(domain) => domain.observe(message, &mut self.room, &mut self.findings),
            None => self.unfollowed += 1,
        }
    }

    /// Makes the domain of a message the recent one; none, where there is no room for it.
    #[inline(never)]
    fn find_or_add(&mut self, message: &Message<'_>) {
        self.recent = match self.domains.binary_search_by_key(&message.domain, |domain| domain.key) {
            Ok(place) => place,
            Err(place) if self.domains.len() < MAX_DOMAINS => {
                self.domains.insert(place, Domain::new(message));
                place
            }
            Err(_) => usize::MAX,
        };
    }

    /// Every grandmaster that was selected in a domain of version 2, with the domain's number.
    pub(crate) fn grandmasters(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        let domains = self.domains.iter().filter(|domain| domain.key.version() == 2);
        domains.flat_map(|domain| {
            domain.masters.history.iter().map(|selected| (domain.key.number(), selected.grandmaster))
        })
    }

    /// By how much the capture's clock is ahead of the time of a domain, in nanoseconds, where that time is TAI: corrected for
    /// the path where slaves' requests show it, else with the path in it. Without a number, of the first domain of which
    /// it is known. With the domain's number.
    #[cfg(feature = "sap")]
    pub(crate) fn capture_offset(&self, domain: Option<u8>) -> Option<(u8, i64)> {
        let wanted = |known: &&Domain| {
            known.key.version() == 2
                && domain.is_none_or(|number| number == known.key.number())
                && known.masters.timescale().is_some_and(|(is_tai, _)| is_tai)
        };
        self.domains.iter().filter(wanted).find_map(|domain| Some((domain.key.number(), domain.capture_offset()?)))
    }
}

impl NetworkMonitor for PtpMonitor {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        // One function for the messages of either version would have to copy them.
        if let Ok(header) = Header::parse(pdu.bytes) {
            self.hear(&Message::from_v2(pdu, &header));
        } else if let Some(message) = HeaderV1::parse(pdu.bytes).and_then(|header| Message::from_v1(pdu, &header)) {
            self.hear(&message);
        }
    }

    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(report::Flows::new(self))
    }
}
