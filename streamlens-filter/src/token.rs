//! From text to words, numbers, addresses, texts and signs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use streamlens_model::{Address, Endpoint, MacAddress, Timestamp};

use crate::check::UNITS;
use crate::error::{FilterError, Span};
use crate::instant;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// Letters, digits, dots, hyphens, underscores.
    Word(String),
    /// A number as it is written, and the unit behind it.
    Number {
        value: f64,
        unit: String,
        text: String,
    },
    /// An address, with a port where one is written.
    Endpoint(Endpoint),
    /// An address and how many of its bits count.
    Network(IpAddr, u8),
    Mac(MacAddress),
    Instant(Timestamp),
    Text(String),
    /// `$name`.
    Named(String),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Signs, longer ones before those that they begin with.
const SIGNS: [&str; 22] = [
    "==", "!=", ">=", "<=", "&&", "||", "..", ">", "<", "=", "!", "&", "|", "(", ")", "{", "}", ",", "+", "-", "*", "/",
];
/// A sign of its own, in front of texts alone.
const TILDE: &str = "~";

/// The pieces of a text with their places; those in front of an error, and the error.
pub(crate) fn tokens(text: &str) -> (Vec<(Token, Span)>, Option<FilterError>) {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        if rest.is_empty() {
            return (found, None);
        }
        match next(text, at) {
            Ok((token, length)) => {
                let end = at + length.max(1);
                found.push((token, Span(at..end)));
                at = end;
            }
            Err(error) => return (found, Some(error)),
        }
    }
}

/// The piece that begins at a place, and its bytes.
fn next(text: &str, at: usize) -> Result<(Token, usize), FilterError> {
    let rest = text.get(at..).unwrap_or_default();
    let error = |length: usize, message: &str| Err(FilterError::new(text, &Span(at..at + length), message));
    let first = rest.chars().next().unwrap_or(' ');
    if first == '"' {
        return quoted(text, at);
    }
    if let Some(inner) = rest.strip_prefix("r\"") {
        return match inner.find('"') {
            Some(end) => Ok((Token::Text(inner.get(..end).unwrap_or_default().to_owned()), end + 3)),
            None => error(rest.len(), "the text is not closed"),
        };
    }
    if first == '$' {
        let name = word(rest.get(1..).unwrap_or_default());
        return if name.is_empty() {
            error(1, "a name must follow on $")
        } else {
            Ok((Token::Named(name.to_owned()), name.len() + 1))
        };
    }
    if let Some((token, length)) = address_run(rest) {
        return token.map(|token| (token, length)).or_else(|message| error(length, &message));
    }
    if first.is_ascii_digit() || (first == '.' && rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit())) {
        return Ok(number(rest));
    }
    let name = word(rest);
    if !name.is_empty() {
        return Ok((Token::Word(name.to_owned()), name.len()));
    }
    let sign = SIGNS.into_iter().chain([TILDE]).find(|sign| rest.starts_with(sign));
    match sign {
        Some("&") => error(1, "one & means nothing: write and, or &&"),
        Some("|") => error(1, "one | means nothing: write or, or ||"),
        Some("=") => error(1, "one = means nothing: write == to compare"),
        Some(sign) => Ok((Token::Sign(sign), sign.len())),
        None if first == '%' => error(1, "write number and unit as one: 80%"),
        None if first == '\'' => error(1, "texts stand in double quotation marks, such as \"wing\""),
        None => error(first.len_utf8(), &format!("{first:?} means nothing here; texts stand in quotation marks")),
    }
}

/// The letters, digits and inner dots and hyphens that the text begins with; two dots end it.
fn word(text: &str) -> &str {
    let mut end = 0;
    for (at, letter) in text.char_indices() {
        let goes_on = || {
            text.get(at + 1..)
                .and_then(|rest| rest.chars().next())
                .is_some_and(|next| next.is_alphanumeric() || next == '_')
        };
        match letter {
            '_' => {}
            letter if letter.is_alphanumeric() => {}
            '.' | '-' if end > 0 && goes_on() => {}
            _ => break,
        }
        end = at + letter.len_utf8();
    }
    text.get(..end).unwrap_or_default()
}

