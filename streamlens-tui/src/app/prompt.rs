//! What is typed: the filter with its completion, names of files, choices.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use streamlens_filter::complete;
use streamlens_model::FlowKey;

use super::{App, Effect, Picker};
use crate::columns;
use crate::feed::{Packets, Request};

/// Suggestions that are shown at once.
pub(crate) const SUGGESTIONS: usize = 8;

/// A line of text with a cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Editor {
    pub(crate) text: String,
    /// The byte in front of which the cursor stands.
    pub(crate) cursor: usize,
}

impl Editor {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.len() }
    }

    fn before(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or_default()
    }

    /// Takes text in at the cursor: ends of lines and tabs are blanks, other control characters are left out.
    pub(crate) fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", " ").replace(['\r', '\n', '\t'], " ");
        let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
        self.text.insert_str(self.cursor, &text);
        self.cursor += text.len();
    }

    fn replace(&mut self, place: std::ops::Range<usize>, text: &str) {
        if self.text.get(place.clone()).is_some() {
            self.text.replace_range(place.clone(), text);
            self.cursor = place.start + text.len();
        }
    }

    fn back(&self) -> usize {
        self.before().chars().next_back().map_or(0, char::len_utf8)
    }

    fn word_back(&self) -> usize {
        let before = self.before();
        let kept = before.trim_end().rfind(char::is_whitespace).map_or(0, |place| place + 1);
        before.len() - kept
    }

    /// What a key does to the text; false where it does nothing.
    fn key(&mut self, key: &KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('a') if ctrl => self.cursor = 0,
            KeyCode::Char('e') if ctrl => self.cursor = self.text.len(),
            KeyCode::Char('u') if ctrl => self.replace(0..self.cursor, ""),
            KeyCode::Char('k') if ctrl => self.text.truncate(self.cursor),
            KeyCode::Char('w') if ctrl => self.replace(self.cursor - self.word_back()..self.cursor, ""),
            KeyCode::Char(letter) if !ctrl => self.insert(letter.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.replace(self.cursor - self.back()..self.cursor, ""),
            KeyCode::Delete => {
                let next = self.text.get(self.cursor..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                self.replace(self.cursor..self.cursor + next, "");
            }
            KeyCode::Left => self.cursor -= self.back(),
            KeyCode::Right => {
                let next = self.text.get(self.cursor..).and_then(|rest| rest.chars().next());
                self.cursor += next.map_or(0, char::len_utf8);
            }
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            _ => return false,
        }
        true
    }
}

/// What is typed into or chosen from.
#[derive(Clone, Debug)]
pub(crate) enum Prompt {
    /// The filter, what it was before, and which suggestion is selected.
    Filter { editor: Editor, before: String, place: Option<usize> },
    /// The file that packets are written to, and what they are in words.
    Write { editor: Editor, packets: Packets, what: String },
    /// The encoding that a transport of a flow is to be decoded as.
    DecodeAs { picker: Picker, key: FlowKey, transport: String },
    /// The columns that are shown.
    Columns(Picker),
}

impl App {
    /// Opens the filter bar.
    pub(crate) fn open_filter(&mut self) {
        let before = self.narrowing.text().to_owned();
        self.prompt = Some(Prompt::Filter { editor: Editor::new(&before), before, place: None });
    }

    /// What may stand at the cursor of the filter, with the bytes that it replaces.
    pub(crate) fn suggestions(&self) -> (Range<usize>, Vec<String>) {
        let Some(Prompt::Filter { editor, .. }) = &self.prompt else { return (0..0, Vec::new()) };
        let completion = complete(&editor.text, editor.cursor, &self.options.catalogue);
        let mut suggestions = completion.suggestions;
        // nothing to say where nothing has been begun, or where it stands there already
        let begun = editor.text.get(completion.place.clone()).unwrap_or_default();
        if begun.is_empty() && !editor.text.is_empty() {
            suggestions.retain(|text| text.chars().any(char::is_alphanumeric) || text.len() <= 2);
        }
        suggestions.retain(|text| text != begun);
        (completion.place, suggestions)
    }

