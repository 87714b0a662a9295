//! What is written to the terminal: little where all changes, nothing where nothing does.

use streamlens_tui::{Options, Screen, Theme, draw};

use crate::User;
use crate::feed::{EngineFeed, catalogue};
use crate::terminal::Counted;

/// Draws; the bytes that were written.
fn drawn(screen: &mut Screen<Counted>, user: &mut User) -> usize {
    screen.draw(|buffer| draw(&mut user.app, buffer, user.now)).expect("all is taken");
    screen.backend().take()
}

#[test]
fn little_is_written_where_every_row_changes_and_nothing_where_none_does() {
    for theme in [Theme::Dark, Theme::None] {
        let mut feed = EngineFeed::many(500);
        let mut screen = Counted::screen(140, 40);
        feed.round(0);
        let mut user = User::of(feed, Options { theme, catalogue: catalogue(), ..Options::default() });
        drawn(&mut screen, &mut user);
        let mut written = Vec::new();
        for round in 1..30 {
            user.feed.round(round);
            user.update();
            let before = screen.shown().clone();
            let bytes = drawn(&mut screen, &mut user);
            let changed = (3..36).filter(|line| (0..140).any(|x| before[(x, *line)] != screen.shown()[(x, *line)]));
            assert!(changed.count() >= 30, "round {round}: all rows that are shown have another count");
            written.push(bytes);
        }
        // ten drawings are those of a second
        let most = written.windows(10).map(|second| second.iter().sum::<usize>()).max().unwrap_or_default();
        assert!(most <= 40_000, "{theme:?}: {most} bytes, {written:?}");
        eprintln!("{theme:?}: at most {most} bytes a second where all rows change");
        assert_eq!(drawn(&mut screen, &mut user), 0);
    }
}
