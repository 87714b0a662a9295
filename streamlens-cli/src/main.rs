//! The `streamlens` command: what is asked for, the analysis, and how the result is shown.

mod args;
mod compare;
mod csv;
mod decode_as;
mod decoders;
mod duration;
mod exit;
mod expect;
mod fields;
mod filtered;
mod json;
mod live;
mod live_args;
mod machine;
mod on_finding;
mod progress;
mod select;
#[cfg(feature = "web")]
mod serve;
mod source;
mod table;
mod text;
mod told;
#[cfg(feature = "tui")]
mod tui;
mod updates;
mod view;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory, Parser};
use streamlens::Analyzer;
use streamlens::engine::{Engine, EngineOptions, FlowSelection, ReportChunk, ReportSink};
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Severity};
use streamlens::registry::DecoderRegistry;

use streamlens_filter::Filter;

use crate::args::{AnalyzeArgs, Cli, Color, Command, CompareFormat, Format};
use crate::compare::Comparison;
use crate::exit::{Failure, Status, say, written};
use crate::expect::Expectations;
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
        #[cfg(feature = "web")]
        Some(Command::Serve(args)) => return serve::serve(&args),
        #[cfg(feature = "web")]
        Some(Command::Token) => {
            let token = streamlens_web::token().map_err(|error| Failure::usage(error.to_string()))?;
            written(to_stdout(|out| writeln!(out, "{token}")))
        }
        #[cfg(feature = "tui")]
        Some(Command::Tui(args)) => return tui::run(&args),
        Some(Command::Compare { good, bad, format, fail_on }) => {
            return compare(&good, &bad, format, fail_on.is_some());
        }
        Some(Command::Learn { captures }) => {
            let analysis = Analyzer::default().run_files(&captures)?;
            written(to_stdout(|out| out.write_all(expect::learned(&analysis).as_bytes())))
        }
        Some(Command::Man) => written(to_stdout(|out| clap_mangen::Man::new(Cli::command()).render(out))),
    }
    .map(|()| Status::Fine)
}

fn compare(good: &Path, bad: &Path, format: CompareFormat, fails: bool) -> Result<Status, Failure> {
    let [good, bad] = [good, bad].map(|path| Analyzer::default().run_files(&[path]));
    let (good, bad) = (good?, bad?);
    [&good, &bad].into_iter().for_each(tell_what_is_missing);
    let comparison = Comparison::of(&good, &bad);
    written(to_stdout(|out| comparison.write(out, format)))?;
    Ok(if fails && comparison.is_worse() { Status::Findings } else { Status::Fine })
}

fn analyse(args: &AnalyzeArgs) -> Result<Status, Failure> {
    if let Some(list) = live::list(&args.live) {
        let list = list?;
        written(to_stdout(|out| out.write_all(list.as_bytes())))?;
        return Ok(Status::Fine);
    }
    // before anything is opened
    let filter = told::filter(args)?;
    if args.every.is_some() && args.format != Format::Ndjson {
        return Err(Failure::usage("--every writes lines of JSON; add --format ndjson".to_owned()));
    }
    on_finding::check(&args.live)?;
    let expectations = args.expect.as_deref().map(Expectations::read).transpose()?;
    let registry = told::registry(args)?;
    let options = engine_options(args, &registry)?;
    if args.interval.is_some() && args.format == Format::Table {
        say("--interval shows in the formats json, ndjson and csv only");
    }
    if !args.columns.is_empty() && args.format == Format::Json {
        say("--columns shows in the formats table, csv and ndjson only");
    }
    let is_live = args.live.is_asked();
    // a live capture ends at its source, so that what is written ends with it
    let max_frames = args.count.filter(|_| !is_live);
    let mut selection = select::selection(args);
    if filter.is_some() || expectations.is_some() {
        // what is shown is known when it is made
        (selection.top, selection.most_findings) = (None, None);
    }
    let analyzer = Analyzer { registry, options, max_frames, selection };
    let (mut engine, capture) = if is_live {
        live::read(&analyzer, args, filter.as_ref())?
    } else {
        source::read(&analyzer, args, filter.as_ref())?
    };
    let (analysis, result) = report(&mut engine, capture, selection, (filter.as_ref(), expectations.as_ref()), args);
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

/// What the engine is told.
fn engine_options(args: &AnalyzeArgs, registry: &DecoderRegistry) -> Result<EngineOptions, Failure> {
    let defaults = if args.live.is_asked() { EngineOptions::live() } else { EngineOptions::default() };
    Ok(EngineOptions {
        max_flows: args.max_flows.map_or(defaults.max_flows, |flows| usize::try_from(flows).unwrap_or(usize::MAX)),
        interval_ns: args.interval,
        decode_as: args.decode_as.iter().map(|rule| rule.resolve(registry)).collect::<Result<_, _>>()?,
        threads: args.threads.map_or(defaults.threads, usize::from),
        ..defaults
    })
}

/// Makes the result and writes it.
fn report(
    engine: &mut Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    (filter, expectations): (Option<&Filter>, Option<&Expectations>),
    args: &AnalyzeArgs,
) -> (Analysis, io::Result<()>) {
    let form = match args.format {
        Format::Json => Some(Form::Json),
        Format::Ndjson => Some(Form::Ndjson),
        Format::Table | Format::Csv => None,
    };
    let filtered = filter.map(|filter| Filtered::new(filter, engine, &capture));
    let index = filtered.as_ref().and_then(Filtered::index);
    let view = View::new(args, engine.last_seen()).with(filter, index);
    match form {
        Some(form)
            if select::is_by_engine(args) && (filtered.is_none() || args.top.is_none()) && expectations.is_none() =>
        {
            let shown = Shown { form, args, view, filtered: filtered.as_ref() };
            in_chunks(engine, capture, selection, shown)
        }
        _ => {
            let mut analysis = match &filtered {
                Some(filtered) => only_shown(engine, capture, selection, filtered, view),
                None => engine.report(capture, selection),
            };
            if let Some(expectations) = expectations {
                expectations.judge(&mut analysis);
            }
            select::apply(&mut analysis, args, view.context);
            if let (Some(filtered), true, Some(_)) = (&filtered, args.columns.is_empty(), form) {
                analysis.flows.iter_mut().for_each(|flow| filtered.prune(flow, view.context));
            }
            analysis.flows.iter_mut().for_each(|flow| select::prune(flow, args));
            let matched = filtered.as_ref().map(Filtered::flows);
            let takes_stdout = args.live.takes_stdout();
            let (_, result) = with_output(takes_stdout, |out| ((), write(out, &analysis, matched, form, view, args)));
            (analysis, result)
        }
    }
}

/// The result with the flows that are shown, whole, and their findings.
fn only_shown(
    engine: &mut Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    filtered: &Filtered<'_>,
    view: View<'_>,
) -> Analysis {
    let mut kept = Kept { flows: Vec::new(), findings: Vec::new(), filtered, view };
    let mut analysis = engine.report_to(capture, selection, &mut kept);
    (analysis.flows, analysis.findings) = (kept.flows, kept.findings);
    analysis.total_findings = filtered.total_findings();
    filtered.prune_networks(&mut analysis.networks);
    analysis
}

/// What a filter leaves of a report.
struct Kept<'a> {
    flows: Vec<Flow>,
    findings: Vec<Finding>,
    filtered: &'a Filtered<'a>,
    view: View<'a>,
}