    /// Takes pasted text.
    pub(crate) fn paste(&mut self, text: &str, now: Instant) {
        match &mut self.prompt {
            Some(Prompt::Filter { editor, .. } | Prompt::Write { editor, .. }) => editor.insert(text),
            _ => return,
        }
        self.filter_typed(now);
    }

    /// A key while something is typed.
    pub(crate) fn prompt_key(&mut self, key: &KeyEvent, now: Instant) {
        let Some(prompt) = self.prompt.take() else { return };
        let is_end =
            key.code == KeyCode::Esc || key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
        match prompt {
            Prompt::Filter { before, .. } if is_end => {
                self.narrowing.write(&before, &self.options.catalogue);
                self.renew(now);
            }
            _ if is_end => {}
            Prompt::Filter { editor, before, place } => self.filter_key(key, editor, before, place, now),
            Prompt::Write { mut editor, packets, what } => {
                if key.code == KeyCode::Enter {
                    if !editor.text.is_empty() {
                        self.effects.push(Effect::Ask(Request::Write(packets, PathBuf::from(editor.text))));
                    }
                    return;
                }
                editor.key(key);
                self.prompt = Some(Prompt::Write { editor, packets, what });
            }
            Prompt::DecodeAs { mut picker, key: flow, transport } => {
                if key.code == KeyCode::Enter {
                    if let Some(encoding) = picker.selected() {
                        self.awaited = self.tree.selected().map(|row| (row.flow, flow));
                        let request = Request::DecodeAs(flow, transport, encoding.to_owned());
                        self.effects.push(Effect::Ask(request));
                    }
                    return;
                }
                pick(&mut picker, key);
                self.prompt = Some(Prompt::DecodeAs { picker, key: flow, transport });
            }
            Prompt::Columns(mut picker) => {
                match key.code {
                    KeyCode::Enter => {
                        self.options.columns = picker.ticked.clone().filter(|ticked| !ticked.is_empty());
                        return;
                    }
                    KeyCode::Char(' ') => picker.tick(),
                    _ => pick(&mut picker, key),
                }
                self.prompt = Some(Prompt::Columns(picker));
            }
        }
    }

    fn filter_key(&mut self, key: &KeyEvent, mut editor: Editor, before: String, place: Option<usize>, now: Instant) {
        self.prompt = Some(Prompt::Filter { editor: editor.clone(), before: before.clone(), place });
        let (range, suggestions) = self.suggestions();
        let count = suggestions.len();
        let mut place = place.filter(|place| *place < count);
        match key.code {
            KeyCode::Enter if place.is_none() => {
                self.narrowing.write(&editor.text, &self.options.catalogue);
                self.renew(now);
                if self.narrowing.error().is_none() {
                    self.prompt = None;
                }
                return;
            }
            KeyCode::Tab | KeyCode::Enter => {
                if let Some(fix) = self.fix().filter(|_| place.is_none()) {
                    editor.replace(fix.0, &fix.1);
                } else if let Some(text) = suggestions.get(place.unwrap_or(0)) {
                    editor.replace(range, text);
                }
                place = None;
            }
            KeyCode::Down if count > 0 => place = Some(place.map_or(0, |place| (place + 1) % count)),
            KeyCode::Up if count > 0 => place = Some(place.map_or(count - 1, |place| (place + count - 1) % count)),
            _ => {
                editor.key(key);
                place = None;
            }
        }
        self.prompt = Some(Prompt::Filter { editor, before, place });
        self.filter_typed(now);
    }

    /// The filter was changed: it is in force as soon as it is one.
    fn filter_typed(&mut self, now: Instant) {
        let Some(Prompt::Filter { editor, .. }) = &self.prompt else { return };
        if self.is_begun(editor) {
            self.narrowing.begin(&editor.text);
        } else {
            self.pending.settle_all(&mut self.table);
            self.narrowing.try_out(&editor.text, &self.options.catalogue, &self.table);
        }
        self.renew(now);
    }

