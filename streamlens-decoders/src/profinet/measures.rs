//! What is reported of a cyclic stream.

use streamlens_model::{Metadata, Value};

use super::cyclic::CyclicStream;
use super::frame::DataStatus;

/// The measures of a cyclic stream.
pub(super) fn stream_measures(stream: &CyclicStream, measures: &mut Metadata) {
    let mut put = |name: &'static str, value: Value| measures.insert(name.into(), value);
    let (statuses, transfers) = stream.tallies();
    put("frames", stream.frames.into());
    put("first_frame", stream.first.frame.into());
    put("last_frame", stream.last.frame.into());
    put("data_length", (stream.data_length as u64).into());
    put("counter_steps", counts(&stream.steps.sorted(), u16::to_string));
    put("data_status_counts", counts(&statuses.sorted(), |status| format!("0x{status:02x}")));
    put("transfer_status_counts", counts(&transfers.sorted(), |status| format!("0x{status:02x}")));
    if let Some(status) = stream.status() {
        put("data_status", status.text().into());
    }
    if let Some((step, nominal)) = stream.step().zip(stream.nominal_ns()) {
        put("counter_step", step.into());
        put("nominal_update_time_ns", nominal.into());
    }
    if let Some(missing) = stream.missing() {
        put("missing_cycles", missing.into());
    }
    if let Some(interval) = interval_value(stream) {
        put("interval_ns", interval);
    }
    if let Some(median) = stream.intervals.interpolated_median().filter(|_| stream.intervals.count() > 1) {
        put("update_time_ns", median.into());
    }
    let frames = |condition: fn(DataStatus) -> bool| statuses.count_where(|s| condition(DataStatus(s)));
    for (name, count) in [
        ("stop_frames", frames(|s| !s.is_running())),
        ("station_problem_frames", frames(DataStatus::has_problem)),
        ("invalid_frames", frames(|s| !s.is_valid())),
        ("backup_frames", frames(|s| !s.is_primary())),
        ("ignored_frames", frames(DataStatus::is_ignored)),
        ("bad_transfer_frames", transfers.count_where(|transfer| transfer != 0)),
        ("frames_cut", stream.cut),
        ("times_backwards", stream.backwards),
        ("status_change_count", stream.change_count),
        ("frames_of_further_steps", stream.steps.others()),
    ] {
        if count > 0 {
            put(name, count.into());
        }
    }
    if stream.has_fcs {
        put("frame_check_sequence_left_in", true.into());
    }
    if !stream.changes.is_empty() {
        let changes = stream.changes.iter().map(|change| {
            let text = format!("{} -> {}", change.from.text(), change.to.text());
            let mut pairs = vec![("frame", Value::from(change.at.frame)), ("change", text.into())];
            pairs.extend(change.at.time.map(|time| ("time", Value::from(time))));
            Value::map(pairs)
        });
        put("status_changes", Value::list(changes));
    }
}

fn interval_value(stream: &CyclicStream) -> Option<Value> {
    let intervals = &stream.intervals;
    Some(Value::map([
        ("count", Value::from(intervals.count())),
        ("min", Value::from(intervals.min()?)),
        ("max", Value::from(intervals.max()?)),
        ("mean", Value::from(intervals.mean()?)),
        ("std_dev", Value::from(intervals.std_dev()?)),
    ]))
}

fn counts<T: Copy>(entries: &[(T, u64)], name: impl Fn(&T) -> String) -> Value {
    Value::map(entries.iter().map(|(value, count)| (name(value), Value::from(*count))))
}
