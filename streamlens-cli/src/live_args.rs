//! The options of live capture.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use streamlens::model::Severity;

use super::duration;

/// The heading of these options in the help.
const HEADING: &str = "Live capture";

/// What options of interfaces alone don't go with. Clap waives `requires = "interface"` where a capture is given, since the two
/// exclude each other.
const FILES: [&str; 2] = ["captures", "read"];

#[derive(Debug, Default, Args)]
pub(crate) struct LiveArgs {
    /// Capture on an interface; `any` is every one that is up. May be repeated: frames are merged by time
    #[arg(short, long, value_name = "IFACE", help_heading = HEADING, conflicts_with_all = ["captures", "read", "follow", "replay"])]
    pub(crate) interface: Vec<String>,

    /// List the interfaces: link type, state, who may stamp frames, addresses
    #[arg(short = 'D', long, help_heading = HEADING)]
    pub(crate) list_interfaces: bool,

    /// Capture frames that pass a filter only, such as 'udp port 319 or vlan 30'
    ///
    /// [ip|ip6|arp] [src|dst] host|net ADDRESS, [tcp|udp] [src|dst] port|portrange N, ip, ip6, arp, tcp, udp, icmp, icmp6,
    /// igmp, ip|ip6|ether proto N, ether [src|dst|host] MAC, [ether|ip|ip6] multicast|broadcast, vlan [ID], greater|less N,
    /// joined by and, or, not and parentheses. As in tcpdump `and` and `or` bind alike, from left to right. The outermost
    /// VLAN tag is set aside before the filter runs: udp finds tagged frames too, and `vlan` tests the tag.
    #[arg(short = 'f', long, value_name = "FILTER", help_heading = HEADING, requires = "interface", conflicts_with_all = FILES)]
    pub(crate) capture_filter: Option<String>,

    /// Leave the interface as it is, and see only frames that are for this host or to all
    #[arg(short = 'p', long, help_heading = HEADING, requires = "interface", conflicts_with_all = FILES)]
    pub(crate) no_promiscuous: bool,

    /// Capture at most so many bytes of a frame
    #[arg(short, long, value_name = "BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(1..=262_144), help_heading = HEADING)]
    pub(crate) snap_length: u32,

    /// Memory between the kernel and this program, for each interface, in MiB
    #[arg(short = 'B', long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096), help_heading = HEADING)]
    pub(crate) ring_size: u32,

    /// Whose clock stamps the frames
    #[arg(long, value_enum, value_name = "TYPE", default_value_t, help_heading = HEADING)]
    pub(crate) time_stamp_type: StampType,

    /// List who may stamp frames, of the interfaces given by -i or of all
    #[arg(long, help_heading = HEADING)]
    pub(crate) list_time_stamp_types: bool,

    /// Stop after duration:SECONDS, packets:N or filesize:KB. May be repeated
    #[arg(short = 'a', long, value_name = "CONDITION", value_parser = Condition::parse_stop, help_heading = HEADING, requires = "interface", conflicts_with_all = FILES)]
    pub(crate) autostop: Vec<Condition>,

    /// Write what passes as pcapng; - is standard output, and the result then goes to standard error
    #[arg(short, long, value_name = "FILE", help_heading = HEADING, requires = "interface", conflicts_with_all = FILES)]
    pub(crate) write: Option<PathBuf>,

    /// Write a ring of files: begin the next after duration:SECONDS or filesize:KB, keep the last files:N. May be repeated
    #[arg(short = 'b', long, value_name = "CONDITION", value_parser = Condition::parse_ring, help_heading = HEADING, requires = "write")]
    pub(crate) ring_buffer: Vec<Condition>,

    /// Keep the last moments in memory, such as 30s or 256MiB: what --on-finding writes from. May be repeated: whichever is less
    ///
    /// [default with --on-finding: 15s and 256MiB; with a duration alone 1GiB at most]
    #[arg(long, value_name = "DURATION|SIZE", value_delimiter = ',', value_parser = BufferLimit::parse, help_heading = HEADING)]
    pub(crate) buffer: Vec<BufferLimit>,

