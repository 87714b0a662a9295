//! The `streamlens` command: what is asked for, the analysis, and how the result is shown.

mod args;
mod csv;
mod decode_as;
mod decoders;
mod duration;
mod exit;
mod fields;
mod filtered;
mod json;
mod machine;
mod progress;
mod select;
mod source;
mod table;
mod text;
mod told;
mod view;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory, Parser};
use streamlens::Analyzer;
use streamlens::engine::{Engine, EngineOptions, FlowSelection, Part};
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Severity};
use streamlens::registry::DecoderRegistry;
use streamlens_filter::Filter;

use crate::args::{AnalyzeArgs, Cli, Color, Command, Format};
use crate::exit::{Failure, Status, say, written};
use crate::filtered::Filtered;
use crate::machine::{Document, Form, Piece};
use crate::view::View;

/// Faster than the system allocator for millions of small per-flow allocations.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(std::env::args_os()) {
        Ok(status) => status.into(),
        Err(failure) => {
            say(&failure.message);
            failure.status.into()
        }
    }
}

fn run(arguments: impl Iterator<Item = OsString>) -> Result<Status, Failure> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // help and version are answers as well; where nobody listens, there is nobody to tell
            let _ = answer.print();
            return Ok(if answer.use_stderr() { Status::Usage } else { Status::Fine });
        }
    };
    match cli.command {
        None => return analyse(&cli.analyze),
        Some(Command::Decoders { format }) => {
            let registry = DecoderRegistry::with_builtins();
            written(to_stdout(|out| decoders::write(out, &registry, format)))
        }
        Some(Command::Completions { shell }) => written(to_stdout(|out| {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "streamlens", &mut script);
            out.write_all(&script)
        })),
        Some(Command::Fields { format }) => written(to_stdout(|out| fields::write(out, format))),
        Some(Command::Man) => written(to_stdout(|out| clap_mangen::Man::new(Cli::command()).render(out))),
    }
    .map(|()| Status::Fine)
}

fn analyse(args: &AnalyzeArgs) -> Result<Status, Failure> {
    // before anything is opened
    let filter = told::filter(args)?;
    let registry = told::registry(args)?;
    let defaults = EngineOptions::default();
    let options = EngineOptions {
        max_flows: args.max_flows.map_or(defaults.max_flows, |flows| usize::try_from(flows).unwrap_or(usize::MAX)),
        interval_ns: args.interval,
        decode_as: args.decode_as.iter().map(|rule| rule.resolve(&registry)).collect::<Result<_, _>>()?,
        threads: args.threads.map_or(defaults.threads, usize::from),
        ..defaults
    };
    if args.interval.is_some() && args.format == Format::Table {
        say("--interval shows in the formats json, ndjson and csv only");
    }
    if !args.columns.is_empty() && args.format == Format::Json {
        say("--columns shows in the formats table, csv and ndjson only");
    }
    let mut selection = select::selection(args);
    if filter.is_some() {
        // what is shown is known when it is made
        (selection.top, selection.most_findings) = (None, None);
    }
    let analyzer = Analyzer { registry, options, max_frames: args.count, selection };
    let (engine, capture) = source::read(&analyzer, &args.captures(), args.follow)?;
    let (analysis, result) = report(engine, capture, selection, filter.as_ref(), args);
    if !(args.format == Format::Table && io::stdout().is_terminal()) {
        // the table has them as well, so that they are said once to someone who sees both
        tell_what_is_missing(&analysis);
    }
    written(result)?;
    let status = status_of(&analysis, args);
    // the process ends here; giving back the memory of a million flows one by one would only take time
    std::mem::forget(analysis);
    Ok(status)
}

/// Makes the result and writes it.
fn report(
    mut engine: Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    filter: Option<&Filter>,
    args: &AnalyzeArgs,
) -> (Analysis, io::Result<()>) {
    let form = match args.format {
        Format::Json => Some(Form::Json),
        Format::Ndjson => Some(Form::Ndjson),
        Format::Table | Format::Csv => None,
    };
    let filtered = filter.map(|filter| Filtered::new(filter, &mut engine, &capture));
    let index = filtered.as_ref().and_then(Filtered::index);
    let view = View::new(args, engine.last_seen()).with(filter, index);
    match (form, &filtered) {
        (Some(form), None) if select::is_by_engine(args) => {
            in_pieces(engine, capture, selection, form, view, None, args)
        }
        (Some(form), Some(kept)) if select::is_by_engine(args) && args.top.is_none() => {
            in_pieces(engine, capture, selection, form, view, Some(kept), args)
        }
        _ => {
            let mut analysis = match &filtered {
                Some(filtered) => only_shown(engine, capture, selection, filtered, view),
                None => engine.finish_selected(capture, selection),
            };
            select::apply(&mut analysis, args, view.context);
            if let (Some(filtered), true, Some(_)) = (&filtered, args.columns.is_empty(), form) {
                analysis.flows.iter_mut().for_each(|flow| filtered.prune(flow, view.context));
            }
            analysis.flows.iter_mut().for_each(|flow| select::prune(flow, args));
            let matched = filtered.as_ref().map(Filtered::flows);
            let result = to_stdout(|out| write(out, &analysis, matched, form, view, args));
            (analysis, result)
        }
    }
}

