//! Every capture opens, every row opens, every tab of every detail draws, in time; nothing on the screen steers a terminal.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use streamlens_model::text::is_hostile;
use streamlens_tui::Options;

use crate::User;
use crate::feed::{EngineFeed, catalogue};

/// All files of the corpus.
pub(crate) fn captures(corpus: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![corpus.join("captures")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[expect(clippy::disallowed_methods, reason = "nothing may take longer than a second, by far")]
fn clock() -> Instant {
    Instant::now()
}

/// So many rows of a capture are opened; of those that have more, the rest are more of the same.
const MOST_ROWS: usize = 400;

/// Draws all there is of a capture; returns the rows.
fn draw_all(feed: EngineFeed, name: &str) -> usize {
    let mut user = User::of(feed, Options { catalogue: catalogue(), ..Options::default() });
    user.press("*");
    let mut rows = 0;
    loop {
        let begun = clock();
        for tab in 0..5 {
            user.press(if tab == 0 { "Enter" } else { "Tab" });
            let screen = user.screen(80, 24);
            assert!(screen.lines().all(|line| !line.chars().any(is_hostile)), "{name}: {screen}");
        }
        let taken = begun.elapsed();
        assert!(taken < Duration::from_secs(5), "{name}: five tabs took {taken:?}");
        user.press("Esc");
        rows += 1;
        let before = user.app.selected();
        user.press("Down");
        if user.app.selected() == before || rows >= MOST_ROWS {
            break;
        }
    }
    rows
}

#[test]
fn every_capture_can_be_looked_at() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let (mut rows, mut opened) = (0, 0);
    for path in captures(&corpus) {
        let Some(feed) = EngineFeed::open(&path) else { continue };
        rows += draw_all(feed, &path.display().to_string());
        opened += 1;
    }
    assert!(opened > 100 && rows > 1000, "{opened} captures, {rows} rows");
}
