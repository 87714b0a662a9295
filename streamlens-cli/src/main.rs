//! The `streamlens` command: what is asked for, the analysis, and how the result is shown.

mod args;
mod csv;
mod decode_as;
mod decoders;
mod duration;
mod exit;
mod fields;
mod json;
mod live;
mod live_args;
mod machine;
mod progress;
mod select;
mod source;
mod table;
mod text;
mod told;
mod updates;
mod view;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory, Parser};
use streamlens::Analyzer;
use streamlens::engine::{Engine, EngineOptions, FlowSelection, ReportChunk, ReportSink};
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Severity};
use streamlens::registry::DecoderRegistry;

use crate::args::{AnalyzeArgs, Cli, Color, Command, Format};
use crate::exit::{Failure, Status, say, written};
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
    if let Some(list) = live::list(&args.live) {
        let list = list?;
        written(to_stdout(|out| out.write_all(list.as_bytes())))?;
        return Ok(Status::Fine);
    }
    if args.every.is_some() && args.format != Format::Ndjson {
        return Err(Failure::usage("--every writes lines of JSON; add --format ndjson".to_owned()));
    }
    let registry = told::registry(args)?;
    let defaults = if args.live.is_asked() { EngineOptions::live() } else { EngineOptions::default() };
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
    let is_live = args.live.is_asked();
    // a live capture ends at its source, so that what is written ends with it
    let max_frames = args.count.filter(|_| !is_live);
    let analyzer = Analyzer { registry, options, max_frames, selection: select::selection(args) };
    let selection = analyzer.selection;
    let (mut engine, capture) = if is_live { live::read(&analyzer, args)? } else { source::read(&analyzer, args)? };
    let form = match args.format {
        Format::Json => Some(Form::Json),
        Format::Ndjson => Some(Form::Ndjson),
        Format::Table | Format::Csv => None,
    };
    let (analysis, result) = match form {
        Some(form) if select::is_by_engine(args) => in_chunks(&mut engine, capture, selection, form, args),
        _ => {
            let mut analysis = engine.report(capture, selection);
            let context = View::new(args, analysis.capture.last_seen).context;
            select::apply(&mut analysis, args, context);
            let result = with_output(args.live.takes_stdout(), |out| ((), write(out, &analysis, form, args)));
            let result = result.1;
            (analysis, result)
        }
    };
    let has_told = is_live || args.format == Format::Table && io::stdout().is_terminal();
    if !has_told {
        // a live capture said it when it happened, and the table has it as well: it is said once to someone who sees both
        tell_what_is_missing(&analysis);
    }
    written(result)?;
    let status = status_of(&analysis, args);
    // the process ends here; giving back the memory of a million flows one by one would only take time
    std::mem::forget((engine, analysis));
    Ok(status)
}

/// Writes flows and findings as they are made.
fn in_chunks(
    engine: &mut Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    form: Form,
    args: &AnalyzeArgs,
) -> (Analysis, io::Result<()>) {
    with_output(args.live.takes_stdout(), |out| {
        let view = View::new(args, engine.last_seen());
        let mut output = Output { document: Document::new(out, form), form, args, view };
        let rest = engine.report_to(capture, selection, &mut output);
        let result = output.document.end(&rest);
        (rest, result)
    })
}

/// A document that is written while the report is made.
struct Output<'a, W> {
    document: Document<W>,
    form: Form,
    args: &'a AnalyzeArgs,
    view: View<'a>,
}

/// Flows or findings as they stand in the document.
struct Chunk<'a> {
    piece: Piece,
    form: Form,
    args: &'a AnalyzeArgs,
    view: View<'a>,
}

impl<'a, W: Write> ReportSink for Output<'a, W> {
    type Chunk = Chunk<'a>;

    fn chunk(&self) -> Chunk<'a> {
        Chunk { piece: Piece::default(), form: self.form, args: self.args, view: self.view }
    }

    fn write(&mut self, capture: &CaptureSummary, chunk: &mut Chunk<'a>) -> bool {
        self.document.piece(capture, &mut chunk.piece)
    }
}

impl ReportChunk for Chunk<'_> {
    fn empty(&self) -> Self {
        Self { piece: Piece::default(), ..*self }
    }

    fn add_flow(&mut self, flow: &mut Flow) {
        select::prune(flow, self.args);
        self.piece.flow(self.form, flow, &self.args.columns, self.view);
    }

    fn add_finding(&mut self, finding: &Finding) {
        self.piece.finding(self.form, finding);
    }
}

fn write(out: &mut impl Write, analysis: &Analysis, form: Option<Form>, args: &AnalyzeArgs) -> io::Result<()> {
    let view = View::new(args, analysis.capture.last_seen);
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
            table::write(out, analysis, &args.columns, view, look)
        }
    }
}

/// Where the lines of `--every` go: to standard output, or to standard error where that has a recording.
fn updates_output(args: &AnalyzeArgs) -> Box<dyn Write> {
    if args.live.takes_stdout() { Box::new(io::stderr()) } else { unbuffered_stdout() }
}

/// Buffered standard output.
type Stdout = BufWriter<Box<dyn Write>>;

/// Runs `write` with buffered standard output, and lets what it wrote out.
fn to_stdout(write: impl FnOnce(&mut Stdout) -> io::Result<()>) -> io::Result<()> {
    with_output(false, |out| ((), write(out))).1
}

/// As [`to_stdout`], for what gives more than whether it could write; or with standard error, where standard output has a
/// recording.
fn with_output<T>(is_stderr: bool, write: impl FnOnce(&mut Stdout) -> (T, io::Result<()>)) -> (T, io::Result<()>) {
    let inner = if is_stderr { Box::new(io::stderr()) } else { unbuffered_stdout() };
    let mut out = BufWriter::with_capacity(1 << 14, inner);
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
