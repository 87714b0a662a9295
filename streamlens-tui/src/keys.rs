//! What keys do: commands, the keys that they have, and how keys are written.

use std::collections::BTreeMap;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where a command's keys are looked at. A key may mean two things where both are never looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Any,
    /// In the tree of flows.
    Tree,
    /// In a detail.
    Detail,
}

impl Scope {
    fn meets(self, other: Self) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }
}

/// The part of the help that a command stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Which row is selected.
    Moving,
    /// What is open.
    Tree,
    /// Which screen.
    Views,
    /// What is shown.
    Narrowing,
    /// In which order and form.
    Order,
    /// What acts.
    Doing,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Moving, Self::Tree, Self::Views, Self::Narrowing, Self::Order, Self::Doing];

    /// Its heading.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Moving => "Moving",
            Self::Tree => "Tree",
            Self::Views => "Views",
            Self::Narrowing => "Narrowing",
            Self::Order => "Order",
            Self::Doing => "Doing",
        }
    }
}

macro_rules! commands {
    ($($command:ident $name:literal $scope:ident $group:ident [$($key:literal),*] $what:literal;)*) => {
        /// What a key can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Command {
            $(#[doc = $what] $command,)*
        }

        impl Command {
            /// All commands, in the order of the help.
            pub const ALL: &[Self] = &[$(Self::$command),*];

            /// Its name in the configuration.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$command => $name,)* }
            }

            /// What it does, in a few words.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$command => $what,)* }
            }

            /// Where its keys are looked at.
            #[must_use]
            pub fn scope(self) -> Scope {
                match self { $(Self::$command => Scope::$scope,)* }
            }

            /// Where the help has it.
            #[must_use]
            pub fn group(self) -> Group {
                match self { $(Self::$command => Group::$group,)* }
            }

            /// The keys that it has unless it is bound anew.
            #[must_use]
            pub fn default_keys(self) -> &'static [&'static str] {
                match self { $(Self::$command => &[$($key),*],)* }
            }
        }
    };
}

commands! {
    Up "up" Any Moving ["Up", "k"] "row up";
    Down "down" Any Moving ["Down", "j"] "row down";
    PageUp "page-up" Any Moving ["PageUp", "Ctrl-b"] "page up";
    PageDown "page-down" Any Moving ["PageDown", "Ctrl-f"] "page down";
    First "first" Any Moving ["Home", "g"] "first row";
    Last "last" Any Moving ["End", "G"] "last row";
    PreviousFinding "previous-finding" Tree Moving ["["] "row of the finding before";
    NextFinding "next-finding" Tree Moving ["]"] "row of the next finding";
    Open "open" Any Tree ["Right", "l"] "open";
    Close "close" Any Tree ["Left", "h"] "close, row above";
    Types "types" Tree Tree ["Space"] "packet types of the flow";
    OpenAll "open-all" Tree Tree ["*"] "open all";
    CloseAll "close-all" Tree Tree ["-"] "close all";
    Idle "idle" Tree Tree ["o"] "idle flows, shown or not";
    Detail "detail" Any Views ["Enter"] "detail of the row";
    Findings "findings" Any Views ["f"] "findings";
    Capture "capture" Any Views ["i"] "capture, interfaces";
    Help "help" Any Views ["?", "F1"] "help";
    Back "back" Any Views ["Esc"] "back";
    NextTab "next-tab" Any Views ["Tab"] "next tab";
    PreviousTab "previous-tab" Any Views ["BackTab"] "tab before";
    Log "log" Detail Views ["L"] "histogram by logarithm";
    Zoom "zoom" Detail Views ["Z"] "zoom into the histogram";
    Wider "wider" Detail Views ["+"] "more time";
    Narrower "narrower" Detail Views ["-"] "less time";
    NextOutlier "next-outlier" Detail Views ["n"] "next outlier, for w";
    PreviousOutlier "previous-outlier" Detail Views ["N"] "outlier before";
    Filter "filter" Any Narrowing ["/"] "filter";
    NextMatch "next-match" Tree Narrowing ["n"] "next match";
    PreviousMatch "previous-match" Tree Narrowing ["N"] "match before";
    Like "like" Tree Narrowing ["F"] "filter for what is like the row";
    Clear "clear" Any Narrowing ["x"] "clear the filter";
    Info "info" Any Narrowing ["1"] "only with findings";
    Warnings "warnings" Any Narrowing ["2"] "only with warnings";
    Errors "errors" Any Narrowing ["3"] "only with errors";
    Sort "sort" Any Order ["s"] "sort by the column";
    Turn "turn" Any Order ["S"] "turn the order";
    ColumnLeft "column-left" Any Order ["<"] "column to the left";
    ColumnRight "column-right" Any Order [">"] "column to the right";
    TimeFormat "time-format" Any Order ["t"] "form of times";
    Units "units" Any Order ["u"] "units or exact figures";
    Columns "columns" Tree Order ["C"] "choose columns";
    Freeze "freeze" Any Doing ["p"] "freeze, go on";
    Write "write" Any Doing ["w"] "write packets";
    CopyValue "copy-value" Any Doing ["c"] "copy the value";
    CopyRow "copy-row" Any Doing ["y"] "copy the row";
    DecodeAs "decode-as" Any Doing ["d"] "decode as";
    Mark "mark" Any Doing ["m"] "mark, and keep the flow";
    Quit "quit" Any Doing ["q", "Ctrl-c", "Ctrl-\\"] "quit";
    Suspend "suspend" Any Doing ["Ctrl-z"] "suspend";
}

