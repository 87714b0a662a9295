//! From a tree to classic BPF (McCanne and Jacobson, 1993; `linux/filter.h`).
//!
//! A term is compiled with two labels, where to go on if it holds and if not; both lie ahead, as the kernel wants. Loads
//! beyond the end of a frame end the program with 0, which refuses the frame.

use super::ast::{Carrier, End, Network, Term, Tree};
use super::parser::mask6;
use super::program::{Label, Program, Step, op};
use super::{Filter, FilterError, Instruction, Link};

const ETHERNET_HEADER: u32 = 14;
const IP: u16 = 0x0800;
const IP6: u16 = 0x86DD;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
/// IPv6 fragment header.
const FRAGMENT: u8 = 44;
const TRANSPORTS: [u8; 3] = [6, 17, 132];
/// TPID of tags from before IEEE 802.1ad.
const OLD_QINQ: u16 = 0x9100;
/// Bytes of a VLAN tag.
const TAG: u32 = 4;

pub(super) fn compile(tree: Option<&Tree>, link: Link, snap: u32, text: &str) -> Result<Vec<Instruction>, FilterError> {
    let mut program = Program::new(link);
    let (yes, no) = (program.label(), program.label());
    if let Some(tree) = tree {
        if link == Link::Ip && needs_ethernet(tree) {
            return Err(FilterError::new("a filter on Ethernet, for an interface without it", text, 0..text.len()));
        }
        program.tree(tree, yes, no);
    }
    program.steps.push(Step::Here(yes));
    program.steps.push(Step::Plain(op::RETURN, snap.max(1)));
    program.steps.push(Step::Here(no));
    program.steps.push(Step::Plain(op::RETURN, 0));
    let instructions = program.lay_out();
    if instructions.len() > Filter::MAX_INSTRUCTIONS {
        let message =
            format!("makes {} instructions, the kernel takes {}", instructions.len(), Filter::MAX_INSTRUCTIONS);
        return Err(FilterError::new(message, text, 0..text.len()));
    }
    Ok(instructions)
}

fn needs_ethernet(tree: &Tree) -> bool {
    match tree {
        Tree::Not(one) => needs_ethernet(one),
        Tree::And(one, other) | Tree::Or(one, other) => needs_ethernet(one) || needs_ethernet(other),
        Tree::Term(term) => matches!(term, Term::Mac { .. } | Term::EtherMulticast | Term::EtherBroadcast),
    }
}

impl Program {
    /// Offset of the link's payload.
    fn payload(&self) -> u32 {
        if self.link == Link::Ethernet { ETHERNET_HEADER } else { 0 }
    }

    fn tree(&mut self, tree: &Tree, yes: Label, no: Label) {
        match tree {
            Tree::Not(one) => self.tree(one, no, yes),
            Tree::And(one, other) => {
                let middle = self.label();
                self.tree(one, middle, no);
                self.here(middle);
                self.tree(other, yes, no);
            }
            Tree::Or(one, other) => {
                let middle = self.label();
                self.tree(one, yes, middle);
                self.here(middle);
                self.tree(other, yes, no);
            }
            Tree::Term(term) => self.term(term, yes, no),
        }
    }

    fn term(&mut self, term: &Term, yes: Label, no: Label) {
        let payload = self.payload();
        match *term {
            Term::EtherType(number) => self.ether_type(number, yes, no),
            Term::IpProtocol(number) => self.ip_protocol(number, yes, no),
            Term::Ip6Protocol(number) => self.ip6_protocol(number, yes, no),
            Term::Protocol(number) => {
                let other = self.label();
                self.ip_protocol(number, yes, other);
                self.here(other);
                self.ip6_protocol(number, yes, no);
            }
            Term::Network { carrier, end, network } => self.network(carrier, end, network, yes, no),
            Term::Ports { transport, end, first, last } => self.ports(transport, end, (first, last), yes, no),
            Term::Mac { end, address } => self.ends(end, yes, no, |program, end, yes, no| {
                program.mac(if end == End::Source { 6 } else { 0 }, address, yes, no);
            }),
            Term::EtherMulticast => {
                self.load(op::LOAD_BYTE, 0);
                self.branch(op::IF_SET, 1, yes, no);
            }
            Term::EtherBroadcast => self.mac(0, [0xFF; 6], yes, no),
            Term::IpMulticast => {
                self.guard(IP, no);
                self.load(op::LOAD_BYTE, payload + 16);
                self.branch(op::IF_AT_LEAST, 224, yes, no);
            }
            Term::IpBroadcast => self.ip_broadcast(yes, no),
            Term::Ip6Multicast => {
                self.guard(IP6, no);
                self.load(op::LOAD_BYTE, payload + 24);
                self.branch(op::IF_EQUAL, 0xFF, yes, no);
            }
            Term::Vlan(identifier) => self.vlan(identifier, yes, no),
            Term::AtLeast(bytes) => self.length(bytes, yes, no),
            // at most n is not at least n + 1; nothing is longer than 2^32 - 1
            Term::AtMost(bytes) => match bytes.checked_add(1) {
                Some(beyond) => self.length(beyond, no, yes),
                None => self.goto(yes),
            },
        }
    }

