//! `streamlens tui`: the terminal interface over files, replays and interfaces.

mod again;
mod feed;
mod source;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use streamlens::engine::EngineOptions;
use streamlens::registry::DecoderRegistry;
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

    /// Draw at most so often
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "100ms", help_heading = "Terminal")]
    refresh: u64,

    /// Only ASCII on the screen; by itself where the locale is not UTF-8
    #[arg(long, help_heading = "Terminal")]
    ascii: bool,

    /// Colours for this background, or none
    #[arg(long, value_name = "THEME", value_parser = ["terminal", "dark", "light", "none"], help_heading = "Terminal")]
    theme: Option<String>,

    /// Leave the mouse to the terminal
    #[arg(long, help_heading = "Terminal")]
    no_mouse: bool,
}

/// Runs the terminal interface.
pub(crate) fn run(args: &TuiArgs) -> Result<Status, Failure> {
    let analyze = &args.analyze;
    told::filter(analyze)?;
    let registry = told::registry(analyze)?;
    let engine = crate::engine_options(analyze, &registry)?;
    // each look decodes all frames: to defer flows would only take time
    let engine = EngineOptions { defer_above_flows: usize::MAX, ..engine };
    needs_terminal()?;
    let options = options(args, &registry);
    let mut feed = DriverFeed::start(args, registry, engine)?;
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

fn options(args: &TuiArgs, registry: &DecoderRegistry) -> Options {
    let AnalyzeArgs { filter, columns, sort, .. } = &args.analyze;
    let has_no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let theme = args.theme.as_deref().and_then(Theme::named).unwrap_or_default();
    Options {
        theme: if has_no_colour { Theme::None } else { theme },
        is_ascii: args.ascii || !is_utf8(),
        has_mouse: !args.no_mouse,
        refresh: Duration::from_nanos(args.refresh),
        columns: (!columns.is_empty()).then(|| columns.iter().map(|field| field.name().to_owned()).collect()),
        sort: sort.as_ref().map(|field| field.name().to_owned()),
        filter: filter.clone().unwrap_or_default(),
        catalogue: told::catalogue(registry),
        ..Options::default()
    }
}

/// Whether the locale is one of UTF-8. One that says nothing is taken for one, as terminals are.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.filter(|value| !value.is_empty()).map(|value| value.to_lowercase()).next();
    locale.is_none_or(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}