impl Command {
    /// The command of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|command| command.name() == name)
    }
}

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

const NAMED: [(&str, KeyCode); 17] = [
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("BackTab", KeyCode::BackTab),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Space", KeyCode::Char(' ')),
    ("Minus", KeyCode::Char('-')),
];

impl Key {
    /// The key of an event.
    #[must_use]
    pub fn of(event: &KeyEvent) -> Self {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            // capital letters come with Shift or without, as terminals like; under Ctrl they are the same
            // terminals have one code for both, which the library reads as this
            KeyCode::Char('4') if ctrl => KeyCode::Char('\\'),
            KeyCode::Char(letter) if ctrl => KeyCode::Char(letter.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            other => other,
        };
        Self { code, ctrl, alt: event.modifiers.contains(KeyModifiers::ALT) }
    }

    /// The event that it comes as.
    #[must_use]
    pub fn event(self) -> KeyEvent {
        let mut modifiers = KeyModifiers::NONE;
        modifiers.set(KeyModifiers::CONTROL, self.ctrl);
        modifiers.set(KeyModifiers::ALT, self.alt);
        KeyEvent::new(self.code, modifiers)
    }

    /// Reads a key: `p`, `F5`, `PageUp`, `Ctrl-c`, `Alt-x`.
    ///
    /// # Errors
    ///
    /// Where it names no key, in a sentence that says what is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        while let Some((modifier, key)) =
            rest.split_once('-').filter(|(modifier, key)| !modifier.is_empty() && !key.is_empty())
        {
            match modifier {
                "Ctrl" if !ctrl => ctrl = true,
                "Alt" if !alt => alt = true,
                _ => return Err(unknown(text)),
            }
            rest = key;
        }
        let function =
            || rest.strip_prefix('F')?.parse().ok().filter(|number| (1..=12).contains(number)).map(KeyCode::F);
        let named = NAMED.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
        let mut letters = rest.chars();
        let code = match (named.or_else(function), letters.next(), letters.next()) {
            (Some(code), ..) => code,
            (None, Some(letter), None) if !letter.is_control() => KeyCode::Char(letter),
            _ => return Err(unknown(text)),
        };
        let code = match code {
            KeyCode::Char(letter) if ctrl => KeyCode::Char(letter.to_ascii_lowercase()),
            other => other,
        };
        Ok(Self { code, ctrl, alt })
    }
}

fn unknown(text: &str) -> String {
    let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
    format!("'{text}' is no key; write a character, F1 to F12, {}, with Ctrl- or Alt- in front", names.join(", "))
}

