//! The `streamlens` command: what is asked for, the analysis, and how the result is shown.

mod args;
mod bursts;
mod codes;
mod compare;
mod csv;
mod decode_args;
mod decode_as;
mod decoders;
mod duration;
mod exit;
mod expect;
mod fields;
mod filter_arg;
mod filtered;
#[cfg(feature = "telemetry")]
mod iena_variant;
mod json;
mod live;
mod live_args;
mod machine;
mod on_finding;
mod outer;
mod progress;
#[cfg(feature = "remote")]
mod remote;
mod report;
mod select;
#[cfg(feature = "web")]
mod serve;
mod source;
mod table;
mod text;
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
use streamlens::model::row::{COLUMNS, Field, RowRef};
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Severity};
use streamlens::registry::DecoderRegistry;

use streamlens_filter::Filter;

use crate::args::{AnalyzeArgs, Cli, Color, Command, CompareFormat, Format};
use crate::compare::Comparison;
use crate::decode_args::{DecodeArgs, Decoding};
use crate::exit::{Failure, Status, say, written};
use crate::expect::Expectations;
use crate::filter_arg::FilterArg;
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
        Some(Command::Findings { format }) => {
            let registry = DecoderRegistry::with_builtins();
            written(to_stdout(|out| codes::write(out, &registry, format)))
        }
        Some(Command::Fields { format }) => written(to_stdout(|out| fields::write(out, format))),
        #[cfg(feature = "web")]
        Some(Command::Serve(args)) => return serve::serve(&args),
        #[cfg(feature = "web")]
        Some(Command::Token {
            #[cfg(feature = "remote")]
            token_dir,
            #[cfg(feature = "remote")]
            name,
        }) => {
            #[cfg(feature = "remote")]
            let token = match token_dir.zip(name) {
                Some((folder, name)) => streamlens_remote::new_token(&folder, &name),
                None => streamlens_web::token(),
            };
            #[cfg(not(feature = "remote"))]
            let token = streamlens_web::token();
            let token = token.map_err(|error| Failure::usage(error.to_string()))?;
            written(to_stdout(|out| writeln!(out, "{token}")))
        }
        #[cfg(feature = "remote")]
        Some(Command::Probe(args)) => return remote::probe(&args),
        #[cfg(feature = "remote")]
        Some(Command::Hub(args)) => return remote::hub(&args),
        #[cfg(feature = "tui")]
        Some(Command::Tui(args)) => return tui::run(&args),
        Some(Command::Compare { good, bad, format, fail_on, decode, filter }) => {
            return compare([&good, &bad], &decode, format, fail_on.is_some(), &filter);
        }
        Some(Command::Learn { captures, decode, filter }) => {
            let filter = filter.read()?;
            let mut analysis = decode.analyzer()?.run_files(&captures)?;
            tell_what_is_missing(&analysis);
            filtered::narrow(&mut analysis, filter.as_ref());
            let text = expect::learned(&analysis, filter.as_ref());
            if filter.is_some() && !text.contains("[[stream]]") {
                say("the filter shows no stream: nothing is expected");
            }
            written(to_stdout(|out| out.write_all(text.as_bytes())))?;
            return Ok(read_status(&[&analysis], Status::Fine));
        }
        Some(Command::Report { kind, captures, format, decode, filter }) => {
            return report::run(kind, &captures, &decode, format, &filter);
        }
        Some(Command::Man { command }) => {
            let page = clap_mangen::Man::new(of_page(command.as_deref())?);
            written(to_stdout(|out| page.render(out)))
        }
    }
    .map(|()| Status::Fine)
}

/// What the manual page is of: the whole, or one of its commands.
fn of_page(name: Option<&str>) -> Result<clap::Command, Failure> {
    let mut whole = Cli::command();
    // passes on to the commands below what holds for all
    whole.build();
    let Some(name) = name else { return Ok(Cli::command()) };
    let known = whole.get_subcommands().filter(|known| !known.is_hide_set());
    let names = known.map(|known| known.get_name().to_owned()).collect::<Vec<_>>().join(", ");
    match whole.find_subcommand(name) {
        Some(found) => Ok(found.clone().version(env!("CARGO_PKG_VERSION"))),
        None => Err(Failure::usage(format!("there is no command '{name}'; there are {names}"))),
    }
}

