//! The configuration: colours, keys, columns, saved filters.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;
use streamlens_filter::Filter;
use streamlens_model::row::Field;

use crate::app::Options;
use crate::keys::{Command, Key};
use crate::theme::Theme;

/// The longest time between two screens, in milliseconds: a configuration that says more was mistyped.
const MOST_REFRESH_MS: u64 = 60_000;

/// The file as it is written; what is not in it stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    theme: Option<String>,
    ascii: Option<bool>,
    mouse: Option<bool>,
    refresh_ms: Option<u64>,
    columns: Option<Vec<String>>,
    sort: Option<String>,
    #[serde(default)]
    keys: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    filters: BTreeMap<String, String>,
}

impl Options {
    /// Takes over what a configuration says; the catalogue has to know the encodings, for saved filters are checked.
    ///
    /// # Errors
    ///
    /// Where it is wrong: the line and what is wrong there, in a sentence; several lines where the text is not TOML.
    pub fn configure(&mut self, text: &str) -> Result<(), String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        self.apply(file, |_, name, why| format!("line {}: {why}", line_of(text, name)))
    }

    /// Takes over what the environment says: `STREAMLENS_THEME`, `_ASCII`, `_MOUSE`, `_REFRESH_MS`, `_COLUMNS` (with commas) and
    /// `_SORT` mean what the configuration's keys of these names do. One that is empty says nothing.
    ///
    /// # Errors
    ///
    /// Where one is wrong: its name and what is wrong with it, in a sentence.
    pub fn configure_from(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
        let value = |name: &str| variable(&variable_of(name)).filter(|value| !value.is_empty());
        let yes = |name: &str| match value(name).as_deref() {
            None => Ok(None),
            Some("1" | "true" | "yes") => Ok(Some(true)),
            Some("0" | "false" | "no") => Ok(Some(false)),
            Some(other) => Err(format!("{}: '{other}' is neither true nor false", variable_of(name))),
        };
        let columns = value("columns");
        let file = File {
            theme: value("theme"),
            ascii: yes("ascii")?,
            mouse: yes("mouse")?,
            refresh_ms: value("refresh_ms")
                .map(|millis| millis.parse())
                .transpose()
                .map_err(|_| format!("{}: it is no whole number of milliseconds", variable_of("refresh_ms")))?,
            columns: columns.map(|list| list.split(',').map(|name| name.trim().to_owned()).collect()),
            sort: value("sort"),
            ..File::default()
        };
        self.apply(file, |key, _, why| format!("{}: {why}", variable_of(key)))
    }

    /// Takes over what was set; `wrong` makes a sentence of the key, the name that is wrong there, and why.
    fn apply(&mut self, file: File, wrong: impl Fn(&str, &str, String) -> String) -> Result<(), String> {
        if let Some(name) = &file.theme {
            self.theme = Theme::named(name).ok_or_else(|| {
                wrong(
                    "theme",
                    "theme",
                    format!("there is no theme '{name}'; write auto, terminal, dark, light or none"),
                )
            })?;
        }
        self.is_ascii = file.ascii.unwrap_or(self.is_ascii);
        self.has_mouse = file.mouse.unwrap_or(self.has_mouse);
        if let Some(millis) = file.refresh_ms {
            if millis > MOST_REFRESH_MS {
                let why = format!("a screen is drawn at least once in {MOST_REFRESH_MS} milliseconds");
                return Err(wrong("refresh_ms", "refresh_ms", why));
            }
            self.refresh = Duration::from_millis(millis);
        }
        let is_column = |name: &String| name == "history" || Field::find(name).is_some();
        let columns = file.columns.iter().flatten().map(|name| ("columns", name));
        let mut named = columns.chain(file.sort.iter().map(|name| ("sort", name)));
        if let Some((key, name)) = named.find(|(_, name)| !is_column(name)) {
            return Err(wrong(key, name, format!("there is no column '{name}'; `streamlens fields` lists them")));
        }
        self.columns = file.columns.filter(|columns| !columns.is_empty()).or(self.columns.take());
        self.sort = file.sort.or(self.sort.take());
        for (name, keys) in &file.keys {
            let command = Command::named(name).ok_or_else(|| {
                let known: Vec<&str> = Command::ALL.iter().map(|command| command.name()).collect();
                wrong("keys", name, format!("no key can do '{name}'; there are {}", known.join(", ")))
            })?;
            let keys = keys
                .iter()
                .map(|key| Key::parse(key))
                .collect::<Result<_, _>>()
                .map_err(|why| wrong("keys", name, why))?;
            self.keys.bind(command, keys);
        }
        if self.keys.keys(Command::Quit).is_empty() {
            return Err(wrong("keys", Command::Quit.name(), "a key must end it".to_owned()));
        }
        if let Some((key, one, other)) = self.keys.conflict() {
            let name = [other, one].map(Command::name).into_iter().find(|name| file.keys.contains_key(*name));
            let why = format!("the key {key} is that of {} and of {}", one.name(), other.name());
            return Err(wrong("keys", name.unwrap_or_default(), why));
        }
        for (name, filter) in &file.filters {
            self.catalogue = std::mem::take(&mut self.catalogue).named(name, filter);
        }
        for (name, filter) in &file.filters {
            Filter::parse(filter, &self.catalogue).map_err(|error| wrong("filters", name, error.to_string()))?;
        }
        Ok(())
    }
}

