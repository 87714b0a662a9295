//! The wall clock of a sender, by its sender reports, against the capture's.

use streamlens_model::Timestamp;
use streamlens_model::words::Span;

use super::packet::SenderInfo;
use crate::clock_offset;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// What is to be said of the clock of a sender whose last report came at `received`; `None` where it agrees with the capture's, or
/// there is none.
pub(super) fn judged(sender: &SenderInfo, received: Timestamp) -> Option<String> {
    if sender.ntp == 0 {
        return None;
    }
    if let Some(clock) = sender.time_of_day(Some(received)) {
        let whose = "the sender's clock, by its sender reports,";
        return clock_offset::judged_of(whose, clock.as_nanos(), clock.since(received), false);
    }
    // below 2^31, so that no product overflows
    let seconds = (sender.ntp >> 32).cast_signed();
    let count = seconds * SECOND + (((sender.ntp & 0xFFFF_FFFF) * SECOND.unsigned_abs()) >> 32).cast_signed();
    Some(if received.as_nanos().abs_diff(count) < DAY.unsigned_abs() {
        "the sender's clock, by its sender reports, counts from 1970 and not from 1900: Unix time stands where NTP's belongs"
            .to_owned()
    } else {
        format!(
            "the sender's clock, by its sender reports, counts from its own beginning ({} at the last one) and is no time of day",
            Span(count)
        )
    })
}
