//! Asking a row.

mod calc;
mod fits;
mod texts;

use streamlens_model::row::{Level, RowRef};

use self::texts::{above_and_own, around_texts, own_texts};
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
    tests: Answers,
    /// Of words that are looked for: in the encoding and above it, without its streams and with them.
    above: Answers,
    with_streams: Answers,
}

/// Answers that are known, by the numbers of tests.
#[derive(Clone, Copy, Debug, Default)]
struct Answers {
    known: u64,
    yes: u64,
}

impl Memo {
    /// The answer of an encoding that was kept, or that is found now; without a number it is not kept.
    fn answer(
        &mut self,
        row: &RowRef<'_>,
        of: fn(&mut Self) -> &mut Answers,
        bit: Option<u8>,
        find: impl FnOnce() -> bool,
    ) -> bool {
        let Some(bit) = bit else { return find() };
        let (encoding, mask) = (address(row), 1 << bit);
        if self.encoding != encoding {
            *self = Self { encoding, ..Self::default() };
        }
        let answers = of(self);
        if answers.known & mask == 0 {
            answers.known |= mask;
            answers.yes |= u64::from(find()) << bit;
        }
        answers.yes & mask != 0
    }
}

fn address(row: &RowRef<'_>) -> usize {
    row.encoding().map_or(0, |encoding| std::ptr::from_ref(encoding).addr())
}

impl Node {
    /// Whether the answer is yes. As [`ask`](Self::ask), but what can't make it so is not worked out.
    pub(crate) fn holds(&self, row: &RowRef<'_>, memo: &mut Memo) -> bool {
        match self {
            Self::Or(items) => items.iter().any(|item| item.holds(row, memo)),
            Self::And(items) => items.iter().all(|item| item.holds(row, memo)),
            Self::Not(inner) => inner.refutes(row, memo),
            _ => self.ask(row, memo) == Truth::True,
        }
    }

    /// Whether the answer is no.
    fn refutes(&self, row: &RowRef<'_>, memo: &mut Memo) -> bool {
        match self {
            Self::Or(items) => items.iter().all(|item| item.refutes(row, memo)),
            Self::And(items) => items.iter().any(|item| item.refutes(row, memo)),
            Self::Not(inner) => inner.holds(row, memo),
            _ => self.ask(row, memo) == Truth::False,
        }
    }

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
                Truth::of(memo.answer(row, |memo| &mut memo.tests, kept, || test(*all, left, fits, row)))
            }
            Self::Search { pattern, memo: kept } => {
                let is_found = |text: &str| pattern.is_match(text);
                let found = match (row.level(), row.at(Level::Encoding)) {
                    (Level::PacketType | Level::Stream, Some(encoding)) => {
                        own_texts(row, &is_found) || around_texts(row, &is_found) || {
                            // a stream row has its own name, and not those of the others
                            let is_type = row.level() == Level::PacketType;
                            let of: fn(&mut Memo) -> &mut Answers =
                                if is_type { |memo| &mut memo.with_streams } else { |memo| &mut memo.above };
                            memo.answer(row, of, Some(*kept), || above_and_own(&encoding, is_type, &is_found))
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
