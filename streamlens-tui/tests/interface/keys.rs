//! Every key does what the help says.

use std::collections::BTreeSet;

use streamlens_tui::{Command, Effect, Options, Request};

use crate::User;

/// Commands with the keys that lead to where they mean something, and what is on the screen then and was not before. Where
/// nothing new is there, what no longer is, behind a `-`.
const ON_SCREEN: &[(Command, &str, &str)] = &[
    (Command::Up, "Down Down", "flow 2 of 23"),
    (Command::Down, "", "flow 2 of 23"),
    (Command::PageUp, "End", "flow 5 of 23"),
    (Command::PageDown, "", "flow 19 of 23"),
    (Command::First, "End", "flow 1 of 23"),
    (Command::Last, "", "flow 23 of 23"),
    (Command::NextFinding, "End", "flow 1 of 23"),
    (Command::PreviousFinding, "", "flow 22 of 23"),
    (Command::Open, "", "Chapter10 99.9 %"),
    (Command::Close, "Right", "-Chapter10 99.9 %"),
    (Command::Types, "", "PCM Data"),
    (Command::OpenAll, "", "PCM Data"),
    (Command::CloseAll, "*", "-PCM Data"),
    (Command::Idle, "", "without idle flows"),
    (Command::Detail, "", "[Timing]"),
    (Command::Findings, "", "Severity ≥ info"),
    (Command::Capture, "", "Interfaces"),
    (Command::Help, "", "Moving"),
    (Command::Back, "?", "-Moving"),
    (Command::NextTab, "Enter", "[Streams 5]"),
    (Command::PreviousTab, "Enter", "[Why]"),
    (Command::Log, "Enter", "logarithmic"),
    (Command::Zoom, "Enter", "without the ends"),
    (Command::Filter, "", "▏"),
    (Command::Like, "", "src == 192.168.20.12:6679 and dst == 192.168.20.50:6679"),
    (Command::Clear, "1", "-findings ≥ info"),
    (Command::Info, "", "findings ≥ info"),
    (Command::Warnings, "", "findings ≥ warning"),
    (Command::Errors, "", "findings ≥ error"),
    (Command::Sort, "> > >", "packets ↓"),
    (Command::Turn, "", "first seen ↓"),
    (Command::TimeFormat, "f", "2026-03-02"),
    (Command::Units, "", "exact figures"),
    (Command::Columns, "", "Space ticks"),
    (Command::Freeze, "", "frozen"),
    (Command::Write, "", "Write 192.168.20.12:6679"),
    (Command::DecodeAs, "", "Decode as of this UDP"),
    (Command::CopyValue, "", "copied"),
    (Command::CopyRow, "", "copied"),
    (Command::Mark, "", "the flow is kept"),
];

#[test]
fn every_command_has_keys_that_are_tested() {
    let mut tested: BTreeSet<Command> = ON_SCREEN.iter().map(|(command, ..)| *command).collect();
    // those of the tests below
    tested.extend([Command::Quit, Command::Suspend, Command::NextMatch, Command::PreviousMatch]);
    tested.extend([Command::ColumnLeft, Command::ColumnRight, Command::Wider, Command::Narrower]);
    let missing: Vec<&str> =
        Command::ALL.iter().filter(|command| !tested.contains(command)).map(|command| command.name()).collect();
    assert!(missing.is_empty(), "no test for {missing:?}");
}

#[test]
fn keys_do_what_the_help_says() {
    for (command, before, expected) in ON_SCREEN {
        for key in command.default_keys() {
            let mut user = User::new();
            let old = user.press(before).screen(80, 24);
            let new = user.press(key).screen(80, 24);
            let (found, lacking) = match expected.strip_prefix('-') {
                Some(expected) => (old.contains(expected), new.contains(expected)),
                None => (new.contains(expected), old.contains(expected)),
            };
            assert!(found && !lacking, "{} by {key}: {expected}\n{old}\n{new}", command.name());
        }
    }
}

#[test]
fn quitting_and_suspending_are_handed_back() {
    for (key, effect) in [("q", Effect::Quit), ("Ctrl-c", Effect::Quit), ("Ctrl-z", Effect::Suspend)] {
        assert_eq!(User::new().press(key).effects, [effect], "{key}");
    }
}

