//! `-d udp.port==5004,rtp`: which packets are to be decoded as what.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use streamlens::engine::DecodeAs;
use streamlens::model::{FlowKey, Transport};
use streamlens::registry::DecoderRegistry;

use super::exit::Failure;

/// A rule as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// As written.
    text: String,
    which: Which,
    encoding: String,
}

/// Which packets a rule speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    All,
    /// Packets of a transport from or to one of these ports.
    Ports(Transport, RangeInclusive<u16>),
    Protocol(u8),
}

impl Rule {
    /// Reads `WHICH,ENCODING`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (which, encoding) = text
            .split_once(',')
            .filter(|(_, encoding)| !encoding.trim().is_empty())
            .ok_or("write which packets, a comma and an encoding, such as udp.port==5004,rtp")?;
        Ok(Self { text: text.to_owned(), which: Which::parse(which.trim())?, encoding: encoding.trim().to_owned() })
    }

    /// The rule for the engine; fails where no encoding has that name. One that refines another is told by what is in the
    /// packets or by announcements, and its packets are decoded as that other one.
    pub(crate) fn resolve(&self, registry: &DecoderRegistry) -> Result<DecodeAs, Failure> {
        let wanted = folded(&self.encoding);
        let Some((name, base)) = registry.encodings().find(|(name, _)| folded(name) == wanted) else {
            // one may be a refinement of several
            let mut seen = BTreeSet::new();
            let names: Vec<_> = registry.encodings().map(|(name, _)| name).filter(|name| seen.insert(*name)).collect();
            return Err(Failure::usage(format!(
                "-d: no encoding is called '{}'; there are {} (see `streamlens decoders`)",
                self.encoding,
                names.join(", ")
            )));
        };
        let which = self.which.clone();
        Ok(DecodeAs {
            selector: Arc::new(move |key, transport| which.covers(key, transport)),
            encoding_name: base.unwrap_or(name).to_owned(),
            rule: format!("-d {}", self.text),
        })
    }
}

impl Which {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' names no packets; write udp.port==5004, tcp.port==1502, udp.port==5000-5010, ip.proto==50 or flow"
            )
        };
        if text == "flow" {
            return Ok(Self::All);
        }
        let (field, value) = text.split_once("==").ok_or_else(wrong)?;
        let (field, value) = (field.trim(), value.trim());
        let port = |text: &str| {
            text.trim().parse::<u16>().map_err(|_| format!("'{}' is no port; ports go from 0 to 65535", text.trim()))
        };
        let transport = match field {
            "udp.port" => Transport::UDP,
            "tcp.port" => Transport::TCP,
            "ip.proto" => {
                let number =
                    value.parse().map_err(|_| format!("'{value}' is no IP protocol; they go from 0 to 255"))?;
                return Ok(Self::Protocol(number));
            }
            _ => return Err(wrong()),
        };
        let (first, last) = value.split_once('-').unwrap_or((value, value));
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(format!("the range {first}-{last} is empty; write {last}-{first}"));
        }
        Ok(Self::Ports(transport, first..=last))
    }

    fn covers(&self, key: &FlowKey, transport: Transport) -> bool {
        match self {
            Self::All => true,
            Self::Protocol(number) => transport == Transport::Ip(*number),
            Self::Ports(wanted, ports) => {
                transport == *wanted
                    && [key.src.port, key.dst.port].into_iter().flatten().any(|port| ports.contains(&port))
            }
        }
    }
}

/// A name without what people spell differently: `mpeg-ts` is `MPEG-TS` is `MPEGTS`.
fn folded(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use streamlens::model::Endpoint;

    use super::*;

    fn key(src: u16, dst: u16) -> FlowKey {
        let end = |port| Endpoint { port: Some(port), ..Endpoint::default() };
        FlowKey { src: end(src), dst: end(dst), ..FlowKey::default() }
    }

    #[test]
    fn a_port_is_that_of_either_end_and_of_one_transport() {
        let rule = Rule::parse("udp.port==5004,rtp").unwrap();
        assert!(rule.which.covers(&key(5004, 9), Transport::UDP) && rule.which.covers(&key(9, 5004), Transport::UDP));
        assert!(!rule.which.covers(&key(5004, 5004), Transport::TCP) && !rule.which.covers(&key(1, 2), Transport::UDP));
    }

    #[test]
    fn a_range_includes_both_its_ends() {
        let rule = Rule::parse("tcp.port == 10-12 , modbustcp").unwrap();
        let covered: Vec<_> = (9..14).filter(|&port| rule.which.covers(&key(port, 1), Transport::TCP)).collect();
        assert_eq!((covered, rule.encoding.as_str()), (vec![10, 11, 12], "modbustcp"));
    }

    #[test]
    fn a_protocol_and_every_flow_can_be_named() {
        assert!(Rule::parse("ip.proto==50,rtp").unwrap().which.covers(&key(0, 0), Transport::Ip(50)));
        assert!(Rule::parse("flow,iena").unwrap().which.covers(&key(1, 2), Transport::Ethernet));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for text in ["", "rtp", "udp.port==5004", "udp.port==5004,", "udp.port=5004,rtp", "udp.port==65536,rtp"] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
        for text in ["udp.port==9-8,rtp", "udp.port==-9,rtp", "ip.proto==256,rtp", "sctp.port==1,rtp", "flows,rtp"] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_found_whatever_their_case_and_punctuation() {
        let registry = DecoderRegistry::with_builtins();
        for decoder in registry.iter() {
            let name = decoder.info().name.to_lowercase().replace('-', "");
            let rule = Rule::parse(&format!("flow,{name}")).unwrap();
            assert_eq!(rule.resolve(&registry).unwrap().encoding_name, decoder.info().name);
        }
        let failure = Rule::parse("flow,nonesuch").unwrap().resolve(&registry).err().unwrap();
        assert_eq!(failure.status, super::super::exit::Status::Usage);
    }
}
