//! The command line, as clap reads it; help, completions and the man page come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use streamlens::model::Severity;
use streamlens::model::row::{COLUMNS, Field};

use super::bursts;
use super::decode_args::DecodeArgs;
use super::duration;
use super::filter_arg::FilterArg;
use super::live_args::LiveArgs;

macro_rules! exit_status {
    () => {
        "\
Exit status:
  0  fine; without --fail-on also where there are findings
  1  there are findings at or above --fail-on
  2  wrong usage
  3  not readable as a capture
  4  no permission; or the interface can't be captured on: it is not there, down or of a link
     type that is not read, or the system refuses --join
  5  read or written in part: the output has all that could be read (wins over 1)"
    };
}

const MORE: &str = concat!(
    "\
Captures are pcap, pcapng, snoop, ERF and IRIG 106 Chapter 10 recorder files, plain or in gzip, zstd or lz4, told apart by their \
content. Several captures are merged by time into one analysis. A file named like a subcommand is given as ./decoders \
or -r decoders.

Formats:
  table   for people: flows, encodings, streams and packet types as a tree, then totals and
          findings. Jitter is that of RFC 3550 by the media clock where there is one (column
          media_jitter); with \u{394} in front it is that of \u{394}T, the times between packets (column jitter)
  json    one document of schema streamlens.analysis/1, with everything there is
  ndjson  the same by line: {\"schema\", \"capture\"}, then a {\"flow\"} for each flow, a {\"finding\"}
          for each finding, and {\"networks\"} where there are any; with --columns a {\"row\"}
          for each row in place of the flows
  csv     a header, then a row for each flow, transport, encoding and packet type (column
          level), at --depth stream for each stream as well; with --interval each is followed by
          its intervals (level flow_interval and so on); findings are not in it

The table goes by the width of the terminal, or by COLUMNS; in a pipe or file nothing is left out. It has colours on a \
terminal only, and none under NO_COLOR.

Examples:
  streamlens capture.pcapng
  streamlens --sort bytes --top 10 red.pcap blue.pcap
  streamlens -Y 'encoding == IENA and lost > 0 or jitter > 5ms' capture.pcapng
  streamlens -d udp.port==5004,rtp --format json capture.pcap | jq '.findings'
  tcpdump -w - | streamlens -r - --fail-on warning
  streamlens -i eth0 -f 'udp and vlan 30' -a duration:10 --format json

",
    exit_status!()
);

/// Shows which streams are in a capture, what they are, whether every packet is there and the timing right
#[derive(Debug, Parser)]
#[command(
    name = "streamlens",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = exit_status!(),
    after_long_help = MORE
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) analyze: AnalyzeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the decoders: standard, carriers, customary ports and packet types
    Decoders {
        /// How to print them
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// List the codes of findings, and of warnings about captures: gravest severity and meaning
    Findings {
        /// How to print them
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// List the columns, which are the fields of filters: name, levels, unit and meaning
    Fields {
        /// How to print them
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Show flows in the browser as they change: captures, interfaces, and captures that are dropped into the page
    #[cfg(feature = "web")]
    Serve(Box<super::serve::ServeArgs>),
    /// Print a new token for `serve --token-file`, or of a probe for `hub --token-dir`
    #[cfg(feature = "web")]
    Token {
        /// Folder of a hub in which the token's hash is kept
        #[cfg(feature = "remote")]
        #[arg(long, value_name = "DIR", requires = "name")]
        token_dir: Option<PathBuf>,
        /// Name of the token in that folder, such as the probe's; deleting the file of that name revokes it
        #[cfg(feature = "remote")]
        #[arg(long, value_name = "NAME", requires = "token_dir")]
        name: Option<String>,
    },
    /// Measure here for a hub elsewhere, which is dialled: captures and interfaces
    #[cfg(feature = "remote")]
    Probe(Box<super::remote::ProbeArgs>),
    /// Show what probes see as one, in the browser; a `serve` that takes probes
    #[cfg(feature = "remote")]
    Hub(Box<super::remote::HubArgs>),
    /// Say what appeared, vanished, got worse or better between two captures of a network, stream by stream
    ///
    /// Streams are the same where addresses, ports, VLANs, encoding and identifier are. Loss, duplicates and reordering are
    /// compared by their share; jitter and the longest time between packets where they grow by half, the rate where it changes
    /// by 5 %. With -Y streams are compared that match in one of the captures.
    Compare {
        /// The capture to compare with
        good: PathBuf,
        /// The capture that is judged
        bad: PathBuf,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: CompareFormat,
        /// Exit with status 1 if anything vanished or got worse
        #[arg(long, value_enum, value_name = "WHEN")]
        fail_on: Option<FailWhen>,
        #[command(flatten)]
        decode: Box<DecodeArgs>,
        #[command(flatten)]
        filter: FilterArg,
    },
    /// Write which streams are in a good capture, with their rates, loss and jitter, for --expect
    Learn {
        /// The captures
        #[arg(required = true)]
        captures: Vec<PathBuf>,
        #[command(flatten)]
        decode: Box<DecodeArgs>,
        #[command(flatten)]
        filter: FilterArg,
    },
    /// Write what engineers of one trade want to know of captures: sources, loss with its times, timing, clocks, faults
    Report {
        /// Whose report
        #[arg(value_enum)]
        kind: crate::report::Kind,
        /// The captures
        #[arg(required = true)]
        captures: Vec<PathBuf>,
        /// How to print it
        #[arg(long, value_enum, default_value_t)]
        format: crate::report::ReportFormat,
        #[command(flatten)]
        decode: Box<DecodeArgs>,
        #[command(flatten)]
        filter: FilterArg,
    },
    /// Print the manual page, in roff
    Man {
        /// Of this command; without it that of `streamlens` itself
        command: Option<String>,
    },
    /// Watch flows, encodings, packet types and streams in the terminal, live or of captures
    #[cfg(feature = "tui")]
    Tui(Box<crate::tui::TuiArgs>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    #[default]
    Table,
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailWhen {
    Worse,
}

#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// Captures to analyse; - is standard input
    #[arg(value_name = "CAPTURE", required_unless_present_any = ["read", "interface", "list_interfaces", "list_time_stamp_types"])]
    captures: Vec<PathBuf>,

    /// A capture to analyse, as in tshark; - is standard input. May be repeated
    #[arg(short, long, value_name = "FILE")]
    read: Vec<PathBuf>,

    /// Stop after this many frames
    #[arg(short = 'c', long = "count", value_name = "N")]
    pub(crate) count: Option<u64>,

    #[command(flatten)]
    pub(crate) decode: DecodeArgs,

    /// How to print the result
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) filter: FilterArg,

    /// Order of the flows: the most first for figures, the earliest first for times [default: first, with --top bytes]
    ///
    /// KEY is any column that `streamlens fields` lists: packets, bytes, rate, lost, jitter, src, ... A column of a level
    /// below flows is added up over the rows of the flow, or the greatest counts. What is undefined comes last. The older
    /// words first, last and frames stand for first_seen, last_seen and packets.
    #[arg(long, value_name = "KEY", value_parser = sort_key, help_heading = "Output")]
    pub(crate) sort: Option<Field>,

    /// The columns of table and csv, and rows instead of documents in ndjson; `streamlens fields` lists them
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', value_parser = field, help_heading = "Output")]
    pub(crate) columns: Vec<Field>,

    /// In the table: all of what spans flows in place of these: PTP domains, announced sessions, redundant pairs, NDI sources,
    /// PROFINET and EtherCAT stations, Modbus units
    #[arg(long, conflicts_with = "gaps", help_heading = "Output")]
    pub(crate) networks: bool,

    /// In the table: every loss with its time in place of the flows; of each stream the latest 16 and the largest 16
    #[arg(long, help_heading = "Output")]
    pub(crate) gaps: bool,

    /// In the table: what no decoder takes, in place of the flows: ports with what is customary there, lengths, first bytes
    #[arg(long, conflicts_with_all = ["networks", "gaps"], help_heading = "Output")]
    pub(crate) unidentified: bool,

    /// Print the first N flows only; totals and findings are still those of the whole capture
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(crate) top: Option<usize>,

    /// How deep to go down the hierarchy; stream has the streams of encodings beside the packet types
    ///
    /// The table shows streams at depth type as well, at most 12 of an encoding, where they have names or there are several.
    #[arg(long, value_enum, default_value_t, value_name = "LEVEL", help_heading = "Output")]
    pub(crate) depth: Depth,

    /// Read captures at their own pace, or SPEED times as fast; 0 is as fast as it goes
    ///
    /// Silences of more than 10 s are shortened to 10 s.
    #[arg(long, value_name = "SPEED", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = speed)]
    pub(crate) replay: Option<f64>,

    /// With --replay: start over behind the last frame, until Ctrl-C
    ///
    /// Each round is a new start, of which alone the result tells. Times go on: a round begins a second behind the last frame of
    /// the one before.
    #[arg(long = "loop", requires = "replay", conflicts_with_all = ["follow", "interface"])]
    pub(crate) is_looped: bool,

    /// Print a line of JSON with the rows that changed every so often, in capture time, such as 100ms; needs --format ndjson
    ///
    /// {"update": {"epoch", "now", "rows", "gone", "findings", "capture"}}; then the document as without.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Output")]
    pub(crate) every: Option<u64>,

    /// Keep counts per interval of time as well, such as 1s or 500ms; for json, ndjson and csv
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, help_heading = "Output")]
    pub(crate) interval: Option<u64>,

    /// Find the most bytes and frames within any window of these lengths, of each flow and interface [without lengths: 1ms,10ms]
    #[arg(long, value_name = "DURATION,...", num_args = 0..=1, require_equals = true, default_missing_value = "1ms,10ms", value_parser = bursts::windows, help_heading = "Output")]
    pub(crate) bursts: Option<bursts::Windows>,

    /// With --bursts: the speed of the links, such as 1G or 100M, in place of what the capture says
    #[arg(long, value_name = "BITS", value_parser = bursts::bit_rate, requires = "bursts", help_heading = "Output")]
    pub(crate) link_speed: Option<u64>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: Color,

    /// A file that says which streams should be there, with limits of rate, loss and jitter; `streamlens learn` writes one
    ///
    /// What is not so is a finding: expect.absent and expect.limit (errors), expect.unexpected (a warning). Not with -Y, which would
    /// hide streams that are there; `learn -Y` writes a file of the streams that matter, which lets others be. Not with -i.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["filter", "interface"], help_heading = "Output")]
    pub(crate) expect: Option<PathBuf>,

    /// Exit with status 1 if there are findings of this severity or a graver one
    #[arg(long, value_enum, value_name = "SEVERITY", help_heading = "Output")]
    pub(crate) fail_on: Option<FailOn>,

    /// Wait for files to grow, until Ctrl-C; then print the result
    #[arg(long, help_heading = "Running")]
    pub(crate) follow: bool,

    /// Threads that share the work; the result is the same for any number [default: one per core, at most 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Running")]
    pub(crate) threads: Option<u16>,

    /// Flows to keep apart; frames of further flows are counted under `flow table full` [default: 2000000; 65536 with -i]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Running")]
    pub(crate) max_flows: Option<u32>,

    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

impl AnalyzeArgs {
    /// All captures, those of `-r` behind the others.
    pub(crate) fn captures(&self) -> Vec<PathBuf> {
        self.captures.iter().chain(&self.read).cloned().collect()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
    Ndjson,
    Csv,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    #[default]
    Table,
    Json,
}

/// Older words of `--sort`, and the columns that they stand for.
const SORT_WORDS: [(&str, &str); 3] = [("first", "first_seen"), ("last", "last_seen"), ("frames", "packets")];

/// What flows are ordered by: a column, or an older word for one.
fn sort_key(name: &str) -> Result<Field, String> {
    let known = SORT_WORDS.iter().find(|(word, _)| *word == name);
    field(known.map_or(name, |(_, column)| column))
}

/// A column by its name, its header in CSV, `meta.KEY` or `measure.KEY`.
fn field(name: &str) -> Result<Field, String> {
    let name = name.trim();
    Field::find(name).ok_or_else(|| {
        let near = COLUMNS.iter().map(|column| (strsim::osa_distance(column.name, name), column.name)).min();
        let near = near.filter(|(distance, _)| *distance <= 1 + name.len() / 4);
        let near = near.map_or_else(String::new, |(_, near)| format!("; did you mean {near}?"));
        format!("there is no such column{near} (see `streamlens fields`)")
    })
}

/// The lowest level of the hierarchy that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Depth {
    Flow,
    Transport,
    Encoding,
    #[default]
    Type,
    Stream,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Info,
    Warning,
    Error,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Info => Self::Info,
            FailOn::Warning => Self::Warning,
            FailOn::Error => Self::Error,
        }
    }
}

/// How many times as fast as captured, 0 or more.
pub(crate) fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed >= 0.0);
    speed.ok_or_else(|| {
        format!("'{text}' is no speed; write how many times as fast, such as 1, 0.5 or 10; 0 is as fast as it goes")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn definitions_hold_together() {
        super::Cli::command().debug_assert();
    }
}