impl<'a> ReportSink for Kept<'a> {
    type Chunk = Self;

    fn chunk(&self) -> Self {
        self.empty()
    }

    fn write(&mut self, _: &CaptureSummary, chunk: &mut Self) -> bool {
        self.flows.append(&mut chunk.flows);
        self.findings.append(&mut chunk.findings);
        true
    }
}

impl ReportChunk for Kept<'_> {
    fn empty(&self) -> Self {
        Self { flows: Vec::new(), findings: Vec::new(), ..*self }
    }

    fn add_flow(&mut self, flow: &mut Flow) {
        if self.filtered.shows(flow, self.view.context) {
            self.flows.push(std::mem::take(flow));
        }
    }

    fn add_finding(&mut self, finding: &Finding) {
        if self.filtered.keeps(finding) {
            self.findings.push(finding.clone());
        }
    }
}

/// Writes flows and findings as they are made.
fn in_chunks(
    engine: &mut Engine,
    capture: CaptureSummary,
    selection: FlowSelection,
    shown: Shown<'_>,
) -> (Analysis, io::Result<()>) {
    with_output(shown.args.live.takes_stdout(), |out| {
        let mut output = Output { document: Document::new(out, shown.form), shown };
        let mut rest = engine.report_to(capture, selection, &mut output);
        if let Some(filtered) = shown.filtered {
            rest.total_findings = filtered.total_findings();
            filtered.prune_networks(&mut rest.networks);
        }
        let result = output.document.end(&rest);
        (rest, result)
    })
}

/// What of a report is written, and how.
#[derive(Clone, Copy)]
struct Shown<'a> {
    form: Form,
    args: &'a AnalyzeArgs,
    view: View<'a>,
    filtered: Option<&'a Filtered<'a>>,
}

/// A document that is written while the report is made.
struct Output<'a, W> {
    document: Document<W>,
    shown: Shown<'a>,
}

/// Flows or findings as they stand in the document.
struct Chunk<'a> {
    piece: Piece,
    shown: Shown<'a>,
}

impl<'a, W: Write> ReportSink for Output<'a, W> {
    type Chunk = Chunk<'a>;

    fn chunk(&self) -> Chunk<'a> {
        Chunk { piece: Piece::default(), shown: self.shown }
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
        let Shown { form, args, view, filtered } = self.shown;
        if let Some(filtered) = filtered {
            if !filtered.shows(flow, view.context) {
                return;
            }
            if args.columns.is_empty() {
                filtered.prune(flow, view.context);
            }
        }
        select::prune(flow, args);
        self.piece.flow(form, flow, &args.columns, view);
    }

    fn add_finding(&mut self, finding: &Finding) {
        let Shown { form, filtered, .. } = self.shown;
        if filtered.is_none_or(|filtered| filtered.keeps(finding)) {
            self.piece.finding(form, finding);
        }
    }
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
            let parts = table::Parts { networks: args.networks, gaps: args.gaps };
            let look = table::Look { width, is_coloured: is_coloured(args.color) };
            table::write(out, analysis, matched, (&args.columns, args.sort.as_ref()), (view, parts), look)
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