/// As it is written in the configuration.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("Ctrl-")?;
        }
        if self.alt {
            f.write_str("Alt-")?;
        }
        match (self.code, NAMED.iter().find(|(_, code)| *code == self.code)) {
            (KeyCode::Char('-'), _) => f.write_str("-"),
            (_, Some((name, _))) => f.write_str(name),
            (KeyCode::F(number), _) => write!(f, "F{number}"),
            (KeyCode::Char(letter), _) => write!(f, "{letter}"),
            _ => Ok(()),
        }
    }
}

/// Which keys do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: BTreeMap<Command, Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys_of = |command: Command| command.default_keys().iter().filter_map(|key| Key::parse(key).ok()).collect();
        Self { keys: Command::ALL.iter().map(|command| (*command, keys_of(*command))).collect() }
    }
}

impl Keymap {
    /// What a key does in a place.
    #[must_use]
    pub fn command(&self, key: Key, scope: Scope) -> Option<Command> {
        let does = |(command, keys): (&Command, &Vec<Key>)| {
            (keys.contains(&key) && command.scope().meets(scope)).then_some(*command)
        };
        self.keys.iter().find_map(does)
    }

    /// The keys of a command.
    #[must_use]
    pub fn keys(&self, command: Command) -> &[Key] {
        self.keys.get(&command).map_or(&[], Vec::as_slice)
    }

    /// The first key of a command as people read it; empty where it has none.
    #[must_use]
    pub fn hint(&self, command: Command) -> String {
        self.keys(command).first().map(shown).unwrap_or_default()
    }

    /// Gives a command other keys.
    pub fn bind(&mut self, command: Command, keys: Vec<Key>) {
        self.keys.insert(command, keys);
    }

    /// Two commands that have a key in common, and that key.
    #[must_use]
    pub fn conflict(&self) -> Option<(Key, Command, Command)> {
        let mut all = self.keys.iter().flat_map(|(command, keys)| keys.iter().map(move |key| (*key, *command)));
        let others: Vec<(Key, Command)> = all.clone().collect();
        all.find_map(|(key, command)| {
            let other = others.iter().find(|(other_key, other)| {
                *other_key == key && *other > command && other.scope().meets(command.scope())
            });
            other.map(|(_, other)| (key, command, *other))
        })
    }
}

/// A key in the help and the hints: arrows as arrows.
#[must_use]
pub(crate) fn shown(key: &Key) -> String {
    match (key.code, key.ctrl, key.alt) {
        (KeyCode::Up, false, false) => "↑".to_owned(),
        (KeyCode::Down, false, false) => "↓".to_owned(),
        (KeyCode::Left, false, false) => "←".to_owned(),
        (KeyCode::Right, false, false) => "→".to_owned(),
        (KeyCode::PageUp, false, false) => "PgUp".to_owned(),
        (KeyCode::PageDown, false, false) => "PgDn".to_owned(),
        (KeyCode::BackTab, false, false) => "S-Tab".to_owned(),
        (KeyCode::Char(letter), true, false) => format!("^{}", letter.to_uppercase()),
        _ => key.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for command in Command::ALL {
            assert!(!command.default_keys().is_empty(), "{}", command.name());
            assert_eq!(Command::named(command.name()), Some(*command));
            for key in command.default_keys() {
                assert_eq!(Key::parse(key).unwrap().to_string(), *key);
            }
        }
        for wrong in ["", "Strg-c", "F13", "xy", "Ctrl-Ctrl-c"] {
            assert!(Key::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Key::parse("-"), Key::parse("Minus"));
    }

    #[test]
    fn no_key_means_two_things_in_one_place() {
        let mut keymap = Keymap::default();
        assert_eq!(keymap.conflict(), None);
        keymap.bind(Command::Freeze, vec![Key::parse("q").unwrap()]);
        assert_eq!(keymap.conflict(), Some((Key::parse("q").unwrap(), Command::Freeze, Command::Quit)));
    }
}
