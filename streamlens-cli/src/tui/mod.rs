//! `streamlens tui`: the terminal interface over files, replays and interfaces.

mod again;
mod feed;
mod memory;
mod picked;
mod source;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use streamlens::engine::EngineOptions;
use streamlens::registry::DecoderRegistry;
use streamlens_filter::Filter;
use streamlens_tui::{Options, Theme};

use self::feed::DriverFeed;
use crate::args::AnalyzeArgs;
use crate::duration;
use crate::exit::{Failure, Status};
use crate::filter_arg;

/// What the help says at its end.
const MORE: &str = "\
Keys:
  arrows, h j k l          move, open, close; Space shows the packet types of a flow
  Enter                    the detail of a row; Tab goes through its tabs
  /                        filter, with completion
  f i ?                    findings, the capture and its interfaces, all keys
  s < > C                  sort by a column, choose it, choose which are shown
  p w c y d m              freeze, write packets, copy a value or a row, decode as, mark
  q                        quit

Configuration:
  $XDG_CONFIG_HOME/streamlens/config.toml, or --config FILE: keys, colours, columns, saved
  filters; --print-config prints all of it. STREAMLENS_THEME, _ASCII, _MOUSE, _REFRESH_MS,
  _COLUMNS and _SORT go before it, and the command line before both. Under NO_COLOR there are no
  colours.

Exit status:
  0  the user or a signal ended it
  2  an option, the configuration or the terminal is not fit for it
  3  not readable as a capture
  4  no permission; or the interface can't be captured on: it is not there, down or of a link
     type that is not read, or the system refuses --join
  5  read in part, or the terminal failed";

/// The options of the terminal interface.
#[derive(Debug, Args)]
#[command(
    after_long_help = MORE,
    mut_arg("format", |arg| arg.hide(true)),
    mut_arg("top", |arg| arg.hide(true)),
    mut_arg("depth", |arg| arg.hide(true)),
    mut_arg("every", |arg| arg.hide(true)),
    mut_arg("interval", |arg| arg.hide(true)),
    mut_arg("fail_on", |arg| arg.hide(true)),
    mut_arg("list_interfaces", |arg| arg.hide(true)),
    mut_arg("list_time_stamp_types", |arg| arg.hide(true)),
    mut_arg("networks", |arg| arg.hide(true)),
    mut_arg("gaps", |arg| arg.hide(true)),
    mut_arg("unidentified", |arg| arg.hide(true)),
    mut_arg("expect", |arg| arg.hide(true)),
    mut_arg("color", |arg| arg.hide(true)),
    mut_arg("captures", |arg| arg.required_unless_present("print_config")),
)]
pub(crate) struct TuiArgs {
    #[command(flatten)]
    pub(crate) analyze: AnalyzeArgs,

    /// Draw at most so often [default: 100ms]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Terminal")]
    refresh: Option<u64>,

    /// Only ASCII on the screen; by itself where the locale is not UTF-8
    #[arg(long, help_heading = "Terminal")]
    ascii: bool,

    /// Colours for this background, as the terminal says that it is (auto), or none
    #[arg(long, value_name = "THEME", value_parser = ["auto", "terminal", "dark", "light", "none"], help_heading = "Terminal")]
    theme: Option<String>,

    /// Leave the mouse to the terminal
    #[arg(long, help_heading = "Terminal")]
    no_mouse: bool,

    /// The configuration [default: $XDG_CONFIG_HOME/streamlens/config.toml]; STREAMLENS_THEME, _COLUMNS, ... go before it
    #[arg(long, value_name = "FILE", help_heading = "Terminal")]
    config: Option<PathBuf>,

    /// Print the configuration that is in force, with its defaults: keys, colours, columns, saved filters
    #[arg(long, help_heading = "Terminal")]
    print_config: bool,

    /// Panic once all is read: for the test that the terminal is whole again
    #[arg(long, hide = true)]
    panic: bool,
}