    /// Goes on behind it for frames of an EtherType.
    fn guard(&mut self, ether_type: u16, no: Label) {
        let go_on = self.label();
        self.ether_type(ether_type, go_on, no);
        self.here(go_on);
    }

    fn ether_type(&mut self, number: u16, yes: Label, no: Label) {
        if self.link == Link::Ethernet {
            self.load(op::LOAD_HALF, 12);
            self.branch(op::IF_EQUAL, number.into(), yes, no);
            return;
        }
        let version = match number {
            IP => 0x40,
            IP6 => 0x60,
            _ => return self.goto(no),
        };
        self.load(op::LOAD_BYTE, 0);
        self.load(op::AND, 0xF0);
        self.branch(op::IF_EQUAL, version, yes, no);
    }

    fn ip_protocol(&mut self, number: u8, yes: Label, no: Label) {
        self.guard(IP, no);
        self.load(op::LOAD_BYTE, self.payload() + 9);
        self.branch(op::IF_EQUAL, number.into(), yes, no);
    }

    /// The next header, or what a fragment header says of it.
    fn ip6_protocol(&mut self, number: u8, yes: Label, no: Label) {
        self.guard(IP6, no);
        let (other, behind) = (self.label(), self.label());
        self.load(op::LOAD_BYTE, self.payload() + 6);
        self.branch(op::IF_EQUAL, number.into(), yes, other);
        self.here(other);
        self.branch(op::IF_EQUAL, FRAGMENT.into(), behind, no);
        self.here(behind);
        self.load(op::LOAD_BYTE, self.payload() + 40);
        self.branch(op::IF_EQUAL, number.into(), yes, no);
    }

    /// Asks of one end, or of both until one fits.
    fn ends(&mut self, end: End, yes: Label, no: Label, ask: impl Fn(&mut Self, End, Label, Label)) {
        if end != End::Either {
            return ask(self, end, yes, no);
        }
        let other = self.label();
        ask(self, End::Source, yes, other);
        self.here(other);
        ask(self, End::Destination, yes, no);
    }

    fn network(&mut self, carrier: Carrier, end: End, network: Network, yes: Label, no: Label) {
        match network {
            Network::V6 { address, bits } => {
                self.guard(IP6, no);
                let payload = self.payload();
                self.ends(end, yes, no, |program, end, yes, no| {
                    let at = payload + if end == End::Source { 8 } else { 24 };
                    program.v6(at, address.to_bits(), mask6(bits), yes, no);
                });
            }
            Network::V4 { address, mask } => {
                // offsets of source and destination in IPv4, and in ARP for Ethernet and IPv4
                let places: &[(u16, u32, u32)] = match carrier {
                    Carrier::Arp => &[(ARP, 14, 24)],
                    Carrier::Ip | Carrier::Ip6 => &[(IP, 12, 16)],
                    Carrier::Any => &[(IP, 12, 16), (ARP, 14, 24), (RARP, 14, 24)],
                };
                for (number, &(ether_type, source, destination)) in places.iter().enumerate() {
                    let next = if number + 1 == places.len() { no } else { self.label() };
                    self.guard(ether_type, next);
                    let payload = self.payload();
                    // what is of this protocol is not of another
                    self.ends(end, yes, no, |program, end, yes, no| {
                        let at = payload + if end == End::Source { source } else { destination };
                        program.masked_word(at, address.to_bits(), mask, yes, no);
                    });
                    if number + 1 < places.len() {
                        self.here(next);
                    }
                }
            }
        }
    }

    fn masked_word(&mut self, at: u32, value: u32, mask: u32, yes: Label, no: Label) {
        if mask == 0 {
            return self.goto(yes);
        }
        self.load(op::LOAD_WORD, at);
        if mask != u32::MAX {
            self.load(op::AND, mask);
        }
        self.branch(op::IF_EQUAL, value, yes, no);
    }

    fn v6(&mut self, at: u32, value: u128, mask: u128, yes: Label, no: Label) {
        for word in 0..4 {
            let shift = 96 - 32 * word;
            let next = if word == 3 { yes } else { self.label() };
            self.masked_word(at + 4 * word, (value >> shift) as u32, (mask >> shift) as u32, next, no);
            if word < 3 {
                self.here(next);
            }
        }
    }

