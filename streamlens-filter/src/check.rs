//! What the words of a filter stand for, and whether its types agree.

use regex::{Regex, RegexBuilder};
use streamlens_model::row::{Amount, Field, Kind, Level, Names};
use streamlens_model::{Severity, TrafficType};

use crate::ast::{Compare, Expr, Product, Quantifier, Sum, Test, Value, ValueKind};
use crate::catalogue::{Catalogue, folded, is_same_name, nearest, transports};
use crate::error::{FilterError, Span};
use crate::field::{FieldRef, PREFIXES, unknown};
use crate::parse::parse;
use crate::program::{Calc, Fits, Node};
use crate::token::Token;

mod number;
mod value;

pub(crate) use self::number::UNITS;

/// The most tests of a filter with all that it names.
const MOST_TESTS: usize = 2048;
/// How deep named filters may name each other.
const DEEPEST_NAMES: usize = 16;
/// The most tests whose answers are kept by encoding; the most words that are looked for, whose answers always are.
const MOST_MEMOS: u8 = 64;

/// Checks filters.
pub(crate) struct Checker<'c> {
    pub(crate) text: &'c str,
    pub(crate) catalogue: &'c Catalogue,
    pub(crate) tests: usize,
    memos: u8,
    /// Words that are looked for, so far.
    searches: u8,
    /// Patterns so far.
    patterns: usize,
    /// The named filters around, from the outermost.
    names: Vec<String>,
}

impl<'c> Checker<'c> {
    pub(crate) fn new(text: &'c str, catalogue: &'c Catalogue) -> Self {
        Self { text, catalogue, tests: 0, memos: 0, searches: 0, patterns: 0, names: Vec::new() }
    }

    pub(crate) fn wrong(&self, place: &Span, message: impl Into<String>) -> FilterError {
        FilterError::new(self.text, place, message)
    }

    pub(crate) fn node(&mut self, expr: &Expr) -> Result<Node, FilterError> {
        Ok(match expr {
            Expr::Everything => Node::Everything,
            Expr::Or(items) => Node::Or(items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?),
            Expr::And(items) => Node::And(items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?),
            Expr::Not(inner) => Node::Not(Box::new(self.node(inner)?)),
            Expr::Test(test) => self.test(test)?,
        })
    }

    fn test(&mut self, test: &Test) -> Result<Node, FilterError> {
        self.tests += 1;
        if self.tests > MOST_TESTS {
            let all = Span(0..self.text.len());
            return Err(self.wrong(&all, format!("with the filters that it names it has more than {MOST_TESTS} tests")));
        }
        match test {
            Test::Compare { quantifier, left, compare, sign, right } => {
                let all = Quantifier::all(*quantifier, *compare == Compare::Ne);
                self.comparison(all, left, *compare, sign, right)
            }
            Test::In { quantifier, left, items } => {
                let (calc, kind) = self.left(left)?;
                let fits = items.iter().map(|(from, to)| self.item(left, kind, from, to.as_ref()));
                let fits = Fits::AnyOf(fits.collect::<Result<_, _>>()?);
                Ok(self.made(Quantifier::all(*quantifier, false), calc, fits))
            }
            Test::Contains { quantifier, left, text, place } => {
                let calc = self.text_side(left, "contains")?;
                let pattern = self.pattern(&regex_syntax::escape(text), place)?;
                Ok(self.made(Quantifier::all(*quantifier, false), calc, Fits::Pattern(pattern)))
            }
            Test::Matches { quantifier, left, pattern, place } => {
                let calc = self.text_side(left, "matches")?;
                let pattern = self.pattern(pattern, place)?;
                Ok(self.made(Quantifier::all(*quantifier, false), calc, Fits::Pattern(pattern)))
            }
            Test::Alone(token, place) => self.alone(token, place),
            Test::Named(name, place) => self.named(name, place),
        }
    }

    /// A test with the fields that it asks for.
    fn made(&mut self, all: bool, left: Calc, fits: Fits) -> Node {
        let mut fields = Vec::new();
        left.fields(&mut fields);
        fits.fields(&mut fields);
        let memo = if fields.iter().any(FieldRef::is_of_streams) { self.memo() } else { None };
        Node::Test { all, left, fits, fields, memo }
    }

    fn memo(&mut self) -> Option<u8> {
        let next = Some(self.memos).filter(|memo| *memo < MOST_MEMOS);
        self.memos = self.memos.saturating_add(1).min(MOST_MEMOS);
        next
    }

    /// The left side of a comparison.
    fn left(&self, left: &Sum) -> Result<(Calc, Kind), FilterError> {
        let (calc, kind) = self.calc(left)?;
        Ok((calc, kind.unwrap_or(Kind::Number(Amount::Plain))))
    }

