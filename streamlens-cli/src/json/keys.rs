//! Keys that stand in the program: the same few again and again, and most of the texts of a document.

use super::Error;
use super::plain::{grow_and_retry, lacks_room, push_text};

/// How many are remembered; a power of two.
const SLOTS: usize = 256;
/// The longest of them, with what is around it.
const ROOM: usize = 40;

/// Keys as they were written, by where their texts are.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Clone, Copy)]
struct Key {
    /// Where the text is, and how long.
    address: usize,
    length: usize,
    written: [u8; ROOM],
    /// How much of that it takes.
    end: usize,
}

impl Keys {
    /// Appends a key as [`push_text`] does. What is known of it is copied with as many bytes for all, whatever its length.
    #[inline(never)]
    pub(super) fn push(&mut self, out: &mut Vec<u8>, lead: u8, text: &str) -> Result<(), Error> {
        if lacks_room(out, ROOM) {
            return grow_and_retry(out, |out| self.push(out, lead, text));
        }
        let (address, begin) = (text.as_ptr().addr(), out.len());
        let place = (address ^ (address / SLOTS)) % SLOTS;
        match self.0.get(place) {
            Some(key) if key.address == address && key.length == text.len() => {
                out.extend_from_slice(&key.written);
                if let Some(first) = out.get_mut(begin) {
                    *first = lead;
                }
                out.truncate(begin + key.end);
                Ok(())
            }
            _ => self.note(place, out, lead, text),
        }
    }

    #[cold]
    fn note(&mut self, place: usize, out: &mut Vec<u8>, lead: u8, text: &str) -> Result<(), Error> {
        let begin = out.len();
        push_text::<true>(out, lead, text)?;
        let written = out.get(begin..).unwrap_or_default();
        let mut key = Key { address: text.as_ptr().addr(), length: text.len(), written: [0; ROOM], end: written.len() };
        if let Some(room) = key.written.get_mut(..written.len()) {
            room.copy_from_slice(written);
            self.0.resize(SLOTS, Key { address: 0, length: 0, written: [0; ROOM], end: 0 });
            self.0[place] = key;
        }
        Ok(())
    }
}
