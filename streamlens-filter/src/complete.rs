//! What a filter may go on with.

use std::ops::Range;

use streamlens_model::row::{Amount, COLUMNS, Kind, Level, Names};
use streamlens_model::{Severity, TrafficType};

use crate::ast::{Compare, Function};
use crate::catalogue::{Catalogue, transports};
use crate::check::UNITS;
use crate::error::Span;
use crate::field::{FieldRef, PREFIXES};
use crate::token::{Token, tokens};

/// What may stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The bytes that a suggestion replaces: the piece at the cursor, up to it.
    pub place: Range<usize>,
    /// Texts that may stand there, which begin with what does; fields first.
    pub suggestions: Vec<String>,
    /// Values that can't be listed, in a word each: `number`, `duration`, `address`, `text`, ...
    pub values: Vec<&'static str>,
    /// Signs that may follow right behind the piece, which is whole then: `,` `..` `}` `)`.
    pub next: Vec<&'static str>,
}

/// What the pieces so far ask for.
#[derive(Clone, Debug)]
enum Wanted {
    /// A test: its first value, or something that stands alone.
    Test,
    /// An operator behind a value of this kind, which could also stand alone where there is no operator yet.
    Operator(Option<Kind>),
    /// A value to compare with.
    Value(Option<Kind>),
    /// The brace of a set.
    Brace,
    /// A comma, two dots or the end of a set.
    InSet,
    /// A text.
    Text(Option<Kind>),
    /// What joins tests.
    Join,
}