    /// The left side of `contains` and `matches`.
    fn text_side(&self, left: &Sum, word: &str) -> Result<Calc, FilterError> {
        let (calc, kind) = self.left(left)?;
        match kind {
            Kind::Text | Kind::Name(_) | Kind::Any => Ok(calc),
            other => {
                let name = self.text.get(left.place().0).unwrap_or_default();
                let article = if other.name().starts_with(['a', 'i']) { "an" } else { "a" };
                Err(self.wrong(&left.place(), format!("{word} needs a text; {name} is {article} {}", other.name())))
            }
        }
    }

    fn comparison(
        &mut self,
        all: bool,
        left: &Sum,
        compare: Compare,
        sign: &Span,
        right: &Sum,
    ) -> Result<Node, FilterError> {
        let (calc, kind) = self.left(left).map_err(|error| self.turned(left, sign, right).unwrap_or(error))?;
        let fits = match kind {
            Kind::Number(_) | Kind::Instant => self.ordered(left, kind, compare, right)?,
            Kind::Name(Names::Severity) => Fits::Severity(compare, self.severity(right)?),
            _ => {
                if !matches!(compare, Compare::Eq | Compare::Ne) {
                    let are = match kind {
                        Kind::Endpoint | Kind::Mac => "addresses have no order",
                        Kind::Any => return self.any_ordered(all, calc, compare, right),
                        _ => "texts and names have no order",
                    };
                    return Err(self.wrong(sign, are));
                }
                let same = self.same(left, kind, right)?;
                if compare == Compare::Ne { Fits::Not(Box::new(same)) } else { same }
            }
        };
        Ok(self.made(all, calc, fits))
    }

    /// What is wrong with `IENA == encoding`, where a field stands on the right alone.
    fn turned(&self, left: &Sum, sign: &Span, right: &Sum) -> Option<FilterError> {
        let field = self.field_of(right).filter(|field| !matches!(field.kind(), Kind::Number(_) | Kind::Instant))?;
        left.only().filter(|value| matches!(value.kind, ValueKind::Literal(_)))?;
        let written = |place: &Span| self.text.get(place.0.clone()).unwrap_or_default().trim();
        let message =
            format!("the field comes first: {} {} {}", field.field.name(), written(sign), written(&left.place()));
        Some(self.wrong(&left.place(), message))
    }

    /// Metadata that may be a number: a comparison with anything that has an order.
    fn any_ordered(&mut self, all: bool, left: Calc, compare: Compare, right: &Sum) -> Result<Node, FilterError> {
        let (right_calc, kind) = self.calc(right)?;
        match kind {
            Some(Kind::Number(_) | Kind::Instant | Kind::Any) | None => {
                Ok(self.made(all, left, Fits::Order(compare, right_calc)))
            }
            Some(_) => Err(self.wrong(&right.place(), "is no number and no instant, which alone have an order")),
        }
    }

    /// An item of a set.
    fn item(&self, left: &Sum, kind: Kind, from: &Sum, to: Option<&Sum>) -> Result<Fits, FilterError> {
        let Some(to) = to else {
            return match kind {
                Kind::Number(_) | Kind::Instant => self.ordered(left, kind, Compare::Eq, from),
                Kind::Name(Names::Severity) => Ok(Fits::Severity(Compare::Eq, self.severity(from)?)),
                _ => self.same(left, kind, from),
            };
        };
        match kind {
            Kind::Number(_) | Kind::Instant => {
                self.between(from, to, (self.right(left, kind, from)?, self.right(left, kind, to)?))
            }
            Kind::Any => self.between(from, to, (self.calc(from)?.0, self.calc(to)?.0)),
            Kind::Endpoint | Kind::Mac => Err(self
                .wrong(&from.place().to(&to.place()), "addresses have no order; write a network, such as 10.0.0.0/8")),
            _ => Err(self.wrong(&from.place().to(&to.place()), "texts and names have no order")),
        }
    }

    fn severity(&self, right: &Sum) -> Result<usize, FilterError> {
        let written = self.name_of(right);
        let found = written
            .as_deref()
            .and_then(|name| Severity::ALL.iter().position(|severity| is_same_name(severity.name(), name)));
        found.ok_or_else(|| self.wrong(&right.place(), "is none of info, warning, error"))
    }

