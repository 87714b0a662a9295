//! `streamlens report`: what engineers of one trade want to know of a capture, as text, CSV or a page of its own.
//!
//! A report is made of sections, each a table or a list of lines, and of plots; `contents` fills them from the analysis, `text`,
//! `csv` and `html` write them.

mod contents;
mod html;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use streamlens::model::Analysis;

use self::contents::Figures;
use crate::decode_args::DecodeArgs;
use crate::exit::{Failure, Status, written};
use crate::filter_arg::FilterArg;
use crate::filtered;

/// Whose report it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// IENA, Chapter 10, iNetX, TmNS and NPD, with PTP
    FlightTest,
    /// RTP and what is in it, transport streams, NDI, with sessions, pairs and PTP
    Media,
    /// PROFINET, EtherCAT and Modbus
    Plant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    #[default]
    Text,
    Csv,
    /// One page with plots, which loads nothing
    Html,
}

/// A part of a report.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Figures over time, of several streams.
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) unit: &'static str,
    /// Name, and points of seconds since the beginning and value.
    pub(super) lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// A report.
pub(super) struct Report {
    pub(super) title: &'static str,
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) sections: Vec<Section>,
    pub(super) plots: Vec<Plot>,
}

/// Intervals that a plot has about as many of.
const POINTS: i64 = 240;
/// The shortest interval, in nanoseconds.
const LEAST_INTERVAL: i64 = 1_000_000;

/// Analyses captures and writes their report.
pub(crate) fn run(
    kind: Kind,
    captures: &[PathBuf],
    decode: &DecodeArgs,
    format: ReportFormat,
    filter: &FilterArg,
) -> Result<Status, Failure> {
    let filter = filter.read()?;
    let mut analyzer = decode.analyzer()?;
    let mut analysis = analyzer.run_files(captures)?;
    if format == ReportFormat::Html
        && let Some(interval_ns) = interval(&analysis)
    {
        // how long it is had to be known first
        analyzer.options.interval_ns = Some(interval_ns);
        analysis = analyzer.run_files(captures)?;
    }
    super::tell_what_is_missing(&analysis);
    filtered::narrow(&mut analysis, filter.as_ref());
    let figures = if format == ReportFormat::Csv { Figures::Plain } else { Figures::ForPeople };
    let mut report = contents::of(kind, &analysis, figures);
    if let Some(filter) = &filter {
        report.about.push(("Filter", filter.to_string()));
    }
    written(super::to_stdout(|out| write(out, &report, format)))?;
    Ok(super::read_status(&[&analysis], Status::Fine))
}

/// A round length of intervals, so that there are some [`POINTS`].
fn interval(analysis: &Analysis) -> Option<u64> {
    let span = analysis.capture.last_seen?.since(analysis.capture.first_seen?);
    let wanted = (span / POINTS).max(LEAST_INTERVAL).unsigned_abs();
    let power = 10_u64.checked_pow(wanted.ilog10())?;
    [1, 2, 5, 10].into_iter().map(|step| step * power).find(|length| *length >= wanted)
}

fn write(out: &mut dyn Write, report: &Report, format: ReportFormat) -> io::Result<()> {
    match format {
        ReportFormat::Text => text::write(out, report),
        ReportFormat::Csv => text::write_csv(out, report),
        ReportFormat::Html => html::write(out, report),
    }
}