    /// Write the packets from 10 s before to 5 s after each new finding of this severity or a graver one, such as warning,rtp
    ///
    /// SEVERITY is info, warning or error; PREFIX is what the codes begin with. CODE-TIME-N.pcapng in the folder that
    /// --write-dir names. At most 20 files, and each code at most once in 30 s of capture time. With --buffer 5s it is 5 s
    /// before. Works on interfaces and on captures, with and without --replay.
    #[arg(long, value_name = "SEVERITY[,PREFIX]", value_parser = OnFinding::parse, help_heading = HEADING)]
    pub(crate) on_finding: Option<OnFinding>,

    /// The folder that --on-finding writes to [default: the working folder]
    #[arg(long, value_name = "DIR", help_heading = HEADING, requires = "on_finding")]
    pub(crate) write_dir: Option<PathBuf>,

    /// Ask the network for a multicast group while capturing (IGMP, MLD). May be repeated
    #[arg(long, value_name = "GROUP[@SOURCE]", help_heading = HEADING, requires = "interface", conflicts_with_all = FILES)]
    pub(crate) join: Vec<String>,

    /// Wait for an interface that is down or not there yet
    #[arg(long, help_heading = HEADING, requires = "interface", conflicts_with_all = FILES)]
    pub(crate) wait: bool,

    /// Say which rights could not be given up
    #[arg(short, long, help_heading = HEADING)]
    pub(crate) verbose: bool,

    /// Keep the rights that the command was started with
    ///
    /// Otherwise, once interfaces and files are open: no new privileges, no capability, no root (its user becomes that of
    /// SUDO_UID, or nobody), no file read, none written but the ring of files, no TCP.
    #[arg(long, help_heading = HEADING)]
    pub(crate) no_sandbox: bool,

    /// Try to read a file once rights are given up, and say how it went; for tests
    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) probe_sandbox: Option<PathBuf>,
}

/// One of the limits of `--buffer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BufferLimit {
    Nanos(u64),
    Bytes(u64),
}

impl BufferLimit {
    const LEAST: u64 = 1 << 20;

    fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 6] = [
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("kB", 1000),
            ("MB", 1_000_000),
            ("GB", 1_000_000_000),
        ];
        let Some((number, unit)) = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size))) else {
            return duration::parse(text).map(Self::Nanos).map_err(|why| {
                let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
                if is_number {
                    format!("'{text}' has no unit; write 30s or 256MiB")
                } else {
                    format!("{why}, or 256MiB")
                }
            });
        };
        let number = number.trim_end().parse::<u64>();
        let number =
            number.map_err(|_| format!("'{text}' is no size; write a whole number and a unit, such as 256MiB"))?;
        match number.checked_mul(*unit) {
            Some(bytes) if bytes < Self::LEAST => Err(format!("'{text}' holds too little; give at least 1MiB")),
            Some(bytes) if usize::try_from(bytes).is_ok_and(|bytes| isize::try_from(bytes).is_ok()) => {
                Ok(Self::Bytes(bytes))
            }
            _ => Err(format!("'{text}' is more than any memory")),
        }
    }
}

/// Which findings get a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnFinding {
    pub(crate) severity: Severity,
    pub(crate) prefix: String,
}

impl OnFinding {
    fn parse(text: &str) -> Result<Self, String> {
        let (severity, prefix) = text.split_once(',').unwrap_or((text, ""));
        let severity = Severity::ALL.into_iter().find(|known| known.name() == severity.trim());
        let severity =
            severity.ok_or("expected info, warning or error, and what codes begin with, such as warning,rtp")?;
        Ok(Self { severity, prefix: prefix.trim().to_owned() })
    }
}

impl LiveArgs {
    /// Whether interfaces are captured on.
    pub(crate) fn is_asked(&self) -> bool {
        !self.interface.is_empty()
    }