#[test]
fn columns_are_chosen_and_copied() {
    let mut user = User::new();
    user.press("> > > c");
    assert_eq!(user.effects, [Effect::Copy("85".to_owned())]);
    user.press("< c");
    assert_eq!(user.effects.last(), Some(&Effect::Copy("unicast".to_owned())));
}

#[test]
fn matches_are_gone_through() {
    let mut user = User::new();
    user.press("/ \"type_==_Announce\" Enter n");
    let first = user.screen(80, 24);
    assert!(first.contains("Announce"), "{first}");
    let place = |screen: &str| screen.lines().rev().nth(1).map(str::to_owned);
    let second = user.press("n").screen(80, 24);
    assert_eq!(place(&user.press("N").screen(80, 24)), place(&first), "{second}");
}

#[test]
fn the_span_of_a_live_detail_grows_and_shrinks() {
    let mut feed = crate::feed::EngineFeed::demo();
    feed.kind = streamlens_tui::Kind::Live;
    // beside the tree the history begins with a look
    let mut user = User::of(feed, Options::default());
    user.press("Enter");
    let span = |screen: String| {
        let at = screen.find("last ")?;
        screen[at..].split_whitespace().nth(1).map(str::to_owned)
    };
    // charts begin with the second sample
    let delta = streamlens_model::row::Delta {
        since: Some(streamlens_model::row::Epoch(1)),
        epoch: streamlens_model::row::Epoch(2),
        now: user
            .feed
            .engine
            .last_seen()
            .map(|time| streamlens_model::Timestamp::from_nanos(time.as_nanos() + 2_000_000_000)),
        ..Default::default()
    };
    user.feed.deltas.push(std::sync::Arc::new(delta));
    user.update();
    assert_eq!(span(user.screen(80, 24)), Some("60".to_owned()), "{}", user.screen(80, 24));
    assert_eq!(span(user.press("+").screen(80, 24)), Some("120".to_owned()));
    assert_eq!(span(user.press("- -").screen(80, 24)), Some("30".to_owned()));
}

#[test]
fn what_is_asked_for_is_handed_back() {
    let mut user = User::new();
    user.press("w Enter");
    let Some(Request::Write(packets, path)) = user.feed.asked.last() else { panic!("{:?}", user.feed.asked) };
    assert_eq!((packets.flows.len(), path.to_str()), (1, Some("streamlens.pcapng")));
    user.press("/ \"ptp\" Enter w Enter");
    let Some(Request::Write(packets, _)) = user.feed.asked.last() else { panic!("{:?}", user.feed.asked) };
    assert_eq!(packets.flows.len(), 5);
    user.press("f w Enter");
    let Some(Request::Write(packets, _)) = user.feed.asked.last() else { panic!("{:?}", user.feed.asked) };
    assert!(packets.span.is_some());
    user.press("Esc d \"iena\" Enter");
    let Some(Request::DecodeAs(_, transport, encoding)) = user.feed.asked.last() else { panic!() };
    assert_eq!((transport.as_str(), encoding.as_str()), ("UDP", "IENA"));
}

#[test]
fn a_wrong_filter_leaves_the_last_good_one_in_force() {
    let mut user = User::new();
    let good = user.press("/ \"ptp\"").screen(80, 24);
    assert!(good.contains("flow 1 of 5"), "{good}");
    let wrong = user.press("\"_and_(\"").screen(80, 24);
    assert!(wrong.contains("flow 1 of 5"), "{wrong}");
    let fixed = user.press("Esc / \"jiter_>_1ms\" Tab Enter").screen(80, 24);
    assert!(fixed.contains("Filter  jitter > 1ms"), "{fixed}");
    assert!(user.press("/ Ctrl-u Enter").screen(80, 24).contains("of 23"));
}

#[test]
fn a_frozen_screen_stands_and_details_say_of_which_moment_they_are() {
    let mut user = User::new();
    user.press("p");
    let before = user.screen(80, 24);
    assert!(before.contains("frozen 1 s ago"), "{before}");
    let detail = user.press("Enter").screen(80, 24);
    assert!(detail.contains("as of"), "{detail}");
    assert!(!user.press("Esc p").screen(80, 24).contains("frozen"));
}
