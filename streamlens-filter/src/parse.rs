//! From pieces to a filter as it was written: precedence, brackets, sets.

use crate::ast::{Compare, Expr, Function, Product, Quantifier, Sum, Test, Value, ValueKind};
use crate::check::UNITS;
use crate::error::{FilterError, Span};
use crate::token::{Token, tokens};

/// The longest filter, in characters.
pub(crate) const LONGEST: usize = 4096;
/// How deep brackets, `not` and functions may lie in each other.
pub(crate) const DEEPEST: usize = 64;

/// Words that are no names.
pub(crate) const RESERVED: [&str; 14] =
    ["or", "and", "not", "any", "all", "in", "contains", "matches", "eq", "ne", "gt", "ge", "lt", "le"];

/// Reads a filter.
pub(crate) fn parse(text: &str) -> Result<Expr, FilterError> {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        let place = Span(end..text.len());
        return Err(FilterError::new(text, &place, format!("a filter has at most {LONGEST} characters")));
    }
    let (found, error) = tokens(text);
    let mut parser = Parser { text, tokens: &found, at: 0, depth: 0, error: error.as_ref() };
    if found.is_empty() && error.is_none() {
        return Ok(Expr::Everything);
    }
    let expr = parser.or()?;
    match parser.peek() {
        None => match error {
            Some(error) => Err(error),
            None => Ok(expr),
        },
        Some((Token::Sign(")"), place)) => Err(parser.wrong(place, "no ( is open here")),
        Some((Token::Sign("}"), place)) => Err(parser.wrong(place, "no { is open here")),
        Some((_, place)) => Err(parser.wrong(place, parser.unexpected())),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: &'t [(Token, Span)],
    at: usize,
    depth: usize,
    /// What ended the pieces; said where more of them were needed.
    error: Option<&'t FilterError>,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<(&'t Token, &'t Span)> {
        self.tokens.get(self.at).map(|(token, place)| (token, place))
    }

    fn wrong(&self, place: &Span, message: impl Into<String>) -> FilterError {
        FilterError::new(self.text, place, message)
    }

    /// What is wrong where pieces have run out: what ended them, or that something is missing behind `place`.
    fn missing(&self, place: &Span, message: &str) -> FilterError {
        self.error.cloned().unwrap_or_else(|| self.wrong(place, message))
    }

    fn end(&self) -> Span {
        Span(self.text.len()..self.text.len())
    }

    /// Takes one of these signs or words.
    fn take(&mut self, wanted: &[&str]) -> Option<&'t Span> {
        let (token, place) = self.peek()?;
        let is_wanted = match token {
            Token::Sign(sign) => wanted.contains(sign),
            Token::Word(word) => wanted.contains(&word.as_str()),
            _ => false,
        };
        is_wanted.then(|| {
            self.at += 1;
            place
        })
    }

    fn deeper<T>(
        &mut self,
        place: &Span,
        inner: impl FnOnce(&mut Self) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        if self.depth >= DEEPEST {
            return Err(
                self.wrong(place, format!("brackets, not and functions lie at most {DEEPEST} deep in each other"))
            );
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut items = vec![self.and()?];
        while let Some(place) = self.take(&["or", "||"]) {
            self.needs_more(place)?;
            items.push(self.and()?);
        }
        Ok(one_or(items, Expr::Or))
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut items = vec![self.unary()?];
        while let Some(place) = self.take(&["and", "&&"]) {
            self.needs_more(place)?;
            items.push(self.unary()?);
        }
        Ok(one_or(items, Expr::And))
    }

    /// Fails at a word on which nothing follows.
    fn needs_more(&self, place: &Span) -> Result<(), FilterError> {
        match self.peek() {
            None => Err(self.missing(place, "something to test must follow")),
            Some((Token::Sign(")"), _)) => Err(self.wrong(place, "something to test must follow")),
            Some(_) => Ok(()),
        }
    }

    fn unary(&mut self) -> Result<Expr, FilterError> {
        if let Some(place) = self.take(&["not", "!"]) {
            self.needs_more(place)?;
            return self.deeper(place, |parser| Ok(Expr::Not(Box::new(parser.unary()?))));
        }
        let Some(open) = self.take(&["("]) else { return Ok(Expr::Test(Box::new(self.test()?))) };
        let inner = self.deeper(open, |parser| {
            if parser.peek().is_none() {
                return Err(parser.missing(open, "this ( is not closed"));
            }
            parser.or()
        })?;
        if self.take(&[")"]).is_some() {
            return Ok(inner);
        }
        match self.peek() {
            None => Err(self.missing(open, "this ( is not closed")),
            Some((Token::Sign("}"), place)) => Err(self.wrong(place, "no { is open here")),
            Some((_, place)) => Err(self.wrong(place, self.unexpected())),
        }
    }

    /// What is wrong with the next piece, which follows on a whole test.
    fn unexpected(&self) -> String {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|(token, _)| token);
        match (before, self.peek().map(|(token, _)| token)) {
            (Some(Token::Number { text, unit, .. }), Some(Token::Word(word)))
                if unit.is_empty() && UNITS.iter().any(|(name, ..)| name == word) =>
            {
                format!("put and or or between, or write number and unit as one: {text}{word}")
            }
            (Some(Token::Number { .. }), Some(Token::Sign(","))) => {
                "put and or or between; numbers have no commas in them, and several values stand in {}".to_owned()
            }
            (_, Some(Token::Sign("==" | "!=" | ">" | ">=" | "<" | "<=" | "+" | "-" | "*" | "/"))) => {
                "brackets stand around whole tests only: leave them out".to_owned()
            }
            (_, Some(Token::Word(word))) if word == "not" => {
                "put and or or between; not stands in front of a whole test: not lost in {1}".to_owned()
            }
            (_, Some(Token::Sign("!"))) => {
                "put and or or between; ! stands in front of a whole test: !name contains \"cam\"".to_owned()
            }
            (_, Some(Token::Sign(","))) => "put and or or between; several values stand in {}: in {1, 2}".to_owned(),
            (_, Some(Token::Word(word))) if in_small_letters(word).is_some() => {
                in_small_letters(word).unwrap_or_default()
            }
            _ => "put and or or between".to_owned(),
        }
    }

    fn test(&mut self) -> Result<Test, FilterError> {
        let quantified = self.take(&["any", "all"]);
        let quantifier = quantified.map(|place| {
            let word = self.text.get(place.0.clone());
            if word == Some("all") { Quantifier::All } else { Quantifier::Any }
        });
        if let (None, Some((Token::Named(name), place))) = (quantified, self.peek()) {
            self.at += 1;
            return Ok(Test::Named(name.clone(), place.clone()));
        }
        if let (Some(place), None) = (quantified, self.peek()) {
            return Err(self.missing(place, "any and all stand in front of a comparison"));
        }
        let left = self.sum()?;
        if let Some((compare, sign)) = self.compare() {
            let right = self.operand(&sign, "a value must follow")?;
            if let Some((next, second)) = self.compare() {
                return Err(self.wrong(&second, chained((&left, compare), &right, (next, self.peek()))));
            }
            return Ok(Test::Compare { quantifier, left, compare, sign, right });
        }
        if let Some(word) = self.take(&["in"]) {
            let items = self.set(word)?;
            return Ok(Test::In { quantifier, left, items });
        }
        if let Some(word) = self.take(&["contains"]) {
            let (text, place) = self.text_operand(word)?;
            return Ok(Test::Contains { quantifier, left, text, place });
        }
        if let Some(word) = self.take(&["matches", "~"]) {
            let (pattern, place) = self.text_operand(word)?;
            return Ok(Test::Matches { quantifier, left, pattern, place });
        }
        if let Some(place) = quantified {
            return Err(self.missing(place, "any and all stand in front of a comparison"));
        }
        let place = left.place();
        let alone = left.only().filter(|value| !value.is_negative).map(|value| value.kind.clone());
        match alone {
            Some(ValueKind::Literal(token)) => Ok(Test::Alone(token, place)),
            _ if self.is_grouped_value() => {
                Err(self.wrong(&place, "brackets stand around whole tests only: leave them out"))
            }
            _ => Err(self.missing(&place, "compare it with something: > 0")),
        }
    }

    /// Whether a bracket closes here around what is compared behind it.
    fn is_grouped_value(&self) -> bool {
        let next = self.tokens.get(self.at + 1).map(|(token, _)| token);
        let is_compared =
            matches!(next, Some(Token::Sign("==" | "!=" | ">" | ">=" | "<" | "<=" | "+" | "-" | "*" | "/")));
        is_compared && matches!(self.peek(), Some((Token::Sign(")"), _)))
    }

    fn compare(&mut self) -> Option<(Compare, Span)> {
        let (token, place) = self.peek()?;
        let found = Compare::ALL.into_iter().find(|(_, sign, word)| match token {
            Token::Sign(known) => known == sign,
            Token::Word(known) => known == word,
            _ => false,
        })?;
        self.at += 1;
        Some((found.0, place.clone()))
    }

    /// What follows on an operator.
    fn operand(&mut self, operator: &Span, message: &str) -> Result<Sum, FilterError> {
        match self.peek() {
            None => Err(self.missing(operator, message)),
            Some((Token::Sign("-"), _)) => self.sum(),
            Some((Token::Sign("("), place)) => Err(self.wrong(place, "brackets stand around whole tests only")),
            Some((Token::Sign(_), _)) => Err(self.wrong(operator, message)),
            Some(_) => self.sum(),
        }
    }

    fn text_operand(&mut self, operator: &Span) -> Result<(String, Span), FilterError> {
        let text = match self.peek() {
            Some((Token::Text(text) | Token::Word(text), place)) => (text.clone(), place.clone()),
            Some((Token::Number { text, .. }, place)) => (text.clone(), place.clone()),
            Some((Token::Endpoint(_) | Token::Network(..) | Token::Mac(_) | Token::Instant(_), place)) => {
                (self.text.get(place.0.clone()).unwrap_or_default().to_owned(), place.clone())
            }
            Some(_) => return Err(self.wrong(operator, "a text must follow, such as \"wing\"")),
            None => return Err(self.missing(operator, "a text must follow, such as \"wing\"")),
        };
        self.at += 1;
        Ok(text)
    }

    fn set(&mut self, word: &Span) -> Result<Vec<(Sum, Option<Sum>)>, FilterError> {
        let Some(open) = self.take(&["{"]) else {
            let place = self.peek().map_or(word, |(_, place)| place);
            return Err(self.missing_or(place, word, "a set must follow, such as {1, 5..10}"));
        };
        let mut items = Vec::new();
        let mut before = None;
        loop {
            if self.peek().is_none() {
                return Err(self.missing(open, "this { is not closed"));
            }
            if let (Some(comma), Some((Token::Sign("}"), _))) = (before, self.peek()) {
                return Err(self.wrong(comma, "a value must follow"));
            }
            if let (true, Some(close)) = (items.is_empty(), self.take(&["}"])) {
                return Err(self.wrong(&open.to(close), "the set is empty"));
            }
            let from = self.sum()?;
            let to = match self.take(&[".."]) {
                Some(dots) => Some(self.operand(dots, "the end of the range must follow")?),
                None => None,
            };
            items.push((from, to));
            if self.take(&["}"]).is_some() {
                return Ok(items);
            }
            before = self.take(&[","]);
            if before.is_none() {
                return Err(match self.peek() {
                    None => self.missing(open, "this { is not closed"),
                    Some((_, place)) => self.wrong(place, "put a comma between, or close the set with }"),
                });
            }
        }
    }

    fn missing_or(&self, place: &Span, word: &Span, message: &str) -> FilterError {
        if self.peek().is_some() { self.wrong(place, message) } else { self.missing(word, message) }
    }

    fn sum(&mut self) -> Result<Sum, FilterError> {
        let first = self.product()?;
        let mut rest = Vec::new();
        while let Some(sign) = self.take(&["+", "-"]) {
            let is_minus = self.text.get(sign.0.clone()) == Some("-");
            if self.peek().is_none() {
                return Err(self.missing(sign, "a value must follow"));
            }
            rest.push((is_minus, self.product()?));
        }
        Ok(Sum { first, rest })
    }

    fn product(&mut self) -> Result<Product, FilterError> {
        let first = self.value()?;
        let mut rest = Vec::new();
        while let Some(sign) = self.take(&["*", "/"]) {
            let is_by = self.text.get(sign.0.clone()) == Some("/");
            if self.peek().is_none() {
                return Err(self.missing(sign, "a value must follow"));
            }
            rest.push((is_by, self.value()?));
        }
        Ok(Product { first, rest })
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        let minus = self.take(&["-"]);
        let Some((token, place)) = self.peek() else {
            let place = minus.cloned().unwrap_or_else(|| self.end());
            return Err(self.missing(&place, "something to test must follow"));
        };
        let whole = minus.map_or_else(|| place.clone(), |minus| minus.to(place));
        let is_negative = minus.is_some();
        match token {
            Token::Sign("(") => Err(self.wrong(place, "brackets stand around whole tests only")),
            Token::Sign(sign) => Err(self.wrong(place, format!("{sign} stands where something to test should"))),
            Token::Word(word) if RESERVED.contains(&word.as_str()) => {
                Err(self.wrong(place, format!("{word} stands where something to test should")))
            }
            Token::Word(word) if in_small_letters(word).is_some() => {
                Err(self.wrong(place, in_small_letters(word).unwrap_or_default()))
            }
            Token::Named(_) => Err(self.wrong(place, "a named filter stands alone")),
            token => {
                self.at += 1;
                let function = match token {
                    Token::Word(word) => Function::ALL.into_iter().find(|function| function.name() == word),
                    _ => None,
                };
                if let Some(function) = function
                    && let Some(open) = self.take(&["("])
                {
                    let (arguments, close) = self.deeper(open, |parser| parser.arguments(function, open))?;
                    let kind = ValueKind::Call(function, arguments);
                    return Ok(Value { is_negative, kind, place: whole.to(&close) });
                }
                Ok(Value { is_negative, kind: ValueKind::Literal(token.clone()), place: whole })
            }
        }
    }

    fn arguments(&mut self, function: Function, open: &Span) -> Result<(Vec<Sum>, Span), FilterError> {
        let mut arguments = Vec::new();
        let mut before = open;
        loop {
            match self.peek() {
                None => return Err(self.missing(open, "this ( is not closed")),
                Some((Token::Sign(")"), close)) => {
                    let name = function.name();
                    return Err(
                        self.wrong(&before.to(close), format!("{name} needs a value here, such as {name}(p99)"))
                    );
                }
                Some(_) => {}
            }
            arguments.push(self.sum()?);
            if let Some(close) = self.take(&[")"]) {
                return Ok((arguments, close.clone()));
            }
            let Some(comma) = self.take(&[","]) else {
                return Err(match self.peek() {
                    None => self.missing(open, "this ( is not closed"),
                    Some((_, place)) => self.wrong(place, "put a comma between, or close with )"),
                });
            };
            before = comma;
        }
    }
}

