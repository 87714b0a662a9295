//! `streamlens probe` and `streamlens hub`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use streamlens_protocol::ProbeIdentity;
use streamlens_remote::{
    Address, Hub, HubOptions, NatRule, PROBE_PATH, Probe, ProbeOptions, Shifted, SpoolFiles, Told, identity,
};
use streamlens_web::{Kind, Server, ServerOptions};

use super::exit::{Failure, Status, say};
use super::serve::{self, ServeArgs, SourceArgs, failed, on_signals};

/// The port of a hub.
const PORT: u16 = 8443;

/// The heading of options about the hub.
const HUB: &str = "Hub";

#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// The hub: wss://HOST:PORT, or ws://HOST:PORT without TLS; port 8443 unless told
    #[arg(long, value_name = "URL", help_heading = HUB)]
    hub: Address,

    /// What people call the probe, at most 64 characters [default: the name of the machine]
    #[arg(long, value_name = "NAME", help_heading = HUB)]
    name: Option<String>,

    /// Where the probe is, in words of yours
    #[arg(long, value_name = "TEXT", help_heading = HUB)]
    site: Option<String>,

    /// File with the token that the hub knows the probe by. Or in STREAMLENS_TOKEN
    #[arg(long, value_name = "FILE", help_heading = HUB)]
    token_file: Option<PathBuf>,

    /// Certificates of authorities in PEM that the hub's is trusted by [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = HUB)]
    tls_ca: Option<PathBuf>,

    /// File that keeps the probe's UUID, made at its first start [default: below ~/.local/state/streamlens, by its name]
    #[arg(long, value_name = "FILE", help_heading = HUB)]
    state_file: Option<PathBuf>,

    /// Bytes of figures by the second that are kept for the hub while it is away; the oldest go
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, help_heading = HUB)]
    spool: usize,

    /// Folder that they are kept in, rather than in memory; of this probe alone
    #[arg(long, value_name = "DIR", help_heading = HUB)]
    spool_dir: Option<PathBuf>,

    /// Nanoseconds that stamps and clock are ahead of the truth, for tests
    #[arg(long, value_name = "NS", hide = true, default_value_t = 0, allow_hyphen_values = true)]
    stamp_offset: i64,
}

#[derive(Debug, Args)]
pub(crate) struct HubArgs {
    #[command(flatten)]
    serve: ServeArgs,

    /// Folder with the hashes of the tokens of probes; `streamlens token --token-dir DIR --name NAME` makes one
    ///
    /// Deleting a file revokes its token, and ends the connection that it has. Without the folder every probe is let in, which
    /// is for loopback alone.
    #[arg(long, value_name = "DIR", help_heading = "Access")]
    token_dir: Option<PathBuf>,

    /// Probes at once
    #[arg(long, value_name = "N", default_value_t = HubOptions::default().probes, help_heading = "Limits")]
    max_probes: usize,

    /// Bytes of figures by the second that are kept of a probe
    #[arg(long, value_name = "BYTES", default_value_t = HubOptions::default().history_bytes, help_heading = "Limits")]
    max_history: usize,

    /// Show times of a probe less the measured offset of its clock; the page and the list of probes say so
    #[arg(long, help_heading = "Probes")]
    correct_clocks: bool,

    /// An address that probes see as another: [PROBE/]SEEN[:PORT]=SHOWN[:PORT], again for each
    ///
    /// Flows are the same ones where their addresses are, behind these rules; the first that is about an address counts.
    #[arg(long, value_name = "RULE", help_heading = "Probes")]
    nat: Vec<NatRule>,

    /// Bytes that a probe may send in a second
    #[arg(long, value_name = "BYTES", default_value_t = HubOptions::default().bytes_per_second, help_heading = "Limits",
        value_parser = clap::value_parser!(u64).range(1024..=1 << 30))]
    max_probe_rate: u64,
}

/// Files that names are looked up with.
#[cfg(all(feature = "live", target_os = "linux"))]
const RESOLVER: [&str; 5] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"];

/// Gives up all rights but those to look up the hub and to connect to its port.
#[cfg(all(feature = "live", target_os = "linux"))]
fn confine(args: &ProbeArgs) {
    let authorities = args.hub.is_tls().then(|| streamlens_remote::authorities(args.tls_ca.as_deref())).flatten();
    let confinement = streamlens::live::Confinement {
        read_in: RESOLVER.iter().map(PathBuf::from).chain(authorities).collect(),
        connect_to: vec![args.hub.port()],
        ..Default::default()
    };
    args.source.confine(&confinement);
}

#[cfg(not(all(feature = "live", target_os = "linux")))]
fn confine(_: &ProbeArgs) {}

