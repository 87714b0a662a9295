//! Accumulators of statistics, each once for all crates above: what they count, they count in bounded memory.
//!
//! | accumulator | of | returns |
//! |---|---|---|
//! | [`LogHistogram`] | unsigned numbers | counts by buckets of bounded relative width, quantiles |
//! | [`Distribution`] | durations | count, extremes, mean, standard deviation, quantiles |
//! | [`Summary`] | signed numbers | count, extremes, mean |
//! | [`Extremes`] | levels with the packet that reached them | the lowest and the highest |
//! | [`Tally`] | values of a small set | how often each came |
//! | [`Majority`] | numbers | the value of more than half of them |
//! | [`RunLength`] | values that mostly repeat | how often the last one was repeated |
//! | [`Line`] | points | the slope of the line through them, with its standard error |
//! | [`SequenceWindow`] | sequence numbers that wrap | what each is to those before it, and which are missing |
//!
//! Inter-arrival times have a type of their own, [`TimingStatistics`](crate::TimingStatistics), which is built on these.

mod distribution;
mod extremes;
mod line;
mod log_histogram;
mod majority;
mod run_length;
mod sequence;
mod summary;
mod tally;

pub use distribution::Distribution;
pub use extremes::Extremes;
pub use line::{Line, Slope};
pub use log_histogram::{Bucket, LogHistogram, Ranked};
pub use majority::Majority;
pub use run_length::RunLength;
pub use sequence::{
    Arrival, Events, Gap, Gaps, MissingRange, MissingRanges, SEEN_WINDOW, Sequence, SequenceWindow, behind,
};
pub use summary::Summary;
pub use tally::Tally;
