//! The terminal interface over an interface, in a terminal of tmux, while frames come.

use std::path::Path;

use streamlens_testing::demo;

use crate::lab::{BINARY, has, ip, not_here, with_lab};
use crate::session::{Terminal, by_tshark, bytes_of, is_narrow};

const NAME: &str = "watched::an_interface_is_watched_frozen_narrowed_and_written";

/// How often the demo capture is sent.
const TIMES: u64 = 6;

#[test]
fn an_interface_is_watched_frozen_narrowed_and_written() {
    if !has("tcpreplay") {
        return not_here(NAME, "there is no tcpreplay");
    }
    with_lab(NAME, |lab| {
        let command = format!("ip netns exec {} {BINARY} tui -i slvb --theme dark", lab.b);
        let Some(terminal) = Terminal::of("watched", &command, "", &demo::capture()) else { return };
        let demo = terminal.scratch.path().join("demo.pcapng");
        terminal.wait("that it captures", |screen| screen.contains("● live"));
        let (times, sent) = (format!("--loop={TIMES}"), demo.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| lab.replay(&["--pps=400", &times], &sent));
            terminal.wait("flows", |screen| screen.contains("of 23"));
            for _ in 0..2 {
                terminal.tmux(&["resize-window", "-x", "200", "-y", "60"]);
                terminal.wait("the wide screen", |screen| screen.contains("ΔT p99") && screen.contains(" ring"));
                terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
                terminal.wait("the narrow screen", is_narrow);
            }
            // what is shown stands, and the rest goes on
            let first = |screen: &str| screen.lines().nth(3).map(str::to_owned);
            let frozen = terminal.press("p", "that it is frozen", |screen| screen.contains("frozen"));
            let later = terminal.wait("that time passes", |screen| screen.contains("frozen 2 s ago"));
            assert_eq!(first(&later), first(&frozen));
            terminal
                .press("p", "that it goes on", |screen| screen.contains("● live") && first(screen) != first(&frozen));

            terminal.keys(&["/"]);
            terminal.keys(&["-l", "iena and jiter > 1us"]);
            terminal.wait("the mistake", |screen| screen.contains("did you mean jitter?") && screen.contains("^^^^^"));
            terminal.press("Tab", "the correction", |screen| screen.contains("iena and jitter▏ > 1us"));
            terminal.keys(&["C-e", "C-u"]);
            terminal.keys(&["-l", "ien"]);
            terminal.wait("the suggestion", |screen| screen.contains("│ IENA"));
            terminal.press("Tab", "the name", |screen| screen.contains("IENA▏"));
            terminal.press("Enter", "one flow", |screen| screen.contains("flow 1 of 1"));
        });
        // 277 frames of it each time
        let all = streamlens::model::words::grouped(277 * TIMES);
        terminal.wait("all frames", |screen| screen.lines().nth(3).is_some_and(|line| line.contains(&all)));
        terminal.press("i", "the capture", |screen| screen.contains("dropped by the ring"));
        terminal.tmux(&["resize-window", "-x", "140", "-y", "40"]);
        let capture = terminal.wait("all of it", |screen| screen.contains("Frames in no flow"));
        for part in [
            "memory",
            "packets kept",
            "sandbox",
            "waited in the last second",
            "whose clock is system time",
            "slvb",
            " up",
        ] {
            assert!(capture.contains(part), "{part}: {capture}");
        }
        terminal.press("Escape", "the flows", |screen| screen.contains("Src:Port"));
        terminal.press("w", "the name of the file", |screen| screen.contains(".pcapng▏"));
        terminal.keys(&["C-u"]);
        terminal.keys(&["-l", "iena.pcapng"]);
        let said = format!("wrote {all} frames to iena.pcapng; the buffer goes back");
        terminal.press("Enter", "what was written", |screen| screen.contains(&said));
        let written = terminal.scratch.path().join("iena.pcapng");
        let of = |path: &Path, filter: &str| by_tshark(NAME, path, filter);
        if let (Some(written), Some(sent)) =
            (of(&written, ""), of(&demo, "ip.src == 192.168.20.11 && udp.dstport == 5600"))
        {
            assert_eq!((written.len(), bytes_of(&written)), (sent.len() * TIMES as usize, bytes_of(&sent) * TIMES));
        }
        ip(&["-n", &lab.b, "link", "set", "slvb", "down"]).unwrap();
        terminal.wait("since when it is down", |screen| {
            screen.lines().next().is_some_and(|line| line.contains("slvb down since"))
        });
        ip(&["-n", &lab.b, "link", "set", "slvb", "up"]).unwrap();
        terminal.wait("that it is up again", |screen| screen.contains("● live"));
        terminal.keys(&["q"]);
        terminal.ends_with("0");
    });
}