    /// Whether the word at the end is the beginning of one that is known: taken for a text to look for it would empty the screen
    /// under whoever types.
    fn is_begun(&self, editor: &Editor) -> bool {
        let completion = complete(&editor.text, editor.cursor, &self.options.catalogue);
        let word = editor.text.get(completion.place).unwrap_or_default();
        editor.cursor == editor.text.len()
            && !word.is_empty()
            && !completion.suggestions.is_empty()
            && !completion.suggestions.iter().any(|known| known.eq_ignore_ascii_case(word))
    }

    /// What a mistake in the filter was meant to be, where that is known: the place and the text.
    fn fix(&self) -> Option<(Range<usize>, String)> {
        let error = self.narrowing.error()?;
        let meant = error.message().split("did you mean ").nth(1)?;
        Some((error.place(), meant.trim_end_matches('?').to_owned()))
    }

    /// Asks where packets are to be written to.
    pub(crate) fn open_write(&mut self, packets: Packets, what: String) {
        let editor = Editor::new("streamlens.pcapng");
        self.prompt = Some(Prompt::Write { editor, packets, what });
    }

    /// Asks what the selected row's transport is to be decoded as.
    pub(crate) fn open_decode_as(&mut self) {
        let Some(id) = self.tree.selected() else { return };
        let Some(key) = self.key_of(id.flow) else { return };
        let transport = match id.level {
            streamlens_model::row::Level::Flow => 0,
            _ => id.transport,
        };
        let transport = self.name_of(streamlens_model::row::RowId::transport(id.flow, transport));
        let names = self.options.catalogue.encodings().map(str::to_owned).collect();
        let picker = Picker::new("Decode as", names, None);
        self.prompt = Some(Prompt::DecodeAs { picker, key, transport });
    }

    /// Lets the columns be chosen.
    pub(crate) fn open_columns(&mut self, width: usize) {
        let by_width = || columns::by_width(width).into_iter().map(str::to_owned).collect();
        let ticked = self.options.columns.clone().unwrap_or_else(by_width);
        let names = columns::all().map(str::to_owned).chain(["history".to_owned()]).collect();
        self.prompt = Some(Prompt::Columns(Picker::new("Columns", names, Some(ticked))));
    }
}

fn pick(picker: &mut Picker, key: &KeyEvent) {
    match key.code {
        KeyCode::Up => picker.step(-1),
        KeyCode::Down => picker.step(1),
        KeyCode::PageUp => picker.step(-10),
        KeyCode::PageDown => picker.step(10),
        KeyCode::Backspace => picker.type_in(None),
        KeyCode::Char(letter) => picker.type_in(Some(letter)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_characters() {
        let mut editor = Editor::new("ptp and ü");
        let mut key = |code, modifiers| {
            editor.key(&KeyEvent::new(code, modifiers));
            (editor.text.clone(), editor.cursor)
        };
        assert_eq!(key(KeyCode::Left, KeyModifiers::NONE), ("ptp and ü".into(), 8));
        assert_eq!(key(KeyCode::Delete, KeyModifiers::NONE), ("ptp and ".into(), 8));
        assert_eq!(key(KeyCode::Char('w'), KeyModifiers::CONTROL), ("ptp ".into(), 4));
        assert_eq!(key(KeyCode::Home, KeyModifiers::NONE), ("ptp ".into(), 0));
        assert_eq!(key(KeyCode::Backspace, KeyModifiers::NONE), ("ptp ".into(), 0));
        assert_eq!(key(KeyCode::Char('x'), KeyModifiers::NONE), ("xptp ".into(), 1));
        editor.insert("a\r\nb\tc\nd\x1b");
        assert_eq!(editor.text, "xa b c dptp ");
    }
}
