//! The help: all keys by what they are for, and the filter language.

use streamlens_model::row::{COLUMNS, column};

use super::detail::{Texts, heading, more_lines, plain};
use super::flows::hints;
use super::painter::Painter;
use crate::app::App;
use crate::columns;
use crate::format::width;
use crate::keys::{Command, Group, shown};
use crate::theme::Role;

const HINTS: [(&[Command], &str); 3] =
    [(&[Command::Up, Command::Down], "scroll"), (&[Command::NextTab], "filter language"), (&[Command::Back], "back")];

/// The width of a group of keys.
const GROUP: usize = 38;

/// Draws the help.
pub(crate) fn draw(app: &mut App, painter: &mut Painter<'_>) {
    let (width, height) = (painter.width(), painter.height());
    painter.mark(0, 0, width, Role::Header);
    painter.text(1, 0, if app.page == 0 { "Help" } else { "Help: the filter language" }, width, Role::Header);
    let lines = if app.page == 0 { keys(app, width) } else { language() };
    let room = height.saturating_sub(3);
    app.height = room;
    app.scroll = app.scroll.min(lines.len().saturating_sub(room));
    for (place, line) in lines.iter().skip(app.scroll).take(room).enumerate() {
        painter.texts(0, 1 + place, line.iter().map(|(text, role)| (text.as_str(), *role)));
    }
    let below = lines.len().saturating_sub(app.scroll + room);
    let more = if below > 0 { format!("… {}", more_lines(below)) } else { "the end".to_owned() };
    painter.text(1, height.saturating_sub(2), &more, width, Role::Faint);
    hints(app, painter, height.saturating_sub(1), &HINTS);
}

fn keys(app: &App, columns: usize) -> Vec<Texts> {
    let groups: Vec<Vec<Texts>> = Group::ALL.iter().map(|group| group_lines(app, *group)).collect();
    let beside = (columns / GROUP).clamp(1, 3);
    let mut lines = Vec::new();
    for groups in groups.chunks(beside) {
        let height = groups.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut texts = Texts::new();
            for group in groups {
                let own = group.get(line).cloned().unwrap_or_default();
                let used: usize = own.iter().map(|(text, _)| width(text)).sum();
                texts.extend(own);
                texts.push((" ".repeat(GROUP.saturating_sub(used)), Role::Plain));
            }
            lines.push(texts);
        }
        lines.push(Texts::new());
    }
    lines.push(vec![
        (" Marks  ".to_owned(), Role::Heading),
        ("!".to_owned(), Role::Error),
        (" error  ".to_owned(), Role::Plain),
        ("w".to_owned(), Role::Warning),
        (" warning  ".to_owned(), Role::Plain),
        ("i".to_owned(), Role::Info),
        (" info, at the row or below   ".to_owned(), Role::Plain),
        ("grey".to_owned(), Role::Faint),
        (": shown for what is below it".to_owned(), Role::Plain),
    ]);
    let mouse = match app.options.has_mouse {
        true => "click selects, click ▸ opens, wheel scrolls; Shift selects text",
        false => "left to the terminal",
    };
    lines.push(vec![(" Mouse  ".to_owned(), Role::Heading), (mouse.to_owned(), Role::Plain)]);
    lines.push(plain(" In lists to choose from: type to narrow, Enter takes, Space ticks, Esc leaves"));
    lines.push(vec![(" Keys and colours: streamlens tui --print-config".to_owned(), Role::Faint)]);
    lines
}

fn group_lines(app: &App, group: Group) -> Vec<Texts> {
    let mut lines = vec![heading(format!(" {}", group.name()))];
    for command in Command::ALL.iter().filter(|command| command.group() == group) {
        let keys: Vec<String> = app.options.keys.keys(*command).iter().map(shown).collect();
        let keys = if keys.is_empty() { "–".to_owned() } else { keys.join(" ") };
        let pad = " ".repeat(10_usize.saturating_sub(width(&keys)).max(1));
        lines.push(vec![(format!(" {keys}"), Role::Key), (format!("{pad}{}", command.what()), Role::Plain)]);
    }
    lines
}

fn language() -> Vec<Texts> {
    let mut lines: Vec<Texts> = [
        "ptp                       a name: encodings, transports, unicast, multicast, broadcast",
        "10.0.0.0/8                an address, a network, an address with its port",
        "lost > 0 and jitter > 5ms fields with == != > >= < <=; durations need units",
        "type in {Sync, Follow_Up} one of several; also ranges: port in {5000..5010}",
        "name contains \"cam\"       a part of a text; matches takes a pattern",
        "not (udp or tcp)          and, or, not, brackets",
        "flow.jitter > 5ms         a figure of the row above: flow. transport. encoding. type.",
        "lost                      a field alone: it has a value",
        "$lossy                    a saved filter, from the configuration",
    ]
    .into_iter()
    .map(|line| plain(format!(" {line}")))
    .collect();
    lines.push(Texts::new());
    lines.push(heading(" Fields"));
    let known: Vec<&str> = columns::all().collect();
    for of in COLUMNS.iter().filter(|of| known.contains(&of.name)) {
        let meaning = column(of.name).map_or("", |column| column.meaning);
        lines.push(vec![(format!(" {:<18}", of.name), Role::Key), (meaning.to_owned(), Role::Plain)]);
    }
    lines
}
