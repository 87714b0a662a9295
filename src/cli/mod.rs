//! The command line: what is asked for, the analysis, and how the result is shown.

mod args;
mod csv;
mod decode_as;
mod decoders;
mod duration;
mod exit;
mod machine;
mod progress;
mod select;
mod source;
mod table;
mod text;
mod told;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::{CommandFactory, Parser};
use streamlens::Analyzer;
use streamlens::engine::EngineOptions;
use streamlens::model::{Analysis, Severity};
use streamlens::registry::DecoderRegistry;

use self::args::{AnalyzeArgs, Cli, Color, Command, Format};
use self::exit::{Failure, Status, say, written};

/// Runs the command with the arguments of the process.
pub(crate) fn main() -> ExitCode {
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
        Some(Command::Man) => written(to_stdout(|out| clap_mangen::Man::new(Cli::command()).render(out))),
    }
    .map(|()| Status::Fine)
}

fn analyse(args: &AnalyzeArgs) -> Result<Status, Failure> {
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
    let analyzer = Analyzer { registry, options, max_frames: args.count, selection: select::selection(args) };
    let mut analysis = source::analyse(&analyzer, &args.captures(), args.follow)?;
    let status = status_of(&analysis, args);
    let total_flows = analysis.total_flows;
    select::apply(&mut analysis, args);

    let is_terminal = io::stdout().is_terminal();
    if !(args.format == Format::Table && is_terminal) {
        // the table has them as well, so that they are said once to someone who sees both
        tell_what_is_missing(&analysis);
    }
    written(to_stdout(|out| match args.format {
        Format::Table => {
            let look = table::Look { width: terminal_width(is_terminal), is_coloured: is_coloured(args.color) };
            table::write(out, &analysis, total_flows, args.depth, look)
        }
        Format::Json => machine::write_json(out, &analysis),
        Format::Ndjson => machine::write_ndjson(out, &analysis),
        Format::Csv => csv::write(out, &analysis),
    }))?;
    // the process ends here; giving back the memory of a million flows one by one would only take time
    std::mem::forget(analysis);
    Ok(status)
}

/// Runs `write` with buffered standard output, and lets what it wrote out.
fn to_stdout(write: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = write(&mut out).and_then(|()| out.flush());
    if result.is_err() {
        // nothing more can be written; dropping the buffer would try again
        drop(out.into_parts());
    }
    result
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