/// A text in quotation marks. A backslash stands before quotation marks, backslashes, n, t and r; before anything else it is
/// itself, so that patterns need no second one.
fn quoted(text: &str, at: usize) -> Result<(Token, usize), FilterError> {
    let rest = text.get(at..).unwrap_or_default();
    let mut inner = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Ok((Token::Text(inner), place + 1)),
            '\\' => match letters.next() {
                Some((_, letter @ ('"' | '\\'))) => inner.push(letter),
                Some((_, 'n')) => inner.push('\n'),
                Some((_, 't')) => inner.push('\t'),
                Some((_, 'r')) => inner.push('\r'),
                Some((_, other)) => inner.extend(['\\', other]),
                None => break,
            },
            letter => inner.push(letter),
        }
    }
    Err(FilterError::new(text, &Span(at..text.len()), "the text is not closed"))
}

/// What reads as an address, a network, a MAC address or an instant: a run of letters, digits, dots, colons with what may
/// follow on it. `None` where it looks like none of these.
fn address_run(rest: &str) -> Option<(Result<Token, String>, usize)> {
    if let Some(inner) = rest.strip_prefix('[') {
        let end = inner.find(']')?;
        let port = inner.get(end + 1..)?.strip_prefix(':').map(digits);
        let length = end + 2 + port.map_or(0, |port| port.len() + 1);
        let address = inner.get(..end).and_then(|address| address.parse().ok()).map(Address::V6);
        return Some((endpoint(address, port, rest.get(..length)?), length));
    }
    let run_end =
        rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || ".:".contains(letter))).unwrap_or(rest.len());
    let mut run = rest.get(..run_end)?;
    if let Some(range) = run.find("..") {
        run = run.get(..range)?;
    }
    let run = run.trim_end_matches('.');
    if is_date(rest) {
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || "-:.+".contains(letter)))
            .unwrap_or(rest.len());
        let mut text = rest.get(..end)?;
        text = text.find("..").and_then(|range| text.get(..range)).unwrap_or(text);
        let read = instant::parse(text).map(Token::Instant);
        let wrong = || match instant::parse(&format!("{text}Z")) {
            Some(_) => format!("an instant needs its zone: {text}Z, or such as {text}+01:00"),
            None => "is no instant such as 2026-03-02T09:00:00.5Z, from 1678 to 2261".to_owned(),
        };
        return Some((read.ok_or_else(wrong), text.len()));
    }
    let colons = run.matches(':').count();
    let first = run.chars().next()?;
    if colons >= 2 && (first.is_ascii_hexdigit() || first == ':') {
        return Some(with_colons(rest, run));
    }
    let dots = run.split(':').next().map_or(0, |front| front.matches('.').count());
    let is_numeric = run.chars().all(|letter| letter.is_ascii_digit() || ".:".contains(letter));
    // three numbers are no number and no word, so that an address was meant
    (is_numeric && first.is_ascii_digit() && (dots >= 2 || colons == 1)).then(|| with_dots(rest, run))
}

fn with_colons(rest: &str, run: &str) -> (Result<Token, String>, usize) {
    if let Ok(mac) = run.parse() {
        return (Ok(Token::Mac(mac)), run.len());
    }
    let Ok(address) = run.parse::<Ipv6Addr>() else { return (Err(no_address(run)), run.len()) };
    network(rest, run, IpAddr::V6(address), 128)
}

fn with_dots(rest: &str, run: &str) -> (Result<Token, String>, usize) {
    let (host, port) = match run.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (run, None),
    };
    match host.parse::<Ipv4Addr>() {
        Ok(address) if port.is_none() => network(rest, run, IpAddr::V4(address), 32),
        address => (endpoint(address.ok().map(Address::V4), port, run), run.len()),
    }
}