/// What a filter may go on with at a cursor, which is a place in bytes.
///
/// ```
/// use streamlens_filter::{Catalogue, complete};
/// let catalogue = Catalogue::new().encoding("IENA", None);
/// assert!(complete("encoding == i", 13, &catalogue).suggestions.contains(&"IENA".to_owned()));
/// assert_eq!(complete("jitter > ", 9, &catalogue).values, ["duration"]);
/// ```
#[must_use]
pub fn complete(text: &str, cursor: usize, catalogue: &Catalogue) -> Completion {
    let cursor = (0..=cursor.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = text.get(..cursor).unwrap_or_default();
    let begin = begin_of_piece(before);
    let (found, _) = tokens(before.get(..begin).unwrap_or_default());
    let written = before.get(begin..).unwrap_or_default();
    let mut completion = Completion { place: begin..cursor, ..Completion::default() };
    offer(&wanted(&found), written, catalogue, &mut completion);
    if !written.is_empty() {
        // one dot is the first half of two
        let (whole, _) = tokens(before.strip_suffix('.').unwrap_or(before));
        completion.next = match wanted(&whole) {
            Wanted::InSet => vec![",", "..", "}"],
            Wanted::Join | Wanted::Operator(_) => vec![")"],
            _ => Vec::new(),
        };
    }
    let folded = written.to_lowercase();
    completion.suggestions.retain(|text| text.to_lowercase().starts_with(&folded));
    completion
}

/// Where the piece begins that a text ends in: a text that is not closed, a run of letters, digits and what addresses have in
/// them, or a run of signs.
fn begin_of_piece(before: &str) -> usize {
    if let (_, Some(error)) = tokens(before)
        && before.get(error.place()).is_some_and(|text| text.starts_with('"') || text.starts_with("r\""))
    {
        return error.place().start;
    }
    let run = |is_in: fn(char) -> bool| {
        let rest = before.trim_end_matches(is_in);
        (rest.len(), before.get(rest.len()..).unwrap_or_default())
    };
    let (begin, piece) = run(|letter| letter.is_alphanumeric() || "._-:/%$\"".contains(letter));
    if piece.is_empty() {
        return run(|letter| "=!<>&|~".contains(letter)).0;
    }
    // a text that is closed is whole; a range and a division begin something new
    if piece.ends_with('"') {
        return before.len();
    }
    let after = |sign: &str| piece.rfind(sign).map_or(begin, |at| begin + at + sign.len());
    let is_word = piece.starts_with(|letter: char| letter.is_alphabetic());
    if is_word { after("..").max(after("/")) } else { after("..") }
}

/// What is wanted behind some pieces.
fn wanted(found: &[(Token, Span)]) -> Wanted {
    let mut wanted = Wanted::Test;
    let mut kind = None;
    let mut is_in_set = false;
    let mut calls = 0_u32;
    for (token, _) in found {
        wanted = match (token, &wanted) {
            (Token::Word(word), _) if matches!(word.as_str(), "and" | "or" | "not" | "any" | "all") => Wanted::Test,
            (Token::Word(word), Wanted::Operator(_)) if word == "in" => Wanted::Brace,
            (Token::Word(word), Wanted::Operator(_)) if word == "contains" || word == "matches" => Wanted::Text(kind),
            (Token::Word(word), Wanted::Operator(_)) if Compare::ALL.iter().any(|(_, _, name)| name == word) => {
                Wanted::Value(kind)
            }
            (Token::Sign("&&" | "||" | "!"), _) => Wanted::Test,
            (Token::Sign("~"), _) => Wanted::Text(kind),
            (Token::Sign("("), _) => {
                calls += u32::from(matches!(wanted, Wanted::Operator(_)));
                Wanted::Test
            }
            (Token::Sign(")"), _) if calls > 0 => {
                calls -= 1;
                Wanted::Operator(kind)
            }
            (Token::Sign(")"), _) => Wanted::Join,
            (Token::Sign("{"), _) => {
                is_in_set = true;
                Wanted::Value(kind)
            }
            (Token::Sign("}"), _) => {
                is_in_set = false;
                Wanted::Join
            }
            (Token::Sign(".."), _) => Wanted::Value(kind),
            (Token::Sign(","), _) if is_in_set => Wanted::Value(kind),
            (Token::Sign("," | "+" | "-" | "*" | "/"), Wanted::Join | Wanted::Value(_)) => Wanted::Value(kind),
            (Token::Sign("," | "+" | "-" | "*" | "/"), _) => Wanted::Test,
            (Token::Sign(_), _) => Wanted::Value(kind),
            (_, Wanted::Value(_)) if is_in_set => Wanted::InSet,
            (_, Wanted::Value(_) | Wanted::Text(_)) => Wanted::Join,
            (Token::Word(word), _) => {
                kind = FieldRef::find(word).ok().map(|field| field.kind()).or(kind);
                Wanted::Operator(kind)
            }
            (Token::Text(_) | Token::Named(_), _) => Wanted::Join,
            _ => Wanted::Operator(kind),
        };
    }
    wanted
}

fn offer(wanted: &Wanted, written: &str, catalogue: &Catalogue, into: &mut Completion) {
    let mut add = |text: &str| into.suggestions.push(text.to_owned());
    match wanted {
        Wanted::Test => {
            offer_fields(&mut add);
            catalogue.encodings().for_each(&mut add);
            catalogue.encodings().for_each(|name| add(&name.to_lowercase()));
            transports().for_each(|name| add(&name.to_lowercase()));
            TrafficType::ALL.iter().for_each(|cast| add(cast.name()));
            ["ip", "ipv6", "eth", "not", "any", "all", "(", "!"].into_iter().for_each(&mut add);
            Function::ALL.iter().for_each(|function| add(&format!("{}(", function.name())));
            catalogue.filters().for_each(|name| add(&format!("${name}")));
            into.values = vec!["address", "text", "number"];
        }
        Wanted::Operator(kind) => {
            operators(*kind).for_each(&mut add);
            ["and", "or", "&&", "||", ")"].into_iter().for_each(&mut add);
        }
        Wanted::Join => ["and", "or", "&&", "||", ")", "+", "-", "*", "/"].into_iter().for_each(add),
        Wanted::Brace => add("{"),
        Wanted::InSet => [",", "..", "}"].into_iter().for_each(add),
        Wanted::Text(kind) => {
            offer_names(*kind, catalogue, &mut add);
            into.values = vec!["text"];
        }
        Wanted::Value(kind) => {
            offer_names(*kind, catalogue, &mut add);
            offer_fields(&mut add);
            offer_units(*kind, written, &mut add);
            into.values = vec![kind.map_or("number", Kind::name)];
        }
    }
}

fn offer_fields(add: &mut dyn FnMut(&str)) {
    COLUMNS.iter().for_each(|column| add(column.name));
    for (prefix, level) in PREFIXES {
        let at = COLUMNS.iter().filter(|column| column.is_at(level) && !column.name.starts_with("stream."));
        at.for_each(|column| add(&format!("{prefix}{}", column.name)));
    }
    ["meta.", "measure."].into_iter().for_each(add);
}

/// The names of a kind, as words and in quotation marks.
fn offer_names(kind: Option<Kind>, catalogue: &Catalogue, add: &mut dyn FnMut(&str)) {
    let Some(Kind::Name(names)) = kind else { return };
    let mut both = |name: &str| {
        if name.chars().all(char::is_alphanumeric) {
            add(name);
        }
        add(&format!("\"{name}\""));
        let is_in_word = |letter: char| {
            letter.is_alphanumeric() || matches!(letter, '-' | '_') || (letter == '.' && names == Names::Finding)
        };
        let is_word = name.chars().all(is_in_word);
        if is_word && !name.chars().all(char::is_alphanumeric) {
            add(name);
        }
    };
    match names {
        Names::Encoding => catalogue.encodings().for_each(both),
        Names::PacketType => catalogue.packet_types().for_each(both),
        Names::Transport => transports().for_each(|name| both(&name)),
        Names::Cast => TrafficType::ALL.iter().for_each(|cast| both(cast.name())),
        Names::Severity => Severity::ALL.iter().for_each(|severity| both(severity.name())),
        Names::Level => Level::ALL.iter().for_each(|level| both(level.name())),
        Names::Finding => catalogue.findings().for_each(both),
    }
}

/// The units behind the digits that are written.
fn offer_units(kind: Option<Kind>, written: &str, add: &mut dyn FnMut(&str)) {
    let digits = written.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let Some(Kind::Number(amount)) = kind else { return };
    if digits.is_empty() {
        return;
    }
    let fits = |of: Option<Amount>| of == Some(amount) || (of.is_none() && amount != Amount::Duration);
    UNITS
        .iter()
        .filter(|(name, of, _)| !name.is_empty() && fits(*of))
        .for_each(|(name, ..)| add(&format!("{digits}{name}")));
}

fn operators(kind: Option<Kind>) -> impl Iterator<Item = &'static str> {
    let has_order =
        matches!(kind, None | Some(Kind::Number(_) | Kind::Instant | Kind::Any | Kind::Name(Names::Severity)));
    let is_text = matches!(kind, None | Some(Kind::Text | Kind::Name(_) | Kind::Any));
    let compare =
        Compare::ALL.into_iter().filter(move |(compare, ..)| has_order || matches!(compare, Compare::Eq | Compare::Ne));
    let texts = ["contains", "matches", "~"].into_iter().filter(move |_| is_text);
    let numbers = ["+", "-", "*", "/"].into_iter().filter(move |_| has_order);
    compare.flat_map(|(_, sign, word)| [sign, word]).chain(["in"]).chain(texts).chain(numbers)
}
