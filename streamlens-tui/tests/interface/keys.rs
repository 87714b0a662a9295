//! Every key does what the help says.

use std::collections::BTreeSet;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::style::Modifier;
use streamlens_model::Timestamp;
use streamlens_model::row::{Delta, Epoch, FindingId, Level, RowId};
use streamlens_tui::{Command, Effect, Options, Request};

use crate::User;
use crate::feed::{EngineFeed, catalogue};

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
    tested.extend(OTHERS.iter().map(|(command, _)| *command));
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

/// The other commands, with the keys that lead to where they mean something.
const OTHERS: &[(Command, &str)] = &[
    (Command::NextMatch, "/ \"type_==_Announce\" Enter"),
    (Command::PreviousMatch, "/ \"type_==_Announce\" Enter"),
    (Command::NextOutlier, "Enter"),
    (Command::PreviousOutlier, "Enter"),
    (Command::ColumnLeft, "> >"),
    (Command::ColumnRight, ">"),
    (Command::Wider, "Down Enter"),
    (Command::Narrower, "Down Enter"),
    (Command::Quit, ""),
    (Command::Suspend, ""),
];

/// The line that is shown as selected, behind the header.
fn selected(buffer: &Buffer) -> Option<String> {
    let is_selected = |line: &u16| buffer[(0, *line)].modifier.contains(Modifier::REVERSED);
    let line = (1..buffer.area.height).find(is_selected)?;
    crate::text(buffer).lines().nth(usize::from(line)).map(str::to_owned)
}

/// What a key changes on the screen: `-` lines that were there, `+` those that are, `>` the one that is selected now, `!` what is
/// to be done outside.
#[test]
fn what_each_key_changes_is_as_reviewed() {
    let mut text = String::new();
    let others = OTHERS.iter().map(|(command, before)| (command, before));
    for (command, before) in ON_SCREEN.iter().map(|(command, before, _)| (command, before)).chain(others) {
        let feed =
            if matches!(command, Command::Wider | Command::Narrower) { EngineFeed::live() } else { EngineFeed::demo() };
        let mut user = User::of(feed, Options { catalogue: catalogue(), ..Options::default() });
        let old = user.press(before).screen(80, 24);
        user.effects.clear();
        let key = command.default_keys()[0];
        let new = user.press(key).screen(80, 24);
        let after = if before.is_empty() { String::new() } else { format!(", after {before}") };
        text.push_str(&format!("=== {key}: {}{after}\n", command.what()));
        // lines that stand elsewhere now are the same
        let not_in = |lines: &str, others: &str, sign: char| {
            let lines = lines.lines().filter(|line| !others.lines().any(|other| other == *line));
            lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
        };
        text.push_str(&not_in(&old, &new, '-'));
        text.push_str(&not_in(&new, &old, '+'));
        if let Some(line) = selected(&user.buffer(80, 24)) {
            text.push_str(&format!("> {line}\n"));
        }
        for effect in &user.effects {
            let effect = match effect {
                // the flows of a request are long, and tested elsewhere
                Effect::Ask(Request::Series(..)) => "asks for the series".to_owned(),
                other => format!("{other:?}"),
            };
            text.push_str(&format!("! {effect}\n"));
        }
    }
    crate::screens::check("keys", &text).unwrap();
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
    let mut feed = EngineFeed::demo();
    feed.kind = streamlens_tui::Kind::Live;
    // beside the tree the history begins with a look
    let mut user = User::of(feed, Options::default());
    user.press("Enter");
    let span = |screen: String| {
        let at = screen.find("last ")?;
        screen[at..].split_whitespace().nth(1).map(str::to_owned)
    };
    // charts begin with the second sample
    let last = user.feed.engine.last_seen();
    let delta = Delta {
        since: Some(Epoch(1)),
        epoch: Epoch(2),
        now: last.map(|time| Timestamp::from_nanos(time.as_nanos() + 2_000_000_000)),
        ..Delta::default()
    };
    user.feed.deltas.push(Arc::new(delta));
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
    user.press("x f w Enter");
    let Some(Request::Write(packets, _)) = user.feed.asked.last() else { panic!("{:?}", user.feed.asked) };
    assert!(packets.span.is_some());
    user.press("Esc d \"iena\" Enter");
    let Some(Request::DecodeAs(_, transport, encoding)) = user.feed.asked.last() else { panic!() };
    assert_eq!((transport.as_str(), encoding.as_str()), ("UDP", "IENA"));
}

