//! The packets of a row are written, and held against those that were made.

use streamlens_testing::{Made, demo, mixed, pcapng};

use super::session::{Terminal, by_tshark};

/// Lengths and times as tshark tells them.
fn told(frames: &[Made]) -> Vec<String> {
    let told = |frame: &Made| {
        format!("{}\t{}.{:09}", frame.data.len(), frame.time / 1_000_000_000, frame.time % 1_000_000_000)
    };
    frames.iter().map(told).collect()
}

#[test]
fn the_packets_of_an_encoding_that_shares_its_flow_are_written() {
    // a message of PTP says how many bytes it has, a packet of IENA how many words
    let is_ptp =
        |frame: &&Made| usize::from(u16::from_be_bytes([frame.data[44], frame.data[45]])) == frame.data.len() - 42;
    let of_flow = mixed();
    let mut all = demo::frames();
    all.extend(of_flow.iter().cloned());
    all.sort_by_key(|frame| frame.time);
    let command = format!("{} tui demo.pcapng", env!("CARGO_BIN_EXE_streamlens"));
    let Some(terminal) = Terminal::of("row", &command, "", &pcapng("a test", "demo0", &all)) else { return };
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 24") && screen.contains("whole"));
    for (encoding, is_meant) in [("PTP", true), ("IENA", false)] {
        let expected: Vec<Made> = of_flow.iter().filter(|frame| is_ptp(frame) == is_meant).cloned().collect();
        terminal.press("/", "the filter", |screen| screen.contains("Filter  "));
        terminal.keys(&["C-e", "C-u"]);
        terminal.keys(&["-l", &format!("src == 192.168.1.10:1024 and encoding == {encoding}")]);
        terminal.wait("that it is read", |screen| screen.contains(&format!("{encoding}▏")));
        terminal.press("Enter", "one flow", |screen| screen.contains("flow 1 of 1 "));
        terminal.press("*", "its encoding", |screen| screen.contains(&format!("└▾ {encoding} ")));
        terminal.keys(&["g", "Down"]);
        terminal.press("Enter", "the detail", |screen| screen.contains("[Timing]") && screen.contains(encoding));
        terminal
            .press("w", "what is written", |screen| screen.contains(&format!("Write {encoding} of 192.168.1.10:1024")));
        terminal.keys(&["C-u"]);
        terminal.keys(&["-l", &format!("{encoding}.pcapng")]);
        let said = format!("wrote {} frames to {encoding}.pcapng", expected.len());
        terminal.press("Enter", "what was written", |screen| screen.contains(&said));
        let written = terminal.scratch.path().join(format!("{encoding}.pcapng"));
        if let Some(written) = by_tshark("row", &written, "") {
            assert_eq!(written, told(&expected));
        }
        terminal.press("Escape", "the flows", |screen| screen.contains("Src:Port"));
        terminal.press("x", "no filter", |screen| screen.contains("Filter  none"));
    }
    terminal.keys(&["q"]);
    terminal.ends_with("0");
}