/// The variable of the environment that means the same as a key.
fn variable_of(key: &str) -> String {
    format!("STREAMLENS_{}", key.to_ascii_uppercase())
}

/// The line that a name stands at the beginning of, or in; 1 where it is not found.
fn line_of(text: &str, name: &str) -> usize {
    let begins = text
        .lines()
        .position(|line| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('=')));
    begins.or_else(|| text.lines().position(|line| line.contains(name))).map_or(1, |line| line + 1)
}

impl Options {
    /// The whole configuration with what the options mean: reading it changes nothing. What is not set stands in comments.
    #[must_use]
    pub fn configuration(&self) -> String {
        let list = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
        let columns = self.columns.as_ref().map_or_else(
            || "# columns = [\"packets\", \"rate\", \"lost\", \"history\"]".to_owned(),
            |columns| format!("columns = [{}]", list(columns)),
        );
        let sort = self.sort.as_ref();
        let sort = sort.map_or_else(|| "# sort = \"first_seen\"".to_owned(), |sort| format!("sort = {}", quoted(sort)));
        let mut filters: String = self
            .catalogue
            .filters()
            .filter_map(|name| Some(format!("{} = {}\n", quoted(name), quoted(self.catalogue.filter(name)?))))
            .collect();
        if filters.is_empty() {
            filters.push_str("# lossy = \"lost > 0\"\n");
        }
        let mut text = format!(
            "\
# The configuration of `streamlens tui`: $XDG_CONFIG_HOME/streamlens/config.toml, or --config FILE. The environment goes before
# it (STREAMLENS_THEME, STREAMLENS_MOUSE, STREAMLENS_REFRESH_MS, ...), and the command line before both.

# dark and light: colours for these backgrounds; auto: as the terminal says that its background is; terminal: its own colours,
# bold and reverse; none
theme = {theme}

# whether the mouse is taken; selecting text then takes Shift
mouse = {mouse}

# the least time between two drawings
refresh_ms = {refresh}

# only ASCII on the screen; by itself where the locale is not UTF-8
{ascii}ascii = true

# the columns, instead of those that fit; `streamlens fields` lists them, history is the chart of the last minute
{columns}

# the column that flows are ordered by
{sort}

# Saved filters, used as $lossy.
[filters]
{filters}
# Keys: a character, F1 to F12, Up, PageUp, Enter, Esc, Tab, Space, ..., with Ctrl- or Alt- in front.
[keys]
",
            theme = quoted(self.theme.name()),
            mouse = self.has_mouse,
            refresh = self.refresh.as_millis(),
            ascii = if self.is_ascii { "" } else { "# " },
        );
        for command in Command::ALL {
            let keys: Vec<String> = self.keys.keys(*command).iter().map(ToString::to_string).collect();
            // writing to memory does not fail
            let _ = writeln!(text, "{} = [{}]  # {}", command.name(), list(&keys), command.what());
        }
        text
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_what_is_printed_changes_nothing() {
        let mut options = Options::default();
        options.configure(&Options::default().configuration()).unwrap();
        let defaults = Options::default();
        assert_eq!((options.keys, options.theme, options.refresh), (defaults.keys, defaults.theme, defaults.refresh));
        assert_eq!((options.columns, options.sort, options.has_mouse), (None, None, true));
    }

    #[test]
    fn what_is_set_is_printed_as_it_is_read() {
        let set = "theme = \"dark\"\nmouse = false\nascii = true\nrefresh_ms = 250\ncolumns = [\"lost\", \"history\"]\n\
                   sort = \"rate\"\n[filters]\n\"a\\u001b\" = \"\\\"x\\\"\"\n[keys]\nfreeze = [\"\\\\\", \"\\\"\"]\n";
        let (mut options, mut again) = (Options::default(), Options::default());
        options.configure(set).unwrap();
        again.configure(&options.configuration()).unwrap();
        assert_eq!(again.configuration(), options.configuration());
        assert_eq!((again.keys, again.theme, again.refresh), (options.keys, Theme::Dark, Duration::from_millis(250)));
        assert_eq!((again.has_mouse, again.is_ascii, again.columns), (false, true, options.columns));
        assert_eq!(again.catalogue.filter("a\u{1b}"), Some("\"x\""));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let cases = [
            ("theme = \"pink\"", "line 1: there is no theme"),
            ("\n[keys]\nfreze = [\"p\"]", "line 3: no key can do 'freze'"),
            ("[keys]\nfreeze = [\"q\"]", "line 2: the key q is that of freeze and of quit"),
            ("[keys]\nfreeze = [\"Strg-p\"]", "line 2: 'Strg-p' is no key"),
            ("[keys]\nquit = []", "line 2: a key must end it"),
            ("\nrefresh_ms = 60001", "line 2: a screen is drawn at least once in 60000 milliseconds"),
            ("columns = [\"jiter\"]", "line 1: there is no column 'jiter'"),
            ("[filters]\nx = \"lost >\"", "line 2: "),
            ("colour = 1", "unknown field"),
        ];
        for (text, expected) in cases {
            let found = Options::default().configure(text).unwrap_err();
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let mut options = Options::default();
        options.configure("theme = \"dark\"\nrefresh_ms = 500\nsort = \"lost\"").unwrap();
        let set = [("THEME", "light"), ("COLUMNS", "packets, lost"), ("MOUSE", "0"), ("SORT", "")];
        let variable = |name: &str| {
            let name = name.strip_prefix("STREAMLENS_")?;
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        options.configure_from(variable).unwrap();
        assert_eq!((options.theme, options.has_mouse, options.is_ascii), (Theme::Light, false, false));
        assert_eq!((options.refresh.as_millis(), options.sort.as_deref()), (500, Some("lost")));
        assert_eq!(options.columns.as_deref(), Some(["packets".to_owned(), "lost".to_owned()].as_slice()));
        for (name, value, expected) in [
            ("STREAMLENS_THEME", "pink", "STREAMLENS_THEME: there is no theme 'pink'"),
            ("STREAMLENS_SORT", "jiter", "STREAMLENS_SORT: there is no column 'jiter'"),
            ("STREAMLENS_ASCII", "maybe", "STREAMLENS_ASCII: 'maybe' is neither true nor false"),
            ("STREAMLENS_REFRESH_MS", "-1", "STREAMLENS_REFRESH_MS: it is no whole number"),
        ] {
            let found = options.configure_from(|asked| (asked == name).then(|| value.to_owned())).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn keys_are_bound_anew_and_filters_saved() {
        let mut options = Options::default();
        options
            .configure("[keys]\nfreeze = [\"z\"]\n[filters]\nlossy = \"lost > 0\"\nboth = \"$lossy or jitter > 1ms\"")
            .unwrap();
        assert_eq!(options.keys.hint(Command::Freeze), "z");
        assert!(Filter::parse("$both", &options.catalogue).is_ok());
    }
}