    /// A test that is a single word, address or text.
    fn alone(&mut self, token: &Token, place: &Span) -> Result<Node, FilterError> {
        let addr = |fits: Fits| {
            let field = FieldRef::find("addr").map_err(|message| self.wrong(place, message))?;
            Ok((field, fits))
        };
        let (field, fits) = match token {
            Token::Endpoint(endpoint) => addr(Fits::Endpoint(*endpoint))?,
            Token::Network(address, bits) => addr(Fits::Network(*address, *bits))?,
            Token::Mac(mac) => {
                let field = |name| FieldRef::find(name).map_err(|message| self.wrong(place, message));
                let (addr, macs) = (field("addr")?, field("mac")?);
                let one = self.made(false, Calc::Field(addr), Fits::Mac(*mac));
                let other = self.made(false, Calc::Field(macs), Fits::Mac(*mac));
                return Ok(Node::Or(vec![one, other]));
            }
            Token::Word(word) => {
                if let Ok(field) = FieldRef::find(word) {
                    return Ok(Node::Has(field));
                }
                match self.name(word) {
                    Some(node) => return Ok(node),
                    // a field that was meant to be one
                    None if has_prefix(word) || word.contains('.') && unknown(word).contains("did you mean") => {
                        return Err(self.wrong(place, unknown(word)));
                    }
                    None => return self.search(word, place),
                }
            }
            Token::Text(text) => return self.search(text, place),
            Token::Number { text, .. } => return self.search(text, place),
            Token::Instant(_) => {
                let text = self.text.get(place.0.clone()).unwrap_or_default().to_owned();
                return self.search(&text, place);
            }
            Token::Named(_) | Token::Sign(_) => return Err(self.wrong(place, "something to test must stand here")),
        };
        Ok(self.made(false, Calc::Field(field), fits))
    }

    /// An encoding, a transport, a cast, or a version of IP, by its name alone.
    fn name(&mut self, word: &str) -> Option<Node> {
        let field = |name| FieldRef::find(name).ok();
        if let Some(encoding) = self.catalogue.encoding_like(word) {
            let fits = Fits::Encoding { name: encoding.to_owned(), refined_by: self.catalogue.refining(encoding) };
            return Some(self.made(false, Calc::Field(field("encoding")?), fits));
        }
        match word {
            "ip" => return field("ip.addr").map(Node::Has),
            "ipv6" => return field("ipv6.addr").map(Node::Has),
            "eth" => return field("mac").map(Node::Has),
            _ => {}
        }
        let name = Fits::Name(folded(word).collect());
        if TrafficType::ALL.iter().any(|cast| is_same_name(cast.name(), word)) {
            return Some(self.made(false, Calc::Field(field("cast")?), name));
        }
        let is_transport = transports().any(|known| is_same_name(&known, word));
        is_transport.then(|| Some(self.made(false, Calc::Field(field("transport")?), name)))?
    }

    fn search(&mut self, text: &str, place: &Span) -> Result<Node, FilterError> {
        let memo = self.searches;
        if memo >= MOST_MEMOS {
            let message = format!(
                "a filter looks for at most {MOST_MEMOS} words; matches takes several: name matches \"one|two\""
            );
            return Err(self.wrong(place, message));
        }
        self.searches += 1;
        let pattern = self.pattern(&regex_syntax::escape(text), place)?;
        Ok(Node::Search { pattern, memo })
    }

    fn named(&mut self, name: &str, place: &Span) -> Result<Node, FilterError> {
        let Some(text) = self.catalogue.filter(name) else {
            let near = nearest(name, self.catalogue.filters());
            let near = near.map_or_else(String::new, |near| format!("; did you mean ${near}?"));
            return Err(self.wrong(place, format!("there is no filter of the name ${name}{near}")));
        };
        if self.names.iter().any(|around| around == name) {
            return Err(self.wrong(place, format!("${name} names itself")));
        }
        if self.names.len() >= DEEPEST_NAMES {
            return Err(self.wrong(place, format!("named filters name each other at most {DEEPEST_NAMES} deep")));
        }
        self.names.push(name.to_owned());
        let outer = std::mem::replace(&mut self.text, text);
        let inner = parse(text).and_then(|expr| self.node(&expr));
        self.text = outer;
        self.names.pop();
        inner.map_err(|error| self.wrong(place, format!("${name} is wrong: {}", error.message())))
    }