#[test]
fn an_outlier_is_chosen_and_what_is_around_it_written() {
    let mut user = User::new();
    user.press("Enter");
    let chosen = |screen: String| screen.lines().find(|line| line.contains('▸')).map(str::to_owned);
    assert_eq!(chosen(user.screen(80, 24)), None);
    let first = chosen(user.press("n").screen(80, 24)).expect("the first is chosen, and on the screen");
    let second = chosen(user.press("n").screen(80, 24)).expect("the second is");
    assert_ne!(first, second);
    assert_eq!(chosen(user.press("N").screen(80, 24)), Some(first));
    user.press("w Enter");
    let Some(Request::Write(packets, _)) = user.feed.asked.last() else { panic!("{:?}", user.feed.asked) };
    let span = packets.span.as_ref().expect("a span of time");
    assert_eq!((packets.flows.len(), span.end.since(span.start)), (1, 10_000_000_000));
    // before the first there is none: the whole row is written
    assert_eq!(chosen(user.press("N").screen(80, 24)), None);
    user.press("w Enter");
    let Some(Request::Write(packets, _)) = user.feed.asked.last() else { panic!("{:?}", user.feed.asked) };
    assert_eq!(packets.span, None);
}

#[test]
fn of_a_row_below_a_flow_its_own_packets_are_written() {
    let mut user = User::new();
    let screen = user.press("Right Down w").screen(140, 40);
    assert!(screen.contains("Write Chapter10 of 192.168.20.12:6679"), "{screen}");
    user.press("Enter");
    let asked = |user: &User| match user.feed.asked.last() {
        Some(Request::Write(packets, _)) => (packets.flows.len(), packets.row.as_ref().map(ToString::to_string)),
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&user), (1, Some("Chapter10".to_owned())));
    // what lies below, and from its detail the same
    user.press("Right Right w Enter");
    let of_stream = asked(&user);
    assert!(of_stream.1.as_ref().is_some_and(|row| row == "Chapter10 UDP format 1"), "{of_stream:?}");
    user.press("Enter w Enter");
    assert_eq!(asked(&user), of_stream);
    user.press("Esc g w Enter");
    assert_eq!(asked(&user), (1, None));
}

/// A finding at a transport that has no line of its own is met at its flow, and leads on.
#[test]
fn a_finding_at_a_transport_is_met_at_its_flow() {
    let mut user = User::new();
    let deltas = EngineFeed::demo().deltas;
    let clean = deltas[0].rows.iter().find(|row| row.id.level == Level::Transport && row.id.transport == 0);
    let clean = clean.expect("flows have transports").id;
    let mut change = deltas[0].findings[0].clone();
    (change.id, change.row) = (FindingId(u64::MAX), Some(clean));
    let (since, epoch) = (Some(Epoch(1)), Epoch(2));
    user.feed.deltas.push(Arc::new(Delta { since, epoch, findings: vec![change], ..Delta::default() }));
    user.update();
    let mut rows = BTreeSet::new();
    for _ in 0..30 {
        user.press("]");
        rows.insert(user.app.selected().expect("a row"));
        assert!(selected(&user.buffer(80, 24)).is_some(), "{}", user.screen(80, 24));
    }
    assert!(rows.contains(&RowId::flow(clean.flow)) && rows.len() > 5, "{rows:?}");
}

#[test]
fn a_filter_that_leaves_nothing_is_in_force_with_enter_alone() {
    let mut user = User::new();
    let typed = user.press("/ \"ptp_and_xyzzy\"").screen(80, 24);
    assert!(typed.contains("nothing matches") && typed.contains("flow 1 of 5"), "{typed}");
    let taken = user.press("Enter").screen(80, 24);
    assert!(taken.contains("nothing matches; x clears the filter") && taken.contains("no flow"), "{taken}");
    // the beginning of a field is no text to look for
    let begun = user.press("x / \"ptp_and_jit\"").screen(80, 24);
    assert!(begun.contains("flow 1 of 5") && !begun.contains("nothing matches"), "{begun}");
}

#[test]
fn findings_go_by_the_filter_and_those_of_no_row_are_always_there() {
    let mut change = EngineFeed::demo().deltas[0].findings[0].clone();
    let mut finding = (*change.finding).clone();
    (finding.code, finding.place.flow, change.row) = ("ptp.no-master".into(), None, None);
    // the newest, which stands first
    finding.last.time = finding.last.time.map(|time| Timestamp::from_nanos(time.as_nanos() + 10_000_000_000));
    (change.finding, change.id) = (Arc::new(finding), FindingId(u64::MAX));
    let mut user = User::new();
    user.feed.deltas.push(Arc::new(Delta {
        since: Some(Epoch(1)),
        epoch: Epoch(2),
        findings: vec![change],
        ..Delta::default()
    }));
    user.update();
    let screen = user.press("/ \"iena\" Enter f").screen(80, 24);
    assert!(screen.contains("Findings  3 of 13") && screen.contains("where iena"), "{screen}");
    let first = screen.lines().nth(2).unwrap();
    assert!(first.contains("ptp.no-master"), "{screen}");
    let screen = user.press("Home Enter").screen(80, 24);
    assert!(screen.contains("it stands at no row"), "{screen}");
    assert!(user.press("x").screen(80, 24).contains("Findings  13 of 13"));
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