/// Runs the terminal interface.
pub(crate) fn run(args: &TuiArgs) -> Result<Status, Failure> {
    let analyze = &args.analyze;
    refuse_others(analyze)?;
    let decoding = analyze.decode.resolve()?;
    let engine = crate::engine_options(analyze, &decoding);
    // each look decodes all frames: to defer flows would only take time
    let engine = EngineOptions { defer_above_flows: usize::MAX, ..engine };
    let registry = decoding.registry;
    let mut options = options(args, &registry)?;
    if args.print_config {
        crate::written(crate::to_stdout(|out| out.write_all(options.configuration().as_bytes())))?;
        return Ok(Status::Fine);
    }
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        options.theme = Theme::None;
    }
    needs_terminal()?;
    let mut feed = DriverFeed::start(args, registry, engine, options.refresh)?;
    let result = streamlens_tui::run(options, &mut feed);
    let ended = feed.end();
    result.map_err(|error| Failure { status: Status::Partial, message: format!("the terminal: {error}") })?;
    ended
}

/// Refuses options that change what is printed of a result, and nothing here.
fn refuse_others(args: &AnalyzeArgs) -> Result<(), Failure> {
    let asked = [
        ("--expect", args.expect.is_some()),
        ("--fail-on", args.fail_on.is_some()),
        ("--interval", args.interval.is_some()),
        ("--every", args.every.is_some()),
        ("--top", args.top.is_some()),
        ("--networks", args.networks),
        ("--gaps", args.gaps),
        ("--unidentified", args.unidentified),
        ("-D", args.live.list_interfaces),
        ("--list-time-stamp-types", args.live.list_time_stamp_types),
    ];
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((option, _)) => {
            Err(Failure::usage(format!("{option} has no meaning in tui; `streamlens {option}` prints it")))
        }
        None => Ok(()),
    }
}

/// Refuses what is no terminal that can be drawn on.
fn needs_terminal() -> Result<(), Failure> {
    let term = std::env::var("TERM").unwrap_or_default();
    if !io::stdout().is_terminal() || term.is_empty() || term == "dumb" {
        let why = "tui needs a terminal that can be drawn on; `streamlens FILE` prints the result";
        return Err(Failure::usage(why.to_owned()));
    }
    Ok(())
}

/// What the configuration says, and what the command line says otherwise.
fn options(args: &TuiArgs, registry: &DecoderRegistry) -> Result<Options, Failure> {
    let AnalyzeArgs { filter, columns, sort, .. } = &args.analyze;
    let mut options =
        Options { is_ascii: !is_utf8(), catalogue: filter_arg::catalogue(registry), ..Options::default() };
    if let Some((path, text)) = config(args)? {
        let wrong = |why: String| Failure { status: Status::Usage, message: format!("{}: {why}", path.display()) };
        options.configure(&text).map_err(wrong)?;
    }
    options.configure_from(|name| std::env::var(name).ok()).map_err(Failure::usage)?;
    options.theme = args.theme.as_deref().and_then(Theme::named).unwrap_or(options.theme);
    options.is_ascii |= args.ascii;
    options.has_mouse &= !args.no_mouse;
    if let Some(refresh) = args.refresh {
        options.refresh = Duration::from_nanos(refresh);
    }
    if !columns.is_empty() {
        options.columns = Some(columns.iter().map(|field| field.name().to_owned()).collect());
    }
    if let Some(sort) = sort {
        options.sort = Some(sort.name().to_owned());
    }
    options.filter = filter.filter.clone().unwrap_or_default();
    Filter::parse(&options.filter, &options.catalogue)
        .map_err(|error| Failure { status: Status::Usage, message: error.to_string() })?;
    Ok(options)
}

/// The configuration that is named, or that is where configurations are.
fn config(args: &TuiArgs) -> Result<Option<(PathBuf, String)>, Failure> {
    let folder = std::env::var_os("XDG_CONFIG_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    let usual = folder.map(|folder| folder.join("streamlens/config.toml"));
    let Some(path) = args.config.clone().or(usual) else { return Ok(None) };
    let wrong = |why: String| Failure { status: Status::Usage, message: format!("{}: {why}", path.display()) };
    match std::fs::read(&path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some((path, text))),
            Err(error) => {
                let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                let byte = 1 + good.iter().rev().take_while(|byte| **byte != b'\n').count();
                Err(wrong(format!("line {line}: it is no UTF-8 from byte {byte} of the line on")))
            }
        },
        Err(error) if args.config.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Whether the locale is one of UTF-8. One that says nothing is taken for one, as terminals are.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.filter(|value| !value.is_empty()).map(|value| value.to_lowercase()).next();
    locale.is_none_or(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}