    /// A pattern, without letter case unless it says so.
    fn pattern(&mut self, pattern: &str, place: &Span) -> Result<Regex, FilterError> {
        /// Bytes that a compiled pattern may take; of many patterns each takes less, so that a filter is read in little time.
        const LARGEST: usize = 1 << 20;
        const LEAST: usize = 1 << 16;
        self.patterns += 1;
        let largest = (LARGEST / self.patterns).max(LEAST);
        let parsed = regex_syntax::ParserBuilder::new().nest_limit(64).build().parse(pattern);
        if let Err(error) = &parsed {
            let start = match error {
                regex_syntax::Error::Parse(error) => error.span().start.offset,
                regex_syntax::Error::Translate(error) => error.span().start.offset,
                _ => 0,
            };
            let why = match error {
                regex_syntax::Error::Parse(error) => error.kind().to_string(),
                regex_syntax::Error::Translate(error) => error.kind().to_string(),
                _ => "it can't be read".to_owned(),
            };
            let number = pattern.get(..start).unwrap_or_default().chars().count() + 1;
            let wrong = self.in_text(pattern, start, place);
            return Err(self.wrong(&wrong, format!("the pattern is wrong at its character {number}: {why}")));
        }
        let built = RegexBuilder::new(pattern)
            .case_insensitive(true)
            .nest_limit(64)
            .size_limit(largest)
            .dfa_size_limit(LARGEST)
            .build();
        let too_large =
            if largest < LARGEST { "the pattern is too large beside the others" } else { "the pattern is too large" };
        built.map_err(|_| self.wrong(place, too_large))
    }

    /// Where a byte of a text literal stands in the filter; all of the literal where that can't be told.
    fn in_text(&self, pattern: &str, byte: usize, place: &Span) -> Span {
        let Some(at) = self.text.get(place.0.clone()).and_then(|written| written.find(pattern)) else {
            return place.clone();
        };
        let start = place.0.start + at + byte;
        let length = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Span(start..(start + length).min(place.0.end))
    }
}

impl Calc {
    /// The fields that it asks for.
    fn fields(&self, found: &mut Vec<FieldRef>) {
        match self {
            Self::Field(field) => found.push(field.clone()),
            Self::Number(_) | Self::Instant(_) => {}
            Self::Sum(first, rest) | Self::Product(first, rest) => {
                first.fields(found);
                rest.iter().for_each(|(_, item)| item.fields(found));
            }
            Self::Negative(inner) | Self::Abs(inner) | Self::Count(inner) | Self::Len(inner) => inner.fields(found),
            Self::Extreme { of, .. } => of.iter().for_each(|item| item.fields(found)),
        }
    }
}

impl Fits {
    fn fields(&self, found: &mut Vec<FieldRef>) {
        match self {
            Self::Order(_, calc) | Self::Same(calc) => calc.fields(found),
            Self::Between(from, to) => [from, to].into_iter().for_each(|calc| calc.fields(found)),
            Self::AnyOf(items) => items.iter().for_each(|item| item.fields(found)),
            Self::Not(inner) => inner.fields(found),
            _ => {}
        }
    }
}

impl Node {
    /// Whether any row is asked for its findings.
    pub(crate) fn asks_for_findings(&self) -> bool {
        match self {
            Self::Everything => false,
            Self::Or(items) | Self::And(items) => items.iter().any(Self::asks_for_findings),
            Self::Not(inner) => inner.asks_for_findings(),
            Self::Has(field) => field.is_of_findings(),
            Self::Test { fields, .. } => fields.iter().any(FieldRef::is_of_findings),
            Self::Search { .. } => true,
        }
    }
}

/// Whether a level stands in front of a word, as it does of fields alone.
fn has_prefix(word: &str) -> bool {
    PREFIXES.iter().map(|(prefix, _)| *prefix).chain(["stream."]).any(|prefix| word.starts_with(prefix))
}

/// What is meant by a level in a filter.
pub(crate) fn level_like(name: &str) -> Option<Level> {
    let is_type = is_same_name(name, "packet_type");
    Level::ALL.into_iter().find(|level| is_same_name(level.name(), name) || (is_type && *level == Level::PacketType))
}

/// The word or text that a side is alone.
impl Checker<'_> {
    pub(crate) fn name_of(&self, side: &Sum) -> Option<String> {
        let value = side.only().filter(|value| !value.is_negative)?;
        match &value.kind {
            ValueKind::Literal(Token::Word(name) | Token::Text(name)) => Some(name.clone()),
            ValueKind::Literal(Token::Number { text, .. }) => Some(text.clone()),
            _ => None,
        }
    }

    /// The field that a side is alone.
    pub(crate) fn field_of(&self, side: &Sum) -> Option<FieldRef> {
        FieldRef::find(side.only()?.as_word()?).ok()
    }

    pub(crate) fn calc(&self, sum: &Sum) -> Result<(Calc, Option<Kind>), FilterError> {
        self.sum(sum)
    }

    pub(crate) fn is_alone(product: &Product) -> bool {
        product.rest.is_empty()
    }

    pub(crate) fn field(&self, name: &str, value: &Value) -> Result<FieldRef, FilterError> {
        FieldRef::find(name).map_err(|message| self.wrong(&value.place, message))
    }
}

/// Whether values of a field are numbers or instants.
pub(crate) fn is_metadata(field: &FieldRef) -> bool {
    matches!(field.field, Field::Meta(_) | Field::Measure(_))
}
