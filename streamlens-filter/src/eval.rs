//! Asking a row.

mod calc;
mod fits;
mod texts;

use streamlens_model::row::{Level, RowRef};

use self::texts::{above_and_own, own_texts};
use crate::field::Known;
use crate::program::{Calc, Fits, Node};

/// What a row answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It matches.
    True,
    /// It doesn't.
    False,
    /// Rows below decide.
    Undecided,
}

impl Truth {
    fn of(answer: bool) -> Self {
        if answer { Self::True } else { Self::False }
    }
}

/// Answers of one encoding to the tests that take time with the number of its streams. They are those of its packet types, so
/// that a flow takes time with streams and types, and not with their product.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memo {
    /// Where the encoding is.
    encoding: usize,
    known: u64,
    yes: u64,
}

impl Memo {
    /// The answer that was kept for the encoding of a row.
    fn get(&self, row: &RowRef<'_>, bit: u8) -> Option<bool> {
        let mask = 1 << bit;
        (self.encoding == address(row) && self.known & mask != 0).then_some(self.yes & mask != 0)
    }

    fn set(&mut self, row: &RowRef<'_>, bit: u8, answer: bool) {
        let encoding = address(row);
        if self.encoding != encoding {
            *self = Self { encoding, known: 0, yes: 0 };
        }
        self.known |= 1 << bit;
        self.yes |= u64::from(answer) << bit;
    }
}

fn address(row: &RowRef<'_>) -> usize {
    row.encoding().map_or(0, |encoding| std::ptr::from_ref(encoding).addr())
}

impl Node {
    pub(crate) fn ask(&self, row: &RowRef<'_>, memo: &mut Memo) -> Truth {
        match self {
            Self::Everything => Truth::True,
            Self::Or(items) => {
                let mut truth = Truth::False;
                for item in items {
                    match item.ask(row, memo) {
                        Truth::True => return Truth::True,
                        Truth::Undecided => truth = Truth::Undecided,
                        Truth::False => {}
                    }
                }
                truth
            }
            Self::And(items) => {
                let mut truth = Truth::True;
                for item in items {
                    match item.ask(row, memo) {
                        Truth::False => return Truth::False,
                        Truth::Undecided => truth = Truth::Undecided,
                        Truth::True => {}
                    }
                }
                truth
            }
            Self::Not(inner) => match inner.ask(row, memo) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Undecided => Truth::Undecided,
            },
            Self::Has(field) => match field.known(row) {
                Known::Below => Truth::Undecided,
                Known::Absent => Truth::False,
                Known::Yes => Truth::of(field.read(row, &mut |_| true)),
            },
            Self::Test { all, left, fits, fields, memo: kept } => {
                if fields.iter().any(|field| field.known(row) == Known::Below) {
                    return Truth::Undecided;
                }
                // packet types have the streams of their encoding
                let kept = kept
                    .filter(|_| row.level() == Level::PacketType && fields.iter().all(|field| field.is_of_streams()));
                if let Some(answer) = kept.and_then(|bit| memo.get(row, bit)) {
                    return Truth::of(answer);
                }
                let answer = test(*all, left, fits, row);
                if let Some(bit) = kept {
                    memo.set(row, bit, answer);
                }
                Truth::of(answer)
            }
            Self::Search { pattern, memo: kept } => {
                let is_found = |text: &str| pattern.is_match(text);
                let found = match (row.level(), row.at(Level::Encoding)) {
                    (Level::PacketType | Level::Stream, Some(encoding)) => {
                        own_texts(row, &is_found) || {
                            let is_type = row.level() == Level::PacketType;
                            let kept = kept.filter(|_| is_type);
                            match kept.and_then(|bit| memo.get(row, bit)) {
                                Some(answer) => answer,
                                None => {
                                    // a stream row has its own name, and not those of the others
                                    let answer = above_and_own(&encoding, is_type, &is_found);
                                    if let Some(bit) = kept {
                                        memo.set(row, bit, answer);
                                    }
                                    answer
                                }
                            }
                        }
                    }
                    _ => above_and_own(row, true, &is_found),
                };
                let has_below = || {
                    let below = [Level::Transport, Level::Encoding, Level::Stream, Level::PacketType];
                    below.iter().any(|level| row.has_below(*level))
                };
                match found {
                    true => Truth::True,
                    false if has_below() => Truth::Undecided,
                    false => Truth::False,
                }
            }
        }
    }
}

/// Whether any, or all and at least one, of the values fit.
fn test(all: bool, left: &Calc, fits: &Fits, row: &RowRef<'_>) -> bool {
    if let (Calc::Field(field), true) = (left, left.is_single()) {
        return field.first(row).is_some_and(|cell| fits.fit(cell, all, row));
    }
    if !all {
        return left.each(row, &mut |cell| fits.fit(cell, false, row));
    }
    let mut has_any = false;
    let is_refuted = left.each(row, &mut |cell| {
        has_any = true;
        !fits.fit(cell, true, row)
    });
    has_any && !is_refuted
}
