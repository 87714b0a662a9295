//! Every capture opens, every row opens, every tab of every detail draws, in time; nothing on the screen steers a terminal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
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

/// The time that this thread has worked: how busy the machine is has no part in it.
fn worked() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("each thread has a clock").into()
}

/// Opening a tab of a detail, and drawing it, takes at most so long.
const MOST_OF_A_TAB: Duration = Duration::from_secs(1);

/// So many rows of a capture are opened; of those that have more, the rest are more of the same.
const MOST_ROWS: usize = 400;

/// Draws all there is of a capture; returns the rows, and the longest time that a tab took.
fn draw_all(feed: EngineFeed, name: &str) -> (usize, Duration) {
    let mut user = User::of(feed, Options { catalogue: catalogue(), ..Options::default() });
    user.press("*");
    let (mut rows, mut longest) = (0, Duration::ZERO);
    loop {
        for tab in 0..5 {
            let begun = worked();
            user.press(if tab == 0 { "Enter" } else { "Tab" });
            let screen = user.screen(80, 24);
            let taken = worked().saturating_sub(begun);
            assert!(taken < MOST_OF_A_TAB, "{name}: row {rows}, tab {tab} took {taken:?}");
            longest = longest.max(taken);
            assert!(screen.lines().all(|line| !line.chars().any(is_hostile)), "{name}: {screen}");
        }
        user.press("Esc");
        rows += 1;
        let before = user.app.selected();
        user.press("Down");
        if user.app.selected() == before || rows >= MOST_ROWS {
            break;
        }
    }
    (rows, longest)
}

#[test]
fn every_capture_can_be_looked_at() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let (mut rows, mut opened, mut longest) = (0, 0, Duration::ZERO);
    for path in captures(&corpus) {
        let Some(feed) = EngineFeed::open(&path) else { continue };
        let (drawn, taken) = draw_all(feed, &path.display().to_string());
        (rows, longest) = (rows + drawn, longest.max(taken));
        opened += 1;
    }
    eprintln!("{opened} captures, {rows} rows: a tab took at most {longest:.2?}");
    assert!(opened > 100 && rows > 1000, "{opened} captures, {rows} rows");
}