/// The result with the flows that are shown, whole, and their findings.
fn only_shown(
    engine: Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    filtered: &Filtered<'_>,
    view: View<'_>,
) -> Analysis {
    let make = |(flows, findings): &mut (Vec<Flow>, Vec<Finding>), part: Part<'_>| match part {
        Part::Flow(flow) if filtered.shows(flow, view.context) => flows.push(std::mem::take(flow)),
        Part::Finding(finding) if filtered.keeps(finding) => findings.push(finding.clone()),
        Part::Flow(_) | Part::Finding(_) => {}
    };
    let (mut flows, mut findings) = (Vec::new(), Vec::new());
    let mut analysis = engine.finish_in_pieces(capture, selection, make, |_, (more_flows, more_findings)| {
        flows.append(more_flows);
        findings.append(more_findings);
        true
    });
    (analysis.flows, analysis.findings) = (flows, findings);
    analysis.total_findings = filtered.total_findings();
    filtered.prune_networks(&mut analysis.networks);
    analysis
}

/// Writes flows and findings as they are made.
fn in_pieces(
    engine: Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    form: Form,
    view: View<'_>,
    filtered: Option<&Filtered<'_>>,
    args: &AnalyzeArgs,
) -> (Analysis, io::Result<()>) {
    with_stdout(|out| {
        let mut document = Document::new(out, form);
        let make = |piece: &mut Piece, part: Part<'_>| match part {
            Part::Flow(flow) if filtered.is_none_or(|filtered| filtered.shows(flow, view.context)) => {
                if let (Some(filtered), true) = (filtered, args.columns.is_empty()) {
                    filtered.prune(flow, view.context);
                }
                select::prune(flow, args);
                piece.flow(form, flow, &args.columns, view);
            }
            Part::Finding(finding) if filtered.is_none_or(|filtered| filtered.keeps(finding)) => {
                piece.finding(form, finding);
            }
            Part::Flow(_) | Part::Finding(_) => {}
        };
        let take = |capture: &CaptureSummary, piece: &mut Piece| document.piece(capture, piece);
        let mut rest = engine.finish_in_pieces(capture, selection, make, take);
        if let Some(filtered) = filtered {
            rest.total_findings = filtered.total_findings();
            filtered.prune_networks(&mut rest.networks);
        }
        let result = document.end(&rest);
        (rest, result)
    })
}

/// Writes a result that was made. `matched` is how many flows a filter showed before `--top`.
fn write(
    out: &mut impl Write,
    analysis: &Analysis,
    matched: Option<usize>,
    form: Option<Form>,
    view: View<'_>,
    args: &AnalyzeArgs,
) -> io::Result<()> {
    match form {
        Some(form) => {
            let mut document = Document::new(out, form);
            let (capture, mut piece) = (&analysis.capture, Piece::default());
            let _ = analysis.flows.iter().all(|flow| {
                piece.flow(form, flow, &args.columns, view);
                document.piece(capture, &mut piece)
            }) && analysis.findings.iter().all(|finding| {
                piece.finding(form, finding);
                document.piece(capture, &mut piece)
            });
            document.end(analysis)
        }
        None if args.format == Format::Csv => csv::write(out, &analysis.flows, &args.columns, view),
        None => {
            let width = terminal_width(io::stdout().is_terminal());
            let look = table::Look { width, is_coloured: is_coloured(args.color) };
            table::write(out, analysis, matched, &args.columns, view, look)
        }
    }
}

/// Buffered standard output.
type Output = BufWriter<Box<dyn Write>>;

/// Runs `write` with buffered standard output, and lets what it wrote out.
fn to_stdout(write: impl FnOnce(&mut Output) -> io::Result<()>) -> io::Result<()> {
    with_stdout(|out| ((), write(out))).1
}

/// As [`to_stdout`], for what gives more than whether it could write.
fn with_stdout<T>(write: impl FnOnce(&mut Output) -> (T, io::Result<()>)) -> (T, io::Result<()>) {
    let mut out = BufWriter::with_capacity(1 << 14, unbuffered_stdout());
    let (given, result) = write(&mut out);
    let result = result.and_then(|()| out.flush());
    if result.is_err() {
        // nothing more can be written; dropping the buffer would try again
        drop(out.into_parts());
    }
    (given, result)
}

/// Standard output. Where it is no terminal, without the library's own buffer, which looks for the end of the last line in all
/// that is written.
fn unbuffered_stdout() -> Box<dyn Write> {
    let stdout = io::stdout();
    #[cfg(unix)]
    if !stdout.is_terminal()
        && let Ok(file) = std::os::fd::AsFd::as_fd(&stdout).try_clone_to_owned()
    {
        return Box::new(std::fs::File::from(file));
    }
    Box::new(stdout.lock())
}

fn status_of(analysis: &Analysis, args: &AnalyzeArgs) -> Status {
    let gravest = analysis.total_findings.keys().max().copied();
    if analysis.capture.warnings.iter().any(|warning| warning.incomplete) {
        Status::Partial
    } else if args.fail_on.is_some_and(|fail_on| gravest >= Some(Severity::from(fail_on))) {
        Status::Findings
    } else {
        Status::Fine
    }
}

/// Says on standard error what could not be read.
fn tell_what_is_missing(analysis: &Analysis) {
    for warning in analysis.capture.warnings.iter().filter(|warning| warning.incomplete) {
        let path = warning.path.as_ref().map(|path| path.display().to_string());
        say(&format!("{}: {}", path.or_else(|| analysis.capture.path.clone()).unwrap_or_default(), warning.text));
    }
}

/// Columns of the output: those of the terminal, or of the environment's `COLUMNS`; `None` where there is no limit.
fn terminal_width(is_terminal: bool) -> Option<usize> {
    let size = is_terminal.then(|| terminal_size::terminal_size_of(io::stdout())).flatten();
    let told = || std::env::var("COLUMNS").ok()?.parse::<usize>().ok().filter(|&columns| columns > 0);
    size.map(|(columns, _)| usize::from(columns.0)).filter(|&columns| columns > 0).or_else(told)
}

fn is_coloured(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        // honours NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM
        Color::Auto => anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never,
    }
}
