//! What a filter says, before it is known what its words stand for.

use std::fmt;

use crate::error::Span;
use crate::token::Token;

/// A filter as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// The empty filter.
    Everything,
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    Test(Box<Test>),
}

/// Which of several values count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Any,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Compare {
        quantifier: Option<Quantifier>,
        left: Sum,
        compare: Compare,
        sign: Span,
        right: Sum,
    },
    In {
        quantifier: Option<Quantifier>,
        left: Sum,
        items: Vec<(Sum, Option<Sum>)>,
    },
    Contains {
        quantifier: Option<Quantifier>,
        left: Sum,
        text: String,
        place: Span,
    },
    Matches {
        quantifier: Option<Quantifier>,
        left: Sum,
        pattern: String,
        place: Span,
    },
    /// A field, a name, an address, or something to look for.
    Alone(Token, Span),
    /// `$name`.
    Named(String, Span),
}

/// Values that are added and, where the flag is set, subtracted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sum {
    pub(crate) first: Product,
    pub(crate) rest: Vec<(bool, Product)>,
}

/// Values that are multiplied and, where the flag is set, divided by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Product {
    pub(crate) first: Value,
    pub(crate) rest: Vec<(bool, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Abs,
    Min,
    Max,
    Count,
    Len,
}

/// A field, a function or a literal, with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) is_negative: bool,
    pub(crate) kind: ValueKind,
    pub(crate) place: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ValueKind {
    Call(Function, Vec<Sum>),
    Literal(Token),
}

impl Function {
    pub(crate) const ALL: [Self; 5] = [Self::Abs, Self::Min, Self::Max, Self::Count, Self::Len];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Abs => "abs",
            Self::Min => "min",
            Self::Max => "max",
            Self::Count => "count",
            Self::Len => "len",
        }
    }
}

impl Compare {
    /// The sign, and the word that means the same.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::Eq, "==", "eq"),
        (Self::Ne, "!=", "ne"),
        (Self::Gt, ">", "gt"),
        (Self::Ge, ">=", "ge"),
        (Self::Lt, "<", "lt"),
        (Self::Le, "<=", "le"),
    ];

    pub(crate) fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(compare, ..)| *compare == self).map_or("", |(_, sign, _)| sign)
    }
}

impl Value {
    /// The only word that it is.
    pub(crate) fn as_word(&self) -> Option<&str> {
        match &self.kind {
            ValueKind::Literal(Token::Word(word)) if !self.is_negative => Some(word),
            _ => None,
        }
    }
}

impl Sum {
    /// The only value that it is.
    pub(crate) fn only(&self) -> Option<&Value> {
        (self.rest.is_empty() && self.first.rest.is_empty()).then_some(&self.first.first)
    }

    pub(crate) fn place(&self) -> Span {
        let last = self.rest.last().map_or(&self.first, |(_, product)| product);
        let end = last.rest.last().map_or(&last.first, |(_, value)| value);
        self.first.first.place.to(&end.place)
    }
}

/// Precedence decides on the brackets: `or` in `and`, both in `not`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, items: &[Self], between: &str, needs_brackets: fn(&Self) -> bool| {
            for (index, item) in items.iter().enumerate() {
                f.write_str(if index == 0 { "" } else { between })?;
                if needs_brackets(item) { write!(f, "({item})")? } else { write!(f, "{item}")? }
            }
            Ok(())
        };
        match self {
            Self::Everything => Ok(()),
            Self::Or(items) => list(f, items, " or ", |item| matches!(item, Self::Or(_))),
            Self::And(items) => list(f, items, " and ", |item| matches!(item, Self::Or(_) | Self::And(_))),
            Self::Not(inner) if matches!(**inner, Self::Or(_) | Self::And(_)) => write!(f, "not ({inner})"),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Test(test) => test.fmt(f),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |quantifier: &Option<Quantifier>| match quantifier {
            None => "",
            Some(Quantifier::Any) => "any ",
            Some(Quantifier::All) => "all ",
        };
        match self {
            Self::Compare { quantifier, left, compare, right, .. } => {
                write!(f, "{}{left} {} {right}", word(quantifier), compare.sign())
            }
            Self::In { quantifier, left, items } => {
                write!(f, "{}{left} in {{", word(quantifier))?;
                for (index, (from, to)) in items.iter().enumerate() {
                    write!(f, "{}{from}", if index == 0 { "" } else { ", " })?;
                    if let Some(to) = to {
                        write!(f, " .. {to}")?;
                    }
                }
                f.write_str("}")
            }
            Self::Contains { quantifier, left, text, .. } => {
                write!(f, "{}{left} contains {}", word(quantifier), Quoted(text))
            }
            Self::Matches { quantifier, left, pattern, .. } => {
                write!(f, "{}{left} matches {}", word(quantifier), Quoted(pattern))
            }
            Self::Alone(token, _) => token.fmt(f),
            Self::Named(name, _) => write!(f, "${name}"),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.rest.iter().try_for_each(|(minus, product)| write!(f, " {} {product}", if *minus { '-' } else { '+' }))
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.rest.iter().try_for_each(|(by, value)| write!(f, " {} {value}", if *by { '/' } else { '*' }))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_negative { "-" } else { "" })?;
        match &self.kind {
            ValueKind::Literal(token) => token.fmt(f),
            ValueKind::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                for (index, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Number { text, .. } => f.write_str(text),
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Network(address, bits) => write!(f, "{address}/{bits}"),
            Self::Mac(mac) => mac.fmt(f),
            Self::Instant(time) => time.fmt(f),
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Named(name) => write!(f, "${name}"),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

/// A text in quotation marks.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                letter => write!(f, "{letter}")?,
            }
        }
        f.write_str("\"")
    }
}
