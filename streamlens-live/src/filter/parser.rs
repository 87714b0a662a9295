//! From words to a tree.

mod values;

use std::ops::Range;

use self::values::mac;
pub(super) use self::values::mask6;
use super::FilterError;
use super::ast::{Carrier, End, Network, Term, Tree};
use super::lexer::{Token, tokens};

/// How deep parentheses and `not` may lie in each other.
const MAX_DEPTH: usize = 64;
/// The most words of a filter.
const MAX_WORDS: usize = 4096;

/// Words of tcpdump's language that this one leaves out.
const LEFT_OUT: &[&str] = &[
    "gateway",
    "inbound",
    "outbound",
    "mpls",
    "pppoed",
    "pppoes",
    "geneve",
    "wlan",
    "link",
    "rarp",
    "decnet",
    "iso",
    "stp",
    "ipx",
    "netbeui",
    "sctp",
    "ah",
    "esp",
    "pim",
    "vrrp",
    "carp",
    "type",
    "subtype",
    "dir",
    "proto",
    "protochain",
    "ifname",
    "on",
    "llc",
    "fddi",
    "tr",
    "ppp",
    "slip",
    "aarp",
    "atalk",
    "lat",
    "mopdl",
    "moprc",
    "len",
    "multicast6",
];

/// The longest word, in bytes.
const MAX_LENGTH: usize = 255;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Parses a filter; `None` for the empty one.
pub(super) fn parse(text: &str) -> Result<Option<Tree>, FilterError> {
    let tokens = tokens(text);
    if let Some(over) = tokens.get(MAX_WORDS) {
        return Err(FilterError::new(format!("more than {MAX_WORDS} words"), text, over.place.clone()));
    }
    // messages quote words
    if let Some(long) = tokens.iter().find(|word| word.text.len() > MAX_LENGTH) {
        return Err(FilterError::new(format!("a word of more than {MAX_LENGTH} bytes"), text, long.place.clone()));
    }
    let mut parser = Parser { text, tokens, next: 0 };
    if parser.tokens.is_empty() {
        return Ok(None);
    }
    let tree = parser.expression(0)?;
    match parser.peek() {
        None => Ok(Some(tree)),
        Some(")") => Err(parser.error_here("`)` without a `(` before it")),
        Some(word) => Err(parser.unexpected("`and` or `or`", word)),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.next).map(|token| token.text)
    }

    fn advance(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.next += 1;
        Some(word)
    }

    /// Takes the next word where it is this one.
    fn take(&mut self, word: &str) -> bool {
        let is_it = self.peek() == Some(word);
        self.next += usize::from(is_it);
        is_it
    }

    /// Place of the next word, or the end of the text.
    fn here(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        self.tokens.get(self.next).map_or(end..end, |token| token.place.clone())
    }

    fn error_here(&self, message: impl Into<String>) -> FilterError {
        FilterError::new(message, self.text, self.here())
    }

    /// An error about the word that was just taken.
    fn error_before(&self, message: impl Into<String>) -> FilterError {
        let place = self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map(|token| token.place.clone());
        FilterError::new(message, self.text, place.unwrap_or_else(|| self.here()))
    }

    /// What stands where something else is expected; words that only tcpdump knows are told as such.
    fn unexpected(&self, expected: &str, word: &str) -> FilterError {
        let is_arithmetic = word.contains(['[', ']', '<', '>', '=', '&', '+', '*', '|']);
        self.error_here(if is_arithmetic || LEFT_OUT.contains(&word) {
            format!("`{word}` is outside of the subset of capture filters; see --help")
        } else {
            format!("expected {expected}, found `{word}`")
        })
    }

    /// As in tcpdump `and` and `or` bind alike, from left to right.
    fn expression(&mut self, depth: usize) -> Result<Tree, FilterError> {
        let mut tree = self.unary(depth)?;
        loop {
            if self.take("and") || self.take("&&") {
                tree = Tree::And(Box::new(tree), Box::new(self.unary(depth)?));
            } else if self.take("or") || self.take("||") {
                tree = Tree::Or(Box::new(tree), Box::new(self.unary(depth)?));
            } else {
                return Ok(tree);
            }
        }
    }

    fn unary(&mut self, depth: usize) -> Result<Tree, FilterError> {
        if depth > MAX_DEPTH {
            return Err(self.error_here(format!("nested more than {MAX_DEPTH} deep")));
        }
        if self.take("not") || self.take("!") {
            return Ok(Tree::Not(Box::new(self.unary(depth + 1)?)));
        }
        let open = self.here();
        if self.take("(") {
            let tree = self.expression(depth + 1)?;
            if !self.take(")") {
                return Err(match self.peek() {
                    None => FilterError::new("this `(` has no `)`", self.text, open),
                    Some(word) => self.unexpected("`and`, `or` or `)`", word),
                });
            }
            return Ok(tree);
        }
        self.term().map(Tree::Term)
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let Some(word) = self.peek() else { return Err(self.error_here("a term is missing here")) };
        self.next += 1;
        Ok(match word {
            "ip" => self.ip()?,
            "ip6" => self.ip6()?,
            "arp" => match self.addressed(Carrier::Arp)? {
                Some(term) => term,
                None => Term::EtherType(0x0806),
            },
            "tcp" => self.transport(TCP)?,
            "udp" => self.transport(UDP)?,
            "icmp" => Term::IpProtocol(1),
            "igmp" => Term::IpProtocol(2),
            "icmp6" => Term::Ip6Protocol(58),
            "ether" => self.ether()?,
            "multicast" => Term::EtherMulticast,
            "broadcast" => Term::EtherBroadcast,
            "vlan" => Term::Vlan(self.vlan()?),
            "greater" => Term::AtLeast(self.number("a number of bytes", u32::MAX)?),
            "less" => Term::AtMost(self.number("a number of bytes", u32::MAX)?),
            "src" | "dst" | "host" | "net" | "port" | "portrange" => {
                self.next -= 1;
                let end = self.end();
                match self.peek() {
                    Some("port" | "portrange") => self.ports(None, end)?,
                    _ => self.network(Carrier::Any, end)?,
                }
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected("a term such as `host`, `port` or `udp`", word));
            }
        })
    }

    fn end(&mut self) -> End {
        if self.take("src") {
            End::Source
        } else if self.take("dst") {
            End::Destination
        } else {
            End::Either
        }
    }

    /// What may follow on `ip`.
    fn ip(&mut self) -> Result<Term, FilterError> {
        Ok(match self.peek() {
            Some("proto") => {
                self.next += 1;
                Term::IpProtocol(self.protocol()?)
            }
            Some("multicast") => {
                self.next += 1;
                Term::IpMulticast
            }
            Some("broadcast") => {
                self.next += 1;
                Term::IpBroadcast
            }
            _ => self.addressed(Carrier::Ip)?.unwrap_or(Term::EtherType(0x0800)),
        })
    }

    /// What may follow on `ip6`.
    fn ip6(&mut self) -> Result<Term, FilterError> {
        Ok(match self.peek() {
            Some("proto") => {
                self.next += 1;
                Term::Ip6Protocol(self.protocol()?)
            }
            Some("multicast") => {
                self.next += 1;
                Term::Ip6Multicast
            }
            Some("broadcast") => return Err(self.error_here("IPv6 has no broadcast; `ip6 multicast` is what it has")),
            _ => self.addressed(Carrier::Ip6)?.unwrap_or(Term::EtherType(0x86DD)),
        })
    }

    /// An address behind `ip`, `ip6` or `arp`; `None` where none follows.
    fn addressed(&mut self, carrier: Carrier) -> Result<Option<Term>, FilterError> {
        if !matches!(self.peek(), Some("src" | "dst" | "host" | "net")) {
            return Ok(None);
        }
        let end = self.end();
        self.network(carrier, end).map(Some)
    }

    fn transport(&mut self, protocol: u8) -> Result<Term, FilterError> {
        if !matches!(self.peek(), Some("src" | "dst" | "port" | "portrange")) {
            return Ok(Term::Protocol(protocol));
        }
        let end = self.end();
        self.ports(Some(protocol), end)
    }

    fn ports(&mut self, transport: Option<u8>, end: End) -> Result<Term, FilterError> {
        if self.take("port") {
            let port = self.number("a port from 0 to 65535", u16::MAX.into())? as u16;
            return Ok(Term::Ports { transport, end, first: port, last: port });
        }
        if !self.take("portrange") {
            return Err(self.expected("`port` or `portrange`"));
        }
        let Some(word) = self.advance() else {
            return Err(self.error_here("a range of ports such as 5000-5010 is missing"));
        };
        let ends = word.split_once('-').map(|(first, last)| (first.parse::<u16>(), last.parse::<u16>()));
        let Some((Ok(first), Ok(last))) = ends else {
            return Err(self.error_before(format!("expected a range of ports such as 5000-5010, found `{word}`")));
        };
        Ok(Term::Ports { transport, end, first: first.min(last), last: first.max(last) })
    }

    fn expected(&self, what: &str) -> FilterError {
        match self.peek() {
            Some(word) => self.unexpected(what, word),
            None => self.error_here(format!("expected {what}")),
        }
    }

    fn network(&mut self, carrier: Carrier, end: End) -> Result<Term, FilterError> {
        let is_net = match self.peek() {
            Some("net") => true,
            Some("host") => false,
            // `src 10.0.0.1` stands for `src host 10.0.0.1`
            Some(word) if word.parse::<std::net::IpAddr>().is_ok() && end != End::Either => {
                self.next -= 1;
                false
            }
            _ => return Err(self.expected("`host`, `net`, `port` or `portrange`")),
        };
        self.next += 1;
        let Some(word) = self.advance() else { return Err(self.error_here("an address is missing here")) };
        let network = if is_net { self.net(word)? } else { self.host(word)? };
        let fits = match network {
            Network::V4 { .. } => carrier != Carrier::Ip6,
            Network::V6 { .. } => matches!(carrier, Carrier::Any | Carrier::Ip6),
        };
        if !fits {
            return Err(self.error_before("an address of another protocol than the one named before it"));
        }
        Ok(Term::Network { carrier, end, network })
    }

    fn protocol(&mut self) -> Result<u8, FilterError> {
        let named = match self.peek().map(|word| word.trim_start_matches('\\')) {
            Some("icmp") => Some(1),
            Some("igmp") => Some(2),
            Some("tcp") => Some(TCP),
            Some("udp") => Some(UDP),
            Some("icmp6") => Some(58),
            _ => None,
        };
        if let Some(number) = named {
            self.next += 1;
            return Ok(number);
        }
        Ok(self.number("a protocol number from 0 to 255", u8::MAX.into())? as u8)
    }

    fn ether(&mut self) -> Result<Term, FilterError> {
        let end = match self.advance() {
            Some("multicast") => return Ok(Term::EtherMulticast),
            Some("broadcast") => return Ok(Term::EtherBroadcast),
            Some("proto") => return self.ether_type(),
            Some("src") => End::Source,
            Some("dst") => End::Destination,
            Some("host") => End::Either,
            Some(_) => {
                self.next -= 1;
                return Err(self.expected("`src`, `dst`, `host`, `proto`, `multicast` or `broadcast`"));
            }
            None => return Err(self.expected("`src`, `dst`, `host`, `proto`, `multicast` or `broadcast`")),
        };
        if end != End::Either {
            self.take("host");
        }
        let Some(word) = self.advance() else { return Err(self.error_here("a MAC address is missing here")) };
        match mac(word) {
            Some(address) => Ok(Term::Mac { end, address }),
            None => Err(self.error_before(format!("expected a MAC address such as 01:00:5e:00:01:81, found `{word}`"))),
        }
    }

    fn ether_type(&mut self) -> Result<Term, FilterError> {
        let named = match self.peek().map(|word| word.trim_start_matches('\\')) {
            Some("ip") => Some(0x0800),
            Some("ip6") => Some(0x86DD),
            Some("arp") => Some(0x0806),
            _ => None,
        };
        if let Some(number) = named {
            self.next += 1;
            return Ok(Term::EtherType(number));
        }
        let number = self.number("an EtherType from 0x600 to 0xffff", u16::MAX.into())?;
        if number < 0x600 {
            return Err(self.error_before("expected an EtherType of at least 0x600; smaller numbers are lengths"));
        }
        Ok(Term::EtherType(number as u16))
    }

    fn vlan(&mut self) -> Result<Option<u16>, FilterError> {
        if !self.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            return Ok(None);
        }
        Ok(Some(self.number("a VLAN identifier from 0 to 4095", 4095)? as u16))
    }
}
