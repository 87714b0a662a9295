//! What addresses, names and texts are compared with.

use streamlens_model::row::{Kind, Level, Names};
use streamlens_model::{LinkType, TrafficType};

use super::{Checker, is_metadata, level_like};
use crate::ast::{Compare, Sum, ValueKind};
use crate::catalogue::{folded, is_same_name, known_name, nearest, transports};
use crate::error::FilterError;
use crate::program::{Calc, Fits};
use crate::token::{Token, is_hexadecimal};

impl Checker<'_> {
    /// What a value has to be the same as.
    pub(super) fn same(&self, left: &Sum, kind: Kind, right: &Sum) -> Result<Fits, FilterError> {
        let place = right.place();
        match kind {
            Kind::Endpoint => self
                .address(right)
                .ok_or_else(|| self.wrong(&place, "is no address, no network such as 10.0.0.0/8, no address:port")),
            Kind::Mac => match self.address(right) {
                Some(fits @ (Fits::Mac(_) | Fits::Same(_))) => Ok(fits),
                _ => Err(self.wrong(&place, "is no MAC address such as 02:00:00:80:00:01")),
            },
            Kind::Name(names) => self.same_name(left, names, right),
            Kind::Text => match self.written(right) {
                Some(text) => Ok(Fits::Text(text.to_lowercase())),
                None => Err(self.wrong(&place, "is no text; texts stand in quotation marks")),
            },
            _ => self.same_any(right),
        }
    }

    /// An address, or a field that has addresses.
    fn address(&self, right: &Sum) -> Option<Fits> {
        let value = right.only().filter(|value| !value.is_negative)?;
        match &value.kind {
            ValueKind::Literal(Token::Endpoint(endpoint)) => Some(Fits::Endpoint(*endpoint)),
            ValueKind::Literal(Token::Network(address, bits)) => Some(Fits::Network(*address, *bits)),
            ValueKind::Literal(Token::Mac(mac)) => Some(Fits::Mac(*mac)),
            _ => {
                let field = self.field_of(right)?;
                matches!(field.kind(), Kind::Endpoint | Kind::Mac).then(|| Fits::Same(Calc::Field(field)))
            }
        }
    }

    /// A word, a text, or a literal as it is written.
    fn written(&self, right: &Sum) -> Option<String> {
        self.name_of(right).or_else(|| {
            let value = right.only().filter(|value| !value.is_negative)?;
            let is_literal = matches!(value.kind, ValueKind::Literal(_));
            is_literal.then(|| self.text.get(value.place.0.clone()).unwrap_or_default().to_owned())
        })
    }

    fn same_name(&self, left: &Sum, names: Names, right: &Sum) -> Result<Fits, FilterError> {
        let place = right.place();
        let Some(name) = self.name_of(right) else {
            return Err(self.wrong(&place, "is no name"));
        };
        let is_field = self.field_of(right).filter(|field| matches!(field.kind(), Kind::Name(_)));
        let known = match names {
            Names::Encoding => known_name(&name, "decoder", self.catalogue.encodings()).map(str::to_owned),
            Names::Transport => self.transport(&name),
            Names::Cast => one_of(&name, TrafficType::ALL.map(TrafficType::name)),
            Names::Level => level_like(&name)
                .map(|level| level.name().to_owned())
                .ok_or_else(|| format!("is none of {}", Level::ALL.map(Level::name).join(", "))),
            Names::Finding if self.catalogue.findings().next().is_some() => {
                known_name(&name, "finding", self.catalogue.findings()).map(str::to_owned)
            }
            Names::Severity | Names::PacketType | Names::Finding => Ok(name.clone()),
        };
        match (known, is_field) {
            (Ok(known), _)
                if names == Names::Encoding && self.field_of(left).is_some_and(|field| field.is_encoding()) =>
            {
                let refined_by = self.catalogue.refining(&known);
                Ok(Fits::Encoding { name: known, refined_by })
            }
            (Ok(known), _) => Ok(Fits::Name(folded(&known).collect())),
            (Err(_), Some(field)) => Ok(Fits::Same(Calc::Field(field))),
            (Err(message), None) => Err(self.wrong(&place, message)),
        }
    }

    /// The name of a transport: those with a name, `IP-<number>`, and those of links without Ethernet addresses.
    fn transport(&self, name: &str) -> Result<String, String> {
        let numbered = (0..=255_u8).map(|number| format!("IP-{number}"));
        let links = (0..=400).map(|number| LinkType(number).name().into_owned());
        let known = transports().chain(numbered).chain(links).find(|known| is_same_name(known, name));
        known.ok_or_else(|| {
            let all: Vec<_> = transports().collect();
            let near = nearest(name, all.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            format!("no transport is called that{near}")
        })
    }

    /// What metadata are compared with: a literal of any kind, or a field.
    fn same_any(&self, right: &Sum) -> Result<Fits, FilterError> {
        if let Some(field) =
            self.field_of(right).filter(|field| is_metadata(field) || matches!(field.kind(), Kind::Number(_)))
        {
            return Ok(Fits::Same(Calc::Field(field)));
        }
        let only = right.only().map(|value| &value.kind);
        match only {
            Some(ValueKind::Literal(Token::Word(word))) if word == "true" || word == "false" => {
                Ok(Fits::Bool(word == "true"))
            }
            // keys and identifiers are texts in metadata: 0x0A01
            Some(ValueKind::Literal(Token::Number { text, .. })) if is_hexadecimal(text) => {
                Ok(Fits::AnyOf(vec![Fits::Order(Compare::Eq, self.sum(right)?.0), Fits::Text(text.to_lowercase())]))
            }
            Some(ValueKind::Literal(Token::Number { .. } | Token::Instant(_)) | ValueKind::Call(..)) | None => {
                Ok(Fits::Order(Compare::Eq, self.sum(right)?.0))
            }
            Some(ValueKind::Literal(_)) => Ok(Fits::Text(self.written(right).unwrap_or_default().to_lowercase())),
        }
    }
}

fn one_of<const COUNT: usize>(name: &str, known: [&'static str; COUNT]) -> Result<String, String> {
    let found = known.iter().find(|known| is_same_name(known, name));
    found.map(|known| (*known).to_owned()).ok_or_else(|| format!("is none of {}", known.join(", ")))
}