/// An address, or a network where a slash and bits follow.
fn network(rest: &str, run: &str, address: IpAddr, most: u8) -> (Result<Token, String>, usize) {
    let bits =
        rest.get(run.len()..).and_then(|rest| rest.strip_prefix('/')).map(digits).filter(|bits| !bits.is_empty());
    let Some(bits) = bits else {
        let address = match address {
            IpAddr::V4(address) => Address::V4(address),
            IpAddr::V6(address) => Address::V6(address),
        };
        return (Ok(Token::Endpoint(Endpoint { address, port: None })), run.len());
    };
    let length = run.len() + 1 + bits.len();
    let version = if most == 32 { "IPv4" } else { "IPv6" };
    let bits = bits.parse().ok().filter(|bits| *bits <= most);
    let too_many = || format!("a network of {version} has at most {most} bits");
    (bits.map(|bits| Token::Network(address, bits)).ok_or_else(too_many), length)
}

fn endpoint(address: Option<Address>, port: Option<&str>, text: &str) -> Result<Token, String> {
    let port = port.map(str::parse::<u16>).transpose();
    match (address, port) {
        (Some(address), Ok(port)) => Ok(Token::Endpoint(Endpoint { address, port })),
        (Some(_), Err(_)) => Err("ports go from 0 to 65535".to_owned()),
        (None, _) => Err(no_address(text)),
    }
}

fn no_address(text: &str) -> String {
    format!("{text} is no address, no network such as 10.0.0.0/8, no address:port")
}

fn digits(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Whether it begins as a date does: four digits, a hyphen, two digits, a hyphen.
fn is_date(text: &str) -> bool {
    let form = text.bytes().take(8).map(|letter| if letter.is_ascii_digit() { b'0' } else { letter });
    form.eq(*b"0000-00-")
}

/// A number with the unit behind it; a word where what follows on the digits is neither unit nor sign.
fn number(rest: &str) -> (Token, usize) {
    let all = word(rest);
    if let Some(value) = hexadecimal(all) {
        return (Token::Number { value, unit: String::new(), text: all.to_owned() }, all.len());
    }
    let whole = digits(rest);
    let fraction = rest.get(whole.len()..).and_then(|rest| rest.strip_prefix('.')).map_or("", digits);
    let mut length = whole.len() + if fraction.is_empty() { 0 } else { fraction.len() + 1 };
    let behind = rest.get(length..).unwrap_or_default();
    let exponent = behind.strip_prefix(['e', 'E']).and_then(|behind| {
        let sign = usize::from(behind.starts_with(['+', '-']));
        let digits = digits(behind.get(sign..)?).len();
        let end = letters(behind.get(sign + digits..)?);
        let is_end = end.is_empty() || UNITS.iter().any(|(unit, ..)| *unit == end);
        (digits > 0 && is_end).then_some(1 + sign + digits)
    });
    length += exponent.unwrap_or(0);
    let value = rest.get(..length).unwrap_or_default();
    let behind = rest.get(length..).unwrap_or_default();
    let unit = if behind.starts_with('%') { "%" } else { letters(behind) };
    let total = length + unit.len();
    // 2cam and 4x.7 are words
    if all.len() > total || (!unit.is_empty() && unit.chars().any(char::is_numeric)) {
        return (Token::Word(all.to_owned()), all.len());
    }
    let text = rest.get(..total).unwrap_or_default().to_owned();
    match value.parse::<f64>() {
        Ok(value) if value.is_finite() => (Token::Number { value, unit: unit.to_owned(), text }, total),
        _ => (Token::Word(text), total),
    }
}

/// The value of `0x1E`, where it is one that a number holds exactly.
fn hexadecimal(text: &str) -> Option<f64> {
    const LARGEST: u64 = 1 << 53;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let value = u64::from_str_radix(digits, 16).ok().filter(|value| *value <= LARGEST)?;
    Some(value as f64)
}

/// Whether a number was written in hexadecimal.
pub(crate) fn is_hexadecimal(text: &str) -> bool {
    text.starts_with("0x") || text.starts_with("0X")
}

fn letters(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}