/// What to do about `AND`, which is no `and` and was hardly meant to be looked for.
fn in_small_letters(word: &str) -> Option<String> {
    let meant = RESERVED.into_iter().find(|known| *known != word && known.eq_ignore_ascii_case(word))?;
    Some(format!("write {meant} in small letters, or \"{word}\" in quotation marks to look for it"))
}

/// The only item, or all of them.
fn one_or(mut items: Vec<Expr>, all: fn(Vec<Expr>) -> Expr) -> Expr {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        Some(last) => {
            items.push(last);
            all(items)
        }
        None => Expr::Everything,
    }
}

/// What to write in place of `1ms < jitter < 5ms`.
fn chained((left, first): (&Sum, Compare), middle: &Sum, (second, next): (Compare, Option<(&Token, &Span)>)) -> String {
    let Some((end, _)) = next else { return "join two comparisons with and".to_owned() };
    let joined = format!("write {left} {} {middle} and {middle} {} {end}", first.sign(), second.sign());
    match (first, second) {
        (Compare::Le, Compare::Le) => format!("write {middle} in {{{left}..{end}}}, or {}", &joined["write ".len()..]),
        (Compare::Ge, Compare::Ge) => format!("write {middle} in {{{end}..{left}}}, or {}", &joined["write ".len()..]),
        _ => joined,
    }
}
