//! Screens as reviewed text in `screens/`. `UPDATE_SCREENS=1` writes them anew: look at what changed.

use std::path::Path;
use std::time::Duration;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use streamlens_tui::{Kind, Options, Theme};

use crate::User;
use crate::feed::{EngineFeed, catalogue};

/// Compares with what was reviewed.
pub(crate) fn check(name: &str, found: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interface/screens").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        std::fs::write(&path, found).expect("it can be written");
        return Ok(());
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if known == found { Ok(()) } else { Err(format!("{name}: expected\n{known}\nfound\n{found}")) }
}

/// The screens by the keys that lead to them.
const SCREENS: [(&str, &str); 22] = [
    ("flows", ""),
    ("tree", "Down Down Down Space"),
    ("detail-flow", "Enter"),
    ("detail", "Down Right Down Enter"),
    ("detail-streams", "Down Right Down Enter Tab"),
    ("detail-facts", "Down Right Down Enter Tab Tab"),
    ("detail-findings", "Down Right Down Enter Tab Tab Tab"),
    ("detail-why", "Down Right Down Enter Tab Tab Tab Tab"),
    ("detail-type", "Down Space Down Down Down Down Enter"),
    ("detail-stream", "] Enter"),
    ("detail-stream-streams", "] Enter Tab"),
    ("findings", "f"),
    ("findings-filtered", "/ \"iena\" Enter f"),
    ("help", "?"),
    ("help-language", "? Tab"),
    ("capture", "i"),
    ("filter", "/ \"ptp_and_jit\""),
    ("mistake", "/ \"ptp_and_jiter_>_5ms\""),
    ("columns", "C"),
    ("write", "w"),
    ("decode-as", "d"),
    ("frozen", "p"),
];

/// Those of a source that goes on.
const LIVE: [(&str, &str); 5] = [
    ("live-flows", ""),
    ("live-tree", "Down Down Down Space"),
    ("live-detail", "Down Right Down Enter"),
    ("live-findings", "f"),
    ("live-capture", "i"),
];

/// From the least screen to a large one.
const SIZES: [(u16, u16); 4] = [(40, 10), (80, 24), (140, 40), (200, 60)];

#[test]
fn screens_are_as_reviewed() {
    let mut wrong = Vec::new();
    for (name, keys) in SCREENS {
        for (width, height) in SIZES {
            let found = User::new().press(keys).screen(width, height);
            wrong.extend(check(&format!("{name}-{width}x{height}"), &found).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn screens_of_what_goes_on_are_as_reviewed() {
    let mut wrong = Vec::new();
    for (name, keys) in LIVE {
        for (width, height) in SIZES {
            let mut user = User::of(EngineFeed::live(), Options { catalogue: catalogue(), ..Options::default() });
            user.screen(width, height);
            user.press(keys).screen(width, height);
            let later = std::mem::take(&mut user.feed.later);
            user.feed.deltas.extend(later);
            // behind a key the order stays for a while, and details are renewed
            user.now += Duration::from_secs(5);
            user.update();
            let found = user.screen(width, height);
            wrong.extend(check(&format!("{name}-{width}x{height}"), &found).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn screens_of_ascii_are_as_reviewed() {
    let mut wrong = Vec::new();
    for (name, keys) in SCREENS {
        let found = User::with(Options { is_ascii: true, ..Options::default() }).press(keys).screen(80, 24);
        assert!(found.is_ascii(), "{found}");
        wrong.extend(check(&format!("ascii-{name}"), &found).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The screen with a line below each that has looks: `R` reversed, `B` bold, `D` faint, in place of colours.
fn with_looks(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width);
    let looks = buffer.content.chunks(width).map(|cells| {
        let look = |cell: &Cell| match cell.modifier {
            of if of.contains(Modifier::REVERSED) => 'R',
            of if of.contains(Modifier::BOLD) => 'B',
            of if of.contains(Modifier::DIM) => 'D',
            _ => ' ',
        };
        cells.iter().map(look).collect::<String>().trim_end().to_owned()
    });
    let texts = crate::text(buffer);
    let lines = texts.lines().zip(looks).flat_map(|(text, looks)| [text.to_owned(), looks]);
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn without_colours_there_are_none_and_the_texts_say_all() {
    let mut wrong = Vec::new();
    for (name, keys) in SCREENS {
        let mut user = User::with(Options { theme: Theme::None, ..Options::default() });
        let found = user.press(keys).buffer(80, 24);
        assert!(found.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset), "{name}");
        let colourful = User::with(Options { theme: Theme::Dark, ..Options::default() }).press(keys).screen(80, 24);
        assert_eq!(crate::text(&found), colourful, "{name}");
        wrong.extend(check(&format!("no-color-{name}"), &with_looks(&found)).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_replay_shows_rates_of_the_last_second_and_a_chart() {
    let mut feed = EngineFeed::demo();
    feed.kind = Kind::Replay;
    let mut user = User::of(feed, Options::default());
    let found = user.screen(140, 40);
    assert!(found.contains("Last 60 s") && found.contains("pkt/s"), "{found}");
}

/// What a name takes on the screen is measured as it is shown there.
#[test]
fn nothing_collides_in_headers_whatever_the_name() {
    for name in [
        "\u{1b}[2Ja\u{202e}b.pcapng",
        "中文中文中文中文中文中文.pcapng",
        "a-long-name-of-a-capture-that-goes-on.pcapng",
    ] {
        let mut feed = EngineFeed::demo();
        feed.status.name = name.to_owned();
        let mut user = User::of(feed, Options::default());
        for columns in 40..90 {
            let flows = user.screen(columns, 24);
            let first = flows.lines().next().unwrap();
            assert!(first.contains(" whole 00:00:03 ") && first.contains(" 1,260 frames"), "{name} {columns}: {first}");
            let capture = user.press("i").screen(columns, 24);
            let first = capture.lines().next().unwrap();
            assert!(first.contains(" Capture  ") && first.ends_with(" whole 00:00:03"), "{name} {columns}: {first}");
            user.press("Esc");
        }
    }
}

#[test]
fn the_end_of_a_filter_is_seen_while_nothing_matches_it() {
    let mut user = User::new();
    user.press("/ \"ptp_and_udp_and_multicast_and_xyzzy\"");
    let screen = user.screen(40, 10);
    let line = screen.lines().nth(1).unwrap();
    assert!(line.ends_with("nothing matches") && line.contains("and xyzzy▏"), "{line}");
    let screen = user.press("Home").screen(40, 10);
    let line = screen.lines().nth(1).unwrap();
    assert!(line.ends_with("nothing matches") && line.contains("▏ptp"), "{line}");
}

#[test]
fn what_could_not_be_read_is_in_the_header() {
    let mut feed = EngineFeed::demo();
    feed.status.lacking = Some("cut off");
    let screen = User::of(feed, Options::default()).screen(80, 24);
    assert!(screen.lines().next().unwrap().contains(" cut off 00:00:03 "), "{screen}");
}

#[test]
fn a_screen_that_is_too_small_says_how_large_it_needs_to_be() {
    let mut user = User::new();
    assert_eq!(user.screen(39, 10).lines().next(), Some("needs 40 x 10"));
    for (width, height) in [(1, 1), (0, 0), (40, 9), (3, 300)] {
        user.screen(width, height);
    }
}

#[test]
fn nothing_changed_is_nothing_to_draw() {
    let mut user = User::new();
    assert!(user.app.take_changed());
    for _ in 0..50 {
        user.update();
    }
    assert!(!user.app.take_changed());
}
