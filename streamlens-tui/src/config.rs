//! The configuration: colours, keys, columns, saved filters.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;
use streamlens_filter::Filter;
use streamlens_model::row::Field;

use crate::app::Options;
use crate::keys::{Command, Key, Keymap};
use crate::theme::Theme;

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
        let wrong = |name: &str, why: String| format!("line {}: {why}", line_of(text, name));
        if let Some(name) = &file.theme {
            self.theme = Theme::named(name).ok_or_else(|| {
                wrong("theme", format!("there is no theme '{name}'; write terminal, dark, light or none"))
            })?;
        }
        self.is_ascii = file.ascii.unwrap_or(self.is_ascii);
        self.has_mouse = file.mouse.unwrap_or(self.has_mouse);
        if let Some(millis) = file.refresh_ms {
            self.refresh = Duration::from_millis(millis);
        }
        let is_column = |name: &String| name == "history" || Field::find(name).is_some();
        if let Some(name) = file.columns.iter().flatten().chain(&file.sort).find(|name| !is_column(name)) {
            return Err(wrong(name, format!("there is no column '{name}'; `streamlens fields` lists them")));
        }
        self.columns = file.columns.filter(|columns| !columns.is_empty()).or(self.columns.take());
        self.sort = file.sort.or(self.sort.take());
        for (name, keys) in &file.keys {
            let command = Command::named(name).ok_or_else(|| {
                let known: Vec<&str> = Command::ALL.iter().map(|command| command.name()).collect();
                wrong(name, format!("no key can do '{name}'; there are {}", known.join(", ")))
            })?;
            let keys =
                keys.iter().map(|key| Key::parse(key)).collect::<Result<_, _>>().map_err(|why| wrong(name, why))?;
            self.keys.bind(command, keys);
        }
        if let Some((key, one, other)) = self.keys.conflict() {
            let name = [other, one].map(Command::name).into_iter().find(|name| file.keys.contains_key(*name));
            let why = format!("the key {key} is that of {} and of {}", one.name(), other.name());
            return Err(wrong(name.unwrap_or_default(), why));
        }
        for (name, filter) in &file.filters {
            self.catalogue = std::mem::take(&mut self.catalogue).named(name, filter);
        }
        for (name, filter) in &file.filters {
            Filter::parse(filter, &self.catalogue).map_err(|error| wrong(name, error.to_string()))?;
        }
        Ok(())
    }
}

/// The line that a name stands at the beginning of, or in; 1 where it is not found.
fn line_of(text: &str, name: &str) -> usize {
    let begins = text
        .lines()
        .position(|line| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('=')));
    begins.or_else(|| text.lines().position(|line| line.contains(name))).map_or(1, |line| line + 1)
}

/// The whole configuration with its defaults and what they mean. Reading it changes nothing.
#[must_use]
pub fn default_config() -> String {
    let mut text = String::from(
        "\
# The configuration of `streamlens tui`: $XDG_CONFIG_HOME/streamlens/config.toml, or --config FILE. The command line wins.

# terminal: its own colours, bold and reverse; dark and light: colours for these backgrounds; none
theme = \"terminal\"

# whether the mouse is taken; selecting text then takes Shift
mouse = true

# the least time between two drawings
refresh_ms = 100

# only ASCII on the screen; by itself where the locale is not UTF-8
# ascii = true

# the columns, instead of those that fit; `streamlens fields` lists them, history is the chart of the last minute
# columns = [\"packets\", \"rate\", \"lost\", \"history\"]

# the column that flows are ordered by
# sort = \"first_seen\"

# Saved filters, used as $lossy.
[filters]
# lossy = \"lost > 0\"

# Keys: a character, F1 to F12, Up, PageUp, Enter, Esc, Tab, Space, ..., with Ctrl- or Alt- in front.
[keys]
",
    );
    let keymap = Keymap::default();
    for command in Command::ALL {
        let keys: Vec<String> = keymap.keys(*command).iter().map(|key| format!("\"{key}\"")).collect();
        // writing to memory does not fail
        let _ = writeln!(text, "{} = [{}]  # {}", command.name(), keys.join(", "), command.what());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_what_is_printed_changes_nothing() {
        let mut options = Options::default();
        options.configure(&default_config()).unwrap();
        let defaults = Options::default();
        assert_eq!((options.keys, options.theme, options.refresh), (defaults.keys, defaults.theme, defaults.refresh));
        assert_eq!((options.columns, options.sort, options.has_mouse), (None, None, true));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let cases = [
            ("theme = \"pink\"", "line 1: there is no theme"),
            ("\n[keys]\nfreze = [\"p\"]", "line 3: no key can do 'freze'"),
            ("[keys]\nfreeze = [\"q\"]", "line 2: the key q is that of freeze and of quit"),
            ("[keys]\nfreeze = [\"Strg-p\"]", "line 2: 'Strg-p' is no key"),
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
    fn keys_are_bound_anew_and_filters_saved() {
        let mut options = Options::default();
        options
            .configure("[keys]\nfreeze = [\"z\"]\n[filters]\nlossy = \"lost > 0\"\nboth = \"$lossy or jitter > 1ms\"")
            .unwrap();
        assert_eq!(options.keys.hint(Command::Freeze), "z");
        assert!(Filter::parse("$both", &options.catalogue).is_ok());
    }
}