    /// The limits of `--buffer`, or `None` where it is not given.
    #[cfg(any(feature = "live", feature = "pcap"))]
    pub(crate) fn buffer_limits(&self) -> Option<(Option<u64>, Option<u64>)> {
        let least = |of: fn(&BufferLimit) -> Option<u64>| self.buffer.iter().filter_map(of).min();
        let nanos = least(|limit| if let BufferLimit::Nanos(nanos) = limit { Some(*nanos) } else { None });
        let bytes = least(|limit| if let BufferLimit::Bytes(bytes) = limit { Some(*bytes) } else { None });
        (!self.buffer.is_empty()).then_some((nanos, bytes))
    }

    /// The folder of the files that are written around findings.
    pub(crate) fn folder(&self) -> PathBuf {
        self.write_dir.clone().unwrap_or_else(|| PathBuf::from("."))
    }

    /// Whether a recording goes to standard output.
    pub(crate) fn takes_stdout(&self) -> bool {
        self.write.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum StampType {
    /// The kernel's clock
    #[default]
    Host,
    /// The adapter's own clock, which nothing keeps in step with system time
    #[value(name = "adapter_unsynced")]
    AdapterUnsynced,
}

/// When to stop, or to begin the next file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Seconds(u64),
    Packets(u64),
    Kilobytes(u64),
    Files(u64),
}

impl Condition {
    fn parse_stop(text: &str) -> Result<Self, String> {
        Self::parse(text, "duration:SECONDS, packets:N or filesize:KB").and_then(|condition| match condition {
            Self::Files(_) => Err("files:N belongs to -b".to_owned()),
            _ => Ok(condition),
        })
    }

    fn parse_ring(text: &str) -> Result<Self, String> {
        Self::parse(text, "duration:SECONDS, filesize:KB or files:N").and_then(|condition| match condition {
            Self::Packets(_) => Err("packets:N belongs to -a".to_owned()),
            _ => Ok(condition),
        })
    }

    fn parse(text: &str, forms: &str) -> Result<Self, String> {
        let wrong = || format!("expected {forms}");
        let (name, number) = text.split_once(':').ok_or_else(wrong)?;
        let number = number.parse::<u64>().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| format!("expected a number from 1 behind `{name}:`"))?;
        Ok(match name {
            "duration" => Self::Seconds(number),
            "packets" => Self::Packets(number),
            "filesize" => Self::Kilobytes(number),
            "files" => Self::Files(number),
            _ => return Err(wrong()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_belong_to_their_option() {
        assert_eq!(Condition::parse_stop("duration:60"), Ok(Condition::Seconds(60)));
        assert_eq!(Condition::parse_ring("files:3"), Ok(Condition::Files(3)));
        for text in ["duration", "duration:", "duration:0", "files:3", "speed:1"] {
            assert!(Condition::parse_stop(text).is_err(), "{text}");
        }
        assert!(Condition::parse_ring("packets:3").is_err());
    }

    #[test]
    fn buffers_are_times_and_sizes() {
        assert_eq!(BufferLimit::parse("30s"), Ok(BufferLimit::Nanos(30_000_000_000)));
        assert_eq!(BufferLimit::parse("256MiB"), Ok(BufferLimit::Bytes(256 << 20)));
        assert_eq!(BufferLimit::parse("2 GB"), Ok(BufferLimit::Bytes(2_000_000_000)));
        for text in [
            "",
            "0",
            "5",
            "0s",
            "0MiB",
            "1KiB",
            "-1MiB",
            "1.5GiB",
            "99999999999999999999GiB",
            "9999999999GiB",
            "x",
            "MiB",
        ] {
            assert!(BufferLimit::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn findings_are_chosen_by_severity_and_prefix() {
        let chosen = |severity, prefix: &str| Ok(OnFinding { severity, prefix: prefix.to_owned() });
        assert_eq!(OnFinding::parse("warning"), chosen(Severity::Warning, ""));
        assert_eq!(OnFinding::parse("error,rtp."), chosen(Severity::Error, "rtp."));
        for text in ["", "rtp", ",rtp", "warn"] {
            assert!(OnFinding::parse(text).is_err(), "{text}");
        }
    }
}
