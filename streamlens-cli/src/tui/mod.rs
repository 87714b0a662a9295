//! `streamlens tui`: the terminal interface over files, replays and interfaces.

mod again;
mod feed;
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
use crate::told;

/// The options of the terminal interface.
#[derive(Debug, Args)]
#[command(
    mut_arg("format", |arg| arg.hide(true)),
    mut_arg("top", |arg| arg.hide(true)),
    mut_arg("depth", |arg| arg.hide(true)),
    mut_arg("every", |arg| arg.hide(true)),
    mut_arg("interval", |arg| arg.hide(true)),
    mut_arg("fail_on", |arg| arg.hide(true)),
    mut_arg("list_interfaces", |arg| arg.hide(true)),
    mut_arg("list_time_stamp_types", |arg| arg.hide(true)),
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

    /// Colours for this background, or none
    #[arg(long, value_name = "THEME", value_parser = ["terminal", "dark", "light", "none"], help_heading = "Terminal")]
    theme: Option<String>,

    /// Leave the mouse to the terminal
    #[arg(long, help_heading = "Terminal")]
    no_mouse: bool,

    /// The configuration [default: $XDG_CONFIG_HOME/streamlens/config.toml]
    #[arg(long, value_name = "FILE", help_heading = "Terminal")]
    config: Option<PathBuf>,

    /// Print the configuration with its defaults: keys, colours, columns, saved filters
    #[arg(long, exclusive = true, help_heading = "Terminal")]
    print_config: bool,

    /// Panic once all is read: for the test that the terminal is whole again
    #[arg(long, hide = true)]
    panic: bool,
}

/// Runs the terminal interface.
pub(crate) fn run(args: &TuiArgs) -> Result<Status, Failure> {
    if args.print_config {
        crate::written(crate::to_stdout(|out| out.write_all(streamlens_tui::default_config().as_bytes())))?;
        return Ok(Status::Fine);
    }
    let analyze = &args.analyze;
    let registry = told::registry(analyze)?;
    let engine = crate::engine_options(analyze, &registry)?;
    // each look decodes all frames: to defer flows would only take time
    let engine = EngineOptions { defer_above_flows: usize::MAX, ..engine };
    let options = options(args, &registry)?;
    needs_terminal()?;
    let mut feed = DriverFeed::start(args, registry, engine, options.refresh)?;
    let result = streamlens_tui::run(options, &mut feed);
    let ended = feed.end();
    result.map_err(|error| Failure { status: Status::Partial, message: format!("the terminal: {error}") })?;
    ended
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
    let mut options = Options { is_ascii: !is_utf8(), catalogue: told::catalogue(registry), ..Options::default() };
    if let Some((path, text)) = config(args)? {
        let wrong = |why: String| Failure { status: Status::Usage, message: format!("{}: {why}", path.display()) };
        options.configure(&text).map_err(wrong)?;
    }
    options.theme = args.theme.as_deref().and_then(Theme::named).unwrap_or(options.theme);
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        options.theme = Theme::None;
    }
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
    options.filter = filter.clone().unwrap_or_default();
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
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if args.config.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure { status: Status::Usage, message: format!("{}: {error}", path.display()) }),
    }
}

/// Whether the locale is one of UTF-8. One that says nothing is taken for one, as terminals are.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.filter(|value| !value.is_empty()).map(|value| value.to_lowercase()).next();
    locale.is_none_or(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}
