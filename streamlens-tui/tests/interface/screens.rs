//! Screens as reviewed text in `screens/`. `UPDATE_SCREENS=1` writes them anew: look at what changed.

use std::path::Path;

use streamlens_tui::{Kind, Options, Theme};

use crate::User;
use crate::feed::EngineFeed;

fn check(name: &str, found: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interface/screens").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SCREENS").is_some() {
        std::fs::write(&path, found).expect("it can be written");
        return Ok(());
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if known == found { Ok(()) } else { Err(format!("{name}: expected\n{known}\nfound\n{found}")) }
}

/// The screens by the keys that lead to them.
const SCREENS: [(&str, &str); 13] = [
    ("flows", ""),
    ("tree", "Down Down Down Space"),
    ("detail", "] Enter"),
    ("detail-streams", "] Enter Tab"),
    ("detail-facts", "] Enter Tab Tab"),
    ("detail-findings", "] Enter Tab Tab Tab"),
    ("detail-why", "] Enter Tab Tab Tab Tab"),
    ("findings", "f"),
    ("help", "?"),
    ("capture", "i"),
    ("filter", "/ \"ptp_and_jit\""),
    ("mistake", "/ \"ptp_and_jiter_>_5ms\""),
    ("columns", "C"),
];

#[test]
fn screens_are_as_reviewed() {
    let mut wrong = Vec::new();
    for (name, keys) in SCREENS {
        for (width, height) in [(80, 24), (140, 40)] {
            let mut user = User::new();
            user.press(keys);
            let found = user.screen(width, height);
            wrong.extend(check(&format!("{name}-{width}x{height}"), &found).err());
        }
    }
    for (width, height) in [(40, 10), (200, 60)] {
        for (name, keys) in [("tree", "Down Down Down Space"), ("detail", "] Enter")] {
            let found = User::new().press(keys).screen(width, height);
            wrong.extend(check(&format!("{name}-{width}x{height}"), &found).err());
        }
    }
    let mut ascii = User::with(Options { is_ascii: true, ..Options::default() });
    for (name, keys) in [("ascii-tree", "Down Down Down Space"), ("ascii-detail", "Enter")] {
        let found = ascii.press(keys).screen(80, 24);
        assert!(found.is_ascii(), "{found}");
        wrong.extend(check(name, &found).err());
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

#[test]
fn without_colours_there_are_none_and_marks_say_it() {
    let mut user = User::with(Options { theme: Theme::None, ..Options::default() });
    let buffer = user.buffer(80, 24);
    assert!(buffer.content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset && cell.bg == cell.fg));
    assert!(crate::text(&buffer).lines().nth(3).is_some_and(|line| line.ends_with('!')));
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