    fn ports(&mut self, transport: Option<u8>, end: End, ports: (u16, u16), yes: Label, no: Label) {
        let payload = self.payload();
        let (v6, v4_ports, v6_ports) = (self.label(), self.label(), self.label());
        self.guard(IP, v6);
        self.load(op::LOAD_BYTE, payload + 9);
        self.one_of(transport, v4_ports, no);
        self.here(v4_ports);
        // a later fragment has no ports
        let first = self.label();
        self.load(op::LOAD_HALF, payload + 6);
        self.branch(op::IF_SET, 0x1FFF, no, first);
        self.here(first);
        self.load(op::LOAD_HEADER_LENGTH, payload);
        self.ends(end, yes, no, |program, end, yes, no| {
            let at = payload + if end == End::Source { 0 } else { 2 };
            program.port(op::LOAD_HALF_INDEXED, at, ports, yes, no);
        });
        self.here(v6);
        self.guard(IP6, no);
        self.load(op::LOAD_BYTE, payload + 6);
        self.one_of(transport, v6_ports, no);
        self.here(v6_ports);
        self.ends(end, yes, no, |program, end, yes, no| {
            let at = payload + if end == End::Source { 40 } else { 42 };
            program.port(op::LOAD_HALF, at, ports, yes, no);
        });
    }

    /// Whether what is loaded is the number of a transport with ports.
    fn one_of(&mut self, transport: Option<u8>, yes: Label, no: Label) {
        if let Some(number) = transport {
            return self.branch(op::IF_EQUAL, number.into(), yes, no);
        }
        for number in TRANSPORTS {
            let next = self.label();
            self.branch(op::IF_EQUAL, number.into(), yes, next);
            self.here(next);
        }
        self.goto(no);
    }

    fn port(&mut self, load: u16, at: u32, (first, last): (u16, u16), yes: Label, no: Label) {
        self.load(load, at);
        if first == last {
            return self.branch(op::IF_EQUAL, first.into(), yes, no);
        }
        let above = self.label();
        self.branch(op::IF_AT_LEAST, first.into(), above, no);
        self.here(above);
        self.branch(op::IF_ABOVE, last.into(), no, yes);
    }

    fn mac(&mut self, at: u32, address: [u8; 6], yes: Label, no: Label) {
        let [a, b, c, d, e, f] = address;
        let rest = self.label();
        self.load(op::LOAD_WORD, at + 2);
        self.branch(op::IF_EQUAL, u32::from_be_bytes([c, d, e, f]), rest, no);
        self.here(rest);
        self.load(op::LOAD_HALF, at);
        self.branch(op::IF_EQUAL, u16::from_be_bytes([a, b]).into(), yes, no);
    }

    fn ip_broadcast(&mut self, yes: Label, no: Label) {
        self.guard(IP, no);
        self.load(op::LOAD_WORD, self.payload() + 16);
        if self.link == Link::Ip {
            return self.branch(op::IF_EQUAL, u32::MAX, yes, no);
        }
        let other = self.label();
        self.branch(op::IF_EQUAL, u32::MAX, yes, other);
        self.here(other);
        self.mac(0, [0xFF; 6], yes, no);
    }

    fn vlan(&mut self, identifier: Option<u16>, yes: Label, no: Label) {
        let (tagged, plain) = (self.label(), self.label());
        self.load(op::LOAD_BYTE, op::VLAN_PRESENT);
        self.branch(op::IF_EQUAL, 0, plain, tagged);
        self.here(tagged);
        self.vlan_identifier(op::VLAN_TAG, identifier, yes, no);
        self.here(plain);
        if self.link == Link::Ip {
            return self.goto(no);
        }
        // one that Linux leaves in the frame
        let inside = self.label();
        self.load(op::LOAD_HALF, 12);
        self.branch(op::IF_EQUAL, OLD_QINQ.into(), inside, no);
        self.here(inside);
        self.vlan_identifier(14, identifier, yes, no);
    }

    fn vlan_identifier(&mut self, at: u32, identifier: Option<u16>, yes: Label, no: Label) {
        let Some(identifier) = identifier else { return self.goto(yes) };
        self.load(op::LOAD_HALF, at);
        self.load(op::AND, 0x0FFF);
        self.branch(op::IF_EQUAL, identifier.into(), yes, no);
    }

    /// Whether a frame has at least so many bytes, those of the tag that was taken off included.
    fn length(&mut self, bytes: u32, yes: Label, no: Label) {
        let (plain, tagged) = (self.label(), self.label());
        self.load(op::LOAD_BYTE, op::VLAN_PRESENT);
        self.branch(op::IF_EQUAL, 0, plain, tagged);
        self.here(tagged);
        self.load(op::LOAD_LENGTH, 0);
        self.branch(op::IF_AT_LEAST, bytes.saturating_sub(TAG), yes, no);
        self.here(plain);
        self.load(op::LOAD_LENGTH, 0);
        self.branch(op::IF_AT_LEAST, bytes, yes, no);
    }
}