fn compare(
    captures: [&Path; 2],
    decode: &DecodeArgs,
    format: CompareFormat,
    fails: bool,
    filter: &FilterArg,
) -> Result<Status, Failure> {
    let filter = filter.read()?;
    let analyzer = decode.analyzer()?;
    let [good, bad] = captures.map(|path| analyzer.run_files(&[path]));
    let (good, bad) = (good?, bad?);
    [&good, &bad].into_iter().for_each(tell_what_is_missing);
    let comparison = Comparison::of(&good, &bad, filter.as_ref());
    written(to_stdout(|out| comparison.write(out, format)))?;
    Ok(read_status(&[&good, &bad], if fails && comparison.is_worse() { Status::Findings } else { Status::Fine }))
}

fn analyse(args: &AnalyzeArgs) -> Result<Status, Failure> {
    if let Some(list) = live::list(&args.live) {
        let list = list?;
        written(to_stdout(|out| out.write_all(list.as_bytes())))?;
        return Ok(Status::Fine);
    }
    // before anything is opened
    let filter = args.filter.read()?;
    if args.every.is_some() && args.format != Format::Ndjson {
        return Err(Failure::usage("--every writes lines of JSON; add --format ndjson".to_owned()));
    }
    on_finding::check(&args.live)?;
    let expectations = args.expect.as_deref().map(Expectations::read).transpose()?;
    let decoding = args.decode.resolve()?;
    let options = engine_options(args, &decoding);
    if args.interval.is_some() && args.format == Format::Table {
        say("--interval shows in the formats json, ndjson and csv only");
    }
    for (option, is_given, rest) in [
        ("--networks", args.networks, "json and ndjson have all of it"),
        ("--gaps", args.gaps, "json and ndjson have the gaps of each stream in `health`"),
        ("--unidentified", args.unidentified && args.format == Format::Csv, "json and ndjson have samples as well"),
    ] {
        if is_given && args.format != Format::Table {
            say(&format!("{option} shows in the format table only; {rest}"));
        }
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
    let analyzer = Analyzer { registry: decoding.registry, options, max_frames, selection };
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
fn engine_options(args: &AnalyzeArgs, decoding: &Decoding) -> EngineOptions {
    let defaults = if args.live.is_asked() { EngineOptions::live() } else { EngineOptions::default() };
    let options = EngineOptions {
        max_flows: args.max_flows.map_or(defaults.max_flows, |flows| usize::try_from(flows).unwrap_or(usize::MAX)),
        interval_ns: args.interval,
        samples_unidentified: args.unidentified,
        burst_windows_ns: args.bursts.clone().map_or_else(Vec::new, |windows| windows.0),
        link_speed: args.link_speed,
        threads: args.threads.map_or(defaults.threads, usize::from),
        ..defaults
    };
    decoding.options(options)
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
    let asks = filter.is_some_and(Filter::asks_for_findings)
        || args.columns.iter().chain(&args.sort).any(Field::is_of_findings);
    let index = asks.then(|| filtered::index_of(engine, &capture));
    let filtered = filter.map(Filtered::new);
    let view = View::new(args, engine.last_seen()).with(filter, index.as_ref());
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
    tell_what_leads_nowhere(analysis, view, &args.columns);
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
            let parts = table::Parts { networks: args.networks, gaps: args.gaps, unidentified: args.unidentified };
            let look = table::Look { width, is_coloured: is_coloured(args.color) };
            table::write(out, analysis, matched, (&args.columns, args.sort.as_ref()), (view, parts), look)
        }
    }
}

/// Says which facts and measures were asked for as columns and lead nowhere: any name can be asked for, for decoders of one's own
/// have theirs.
fn tell_what_leads_nowhere(analysis: &Analysis, view: View<'_>, columns: &[Field]) {
    for field in
        columns.iter().filter(|field| field.name().contains('.') && !COLUMNS.iter().any(|of| of.name == field.name()))
    {
        let has = |row: &RowRef<'_>| {
            let mut is_there = false;
            field.read_own(row, &mut |_| {
                is_there = true;
                true
            });
            is_there
        };
        if !analysis.flows.iter().any(|flow| view.rows(flow).any(|row| has(&row))) {
            say(&format!("no row that is shown has {}", field.name()));
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
    let is_judged = args.fail_on.is_some_and(|fail_on| gravest >= Some(Severity::from(fail_on)));
    read_status(&[analysis], if is_judged { Status::Findings } else { Status::Fine })
}

/// The status of a result of these captures: that some could not be read to their end goes before all else.
fn read_status(analyses: &[&Analysis], otherwise: Status) -> Status {
    let mut warnings = analyses.iter().flat_map(|analysis| &analysis.capture.warnings);
    if warnings.any(|warning| warning.incomplete) { Status::Partial } else { otherwise }
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