/// Measures until Ctrl-C.
pub(crate) fn probe(args: &ProbeArgs) -> Result<Status, Failure> {
    let name = args.name.clone().unwrap_or_else(machine);
    for (option, text) in [("--name", Some(&name)), ("--site", args.site.as_ref())] {
        if let Some(text) = text.filter(|text| !streamlens_remote::is_name(text)) {
            let what = "takes 1 to 64 characters that are shown, without blanks around them";
            return Err(Failure::usage(format!("{option} {what}: '{}' is not that", text.escape_debug())));
        }
    }
    let token = serve::token(args.token_file.as_deref())?;
    if token.is_some() && !args.hub.is_tls() && !args.hub.is_loopback() {
        say("ws:// is without TLS: others on the way can read what is sent, the token too");
    }
    let state_file = args.state_file.clone().unwrap_or_else(|| state_file(&name));
    let id = identity(&state_file).map_err(|error| Failure::usage(error.to_string()))?;
    // before rights are given up
    let spool_files = args.spool_dir.as_deref().map(SpoolFiles::open).transpose().map_err(failed)?.map(Arc::new);
    let Some(mut opened) = serve::open(&args.source, || confine(args))? else {
        return Err(Failure::usage("there is nothing to measure; name captures, or an interface by -i".to_owned()));
    };
    // nobody can ask a probe for packets
    opened.packets.clear();
    if args.stamp_offset != 0 {
        opened.source = Box::new(Shifted::new(opened.source, args.stamp_offset));
    }
    let stamps = match opened.kind {
        Kind::Interface => "the clock of this machine",
        Kind::Capture | Kind::Replay(_) => "a capture",
    };
    let start = streamlens_remote::now().to_string();
    let identity =
        ProbeIdentity { id, name: name.clone(), site: args.site.clone(), start, stamps: Some(stamps.to_owned()) };
    let options = ServerOptions { probe: Some(identity), uploads: false, ..ServerOptions::default() };
    let server = Server::new(options).map_err(failed)?;
    let reader = opened.analyse(&server)?;
    let options = ProbeOptions {
        hub: args.hub.clone(),
        token,
        authorities: args.tls_ca.clone(),
        spool_bytes: args.spool,
        spool_files,
        clock_offset_ns: args.stamp_offset,
    };
    let probe = Probe::new(server, reader, options).map_err(failed)?;
    let stopper = probe.stopper();
    on_signals(move || stopper.stop(), None::<fn()>);
    let hub = args.hub.to_string();
    say(&format!("{name} measures for {hub}; Ctrl-C ends"));
    let last = std::cell::RefCell::new(None);
    let result = probe.run(|told| {
        // the same reason again and again is said once
        if last.replace(Some(told.clone())).as_ref().is_none_or(|before| !before.is_like(told)) {
            match told {
                Told::Connected => say(&format!("{hub} takes what {name} sees")),
                Told::Away(why, wait) => say(&format!("{why}; next try in {:.1} s", wait.as_secs_f64())),
            }
        }
    });
    result.map(|()| Status::Fine).map_err(failed)
}

/// Shows what probes see until Ctrl-C.
pub(crate) fn hub(args: &HubArgs) -> Result<Status, Failure> {
    let mut options = serve::options(&args.serve, PORT)?;
    let is_open = options.listen.iter().any(|address| !address.ip().is_loopback());
    if is_open && args.token_dir.is_none() {
        let what =
            "other machines can reach this hub: give --token-dir DIR, so that only probes that you know are let in";
        return Err(Failure::usage(what.to_owned()));
    }
    if let Some(folder) = args.token_dir.as_ref().filter(|folder| !folder.is_dir()) {
        let what = "is no folder; `streamlens token --token-dir DIR --name NAME` makes it, with the token of a probe";
        return Err(Failure::usage(format!("{} {what}", folder.display())));
    }
    let hub = Hub::new(HubOptions {
        tokens: args.token_dir.clone(),
        probes: args.max_probes,
        history_bytes: args.max_history,
        bytes_per_second: args.max_probe_rate,
        is_clock_corrected: args.correct_clocks,
        nat: args.nat.clone(),
        ..HubOptions::default()
    });
    // a probe is a connection as well
    options.limits.connections = options.limits.connections.saturating_add(args.max_probes);
    options.routes = Some(hub.routes());
    options.open_path = Some(PROBE_PATH);
    serve::run(&args.serve, options, args.token_dir.as_deref(), |server| {
        hub.start(server.feeder()).map(drop).map_err(failed)
    })
}

/// The name of this machine.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    told.or_else(|| std::env::var("HOSTNAME").ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "probe".to_owned())
}

/// Where the UUID of a probe of that name is kept.
fn state_file(name: &str) -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home);
    let plain = |letter: char| if letter.is_alphanumeric() || matches!(letter, '-' | '_') { letter } else { '_' };
    let name: String = name.chars().take(64).map(plain).collect();
    state.unwrap_or_default().join("streamlens").join("probes").join(name)
}
