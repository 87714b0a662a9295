//! Texts from the wire that would steer the terminal: they are shown as escapes, and none of their sequences gets out.

use streamlens::model::text::is_hostile;
use streamlens_testing::{Made, demo, ethernet, pcapng};

use super::session::Terminal;

/// What the capture has in names: colours that the interface never sets, the title of the window, a reset, a request for an answer,
/// the control sequence introducer of one character, an override of the direction.
const SEQUENCES: [&str; 6] = ["\x1b[45;35;5m", "\x1b]0;owned\x07", "\x1bc", "\x1bP1$q\x1b\\", "\u{9b}", "\u{202e}"];
/// A name of a session, as long as the one that it takes the place of.
const SESSION: &str = "\x1b[45;35;5m\x1bc\u{9b}\u{202e}mic!";
const STATION: &str = "pump\x1b]0;owned\x07\x1b[45;35;5m\x1bP1$q\x1b\\\u{202e}";

/// The demo capture with a session and a PROFINET station that are called so.
fn capture() -> Vec<u8> {
    let mut frames = demo::frames();
    let name = b"Commentary microphone";
    assert_eq!(SESSION.len(), name.len());
    for frame in &mut frames {
        if let Some(place) = frame.data.windows(name.len()).position(|bytes| bytes == name) {
            frame.data[place..place + name.len()].copy_from_slice(SESSION.as_bytes());
        }
    }
    let time = frames[0].time + 1_000_000;
    frames.push(Made { time, data: station() });
    frames.sort_by_key(|frame| frame.time);
    pcapng("a test", "demo0", &frames)
}

/// An answer of the Discovery and Configuration Protocol (IEC 61158-6-10): NameOfStation.
fn station() -> Vec<u8> {
    let name = STATION.as_bytes();
    let mut block = vec![2, 2];
    block.extend((name.len() as u16 + 2).to_be_bytes());
    block.extend([0, 0]);
    block.extend(name);
    if name.len() % 2 == 1 {
        block.push(0);
    }
    let mut pdu = vec![0xFE, 0xFF, 5, 1, 0, 0, 0, 1, 0, 0];
    pdu.extend((block.len() as u16).to_be_bytes());
    pdu.extend(block);
    ethernet([2, 0, 0, 0x40, 0, 9], [2, 0, 0, 0x40, 0, 1], 0x8892, &pdu)
}

/// Sequences and characters of an output that the interface has no use for.
fn foreign(output: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = output;
    // the lines of the shell end so
    while let Some(at) = rest.find(|letter| is_hostile(letter) && !matches!(letter, '\r' | '\n')) {
        rest = &rest[at..];
        let length = own(rest);
        if length == 0 {
            found.push(rest.chars().take(12).collect::<String>().escape_debug().to_string());
        }
        rest = &rest[length.max(rest.chars().next().map_or(1, char::len_utf8))..];
    }
    found
}

/// The length of a sequence of the interface at the beginning: where the cursor goes, looks, erasing, modes, and the questions for
/// the background; 0 where there is none.
fn own(text: &str) -> usize {
    if let Some(rest) = text.strip_prefix("\x1b]11;?") {
        return if rest.starts_with('\x07') {
            8
        } else if rest.starts_with("\x1b\\") {
            9
        } else {
            0
        };
    }
    let Some(rest) = text.strip_prefix("\x1b[") else { return 0 };
    let parameters = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b';' | b'?' | b'>')).count();
    let (own, last) = (&rest[..parameters], rest[parameters..].chars().next());
    let fits = match last {
        Some('H' | 'm' | 'J') => own.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'),
        Some('h' | 'l') => own.starts_with('?'),
        Some('c') => own.is_empty(),
        _ => false,
    };
    if fits { 2 + parameters + 1 } else { 0 }
}

#[test]
fn texts_from_the_wire_never_reach_the_terminal_raw() {
    assert_eq!(foreign("a\x1b[1;2H\x1b[0mb\x1b[?1049h\x1b]11;?\x07\r\n"), Vec::<String>::new());
    assert_eq!(
        SEQUENCES.iter().filter(|sequence| !foreign(sequence).is_empty()).count(),
        5,
        "colours are told by their numbers"
    );

    let command = format!("{} tui demo.pcapng", env!("CARGO_BIN_EXE_streamlens"));
    let Some(terminal) = Terminal::of("hostile", &command, "", &capture()) else { return };
    terminal.tmux(&["resize-window", "-x", "140", "-y", "40"]);
    terminal.wait("all flows", |screen| screen.contains("flow 1 of 2") && screen.contains("whole"));
    let mut seen = String::new();
    let mut look = |screen: String| {
        assert!(!screen.chars().any(|letter| is_hostile(letter) && letter != '\n'), "{screen:?}");
        seen.push_str(&screen);
    };
    terminal.keys(&["/"]);
    terminal.keys(&["-l", "profinet or sap or aes67"]);
    terminal
        .press("Enter", "the filter", |screen| !screen.contains("▏") && screen.contains("profinet or sap or aes67"));
    look(terminal.press("*", "all that lies below", |screen| screen.contains("RT Class 1")));
    terminal.keys(&["g"]);
    let mut titles: Vec<String> = Vec::new();
    for _ in 0..60 {
        let detail = terminal.press("Enter", "a detail", |screen| screen.contains("[Timing]"));
        for tab in ["[Streams", "[Facts", "[Findings", "[Why"] {
            look(terminal.press("Tab", tab, |screen| screen.contains(tab)));
        }
        terminal.press("Escape", "the tree", |screen| screen.contains("Src:Port"));
        let title = detail.lines().next().unwrap_or_default().to_owned();
        if titles.last() == Some(&title) {
            break;
        }
        titles.push(title);
        terminal.keys(&["Down"]);
    }
    for (key, what) in [("f", "Severity"), ("i", "Interfaces")] {
        look(terminal.press(key, what, |screen| screen.contains(what)));
        terminal.press("Escape", "the tree", |screen| screen.contains("Src:Port"));
    }
    // of station names the decoder replaces control characters itself
    for shown in ["\\u{1b}[45;35;5m\\u{1b}c\\u{9b}\\u{202e}mic!", "pump\u{fffd}]0;owned\u{fffd}", "\\u{202e}"] {
        assert!(seen.contains(shown), "{shown} is never shown in {titles:#?}");
    }
    terminal.keys(&["q"]);
    terminal.ends_with("0");
    let raw = terminal.raw();
    let raw = String::from_utf8(raw).expect("the output is text");
    assert!(raw.len() > 10_000, "all of it is kept");
    for sequence in SEQUENCES {
        assert!(!raw.contains(sequence), "{sequence:?} got out");
    }
    assert_eq!(foreign(&raw), Vec::<String>::new());
}
