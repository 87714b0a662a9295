//! Addresses, networks and numbers in a capture filter.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Parser;
use crate::filter::FilterError;
use crate::filter::ast::Network;

impl Parser<'_> {
    pub(super) fn host(&self, word: &str) -> Result<Network, FilterError> {
        if let Ok(address) = word.parse() {
            return Ok(Network::V4 { address, mask: u32::MAX });
        }
        match word.parse() {
            Ok(address) => Ok(Network::V6 { address, bits: 128 }),
            Err(_) => {
                Err(self.error_before(format!("expected an IP address, found `{word}`; names are not looked up")))
            }
        }
    }

    pub(super) fn net(&mut self, word: &str) -> Result<Network, FilterError> {
        let (start, bits) = word.split_once('/').map_or((word, None), |(start, bits)| (start, Some(bits)));
        let bits = match bits.map(str::parse::<u8>) {
            Some(Err(_)) => return Err(self.error_before("expected the length of a prefix behind the `/`")),
            Some(Ok(bits)) => Some(bits),
            None => None,
        };
        if start.contains(':') {
            let Ok(address) = start.parse::<Ipv6Addr>() else {
                return Err(self.error_before(format!("expected a network such as fd00::/8, found `{word}`")));
            };
            let bits = bits.unwrap_or(128);
            if bits > 128 {
                return Err(self.error_before("a prefix of IPv6 has at most 128 bits"));
            }
            if address.to_bits() & !mask6(bits) != 0 {
                return Err(self.error_before("there are bits set behind the prefix"));
            }
            return Ok(Network::V6 { address, bits });
        }
        let Some((address, given)) = partial(start) else {
            return Err(self.error_before(format!("expected a network such as 10.1.0.0/16, found `{word}`")));
        };
        let mask = match bits {
            Some(bits) if bits > 32 => return Err(self.error_before("a prefix of IPv4 has at most 32 bits")),
            Some(bits) => mask4(bits),
            None if self.take("mask") => {
                let mask = self.advance().and_then(|mask| mask.parse::<Ipv4Addr>().ok());
                mask.ok_or_else(|| self.error_before("expected a mask such as 255.255.0.0"))?.to_bits()
            }
            None => mask4(given),
        };
        if address.to_bits() & !mask != 0 {
            return Err(self.error_before("there are bits set behind the prefix"));
        }
        Ok(Network::V4 { address, mask })
    }

    /// A number, decimal or hexadecimal behind `0x`, of at most `most`.
    pub(super) fn number(&mut self, what: &str, most: u32) -> Result<u32, FilterError> {
        let Some(word) = self.advance() else { return Err(self.error_here(format!("expected {what}"))) };
        let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
        let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = match hexadecimal {
            Some(digits) if is_plain(digits) => u32::from_str_radix(digits, 16).ok(),
            None if is_plain(word) => word.parse().ok(),
            _ => None,
        };
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| self.error_before(format!("expected {what}, found `{word}`")))
    }
}

/// An IPv4 address of which the last parts may be left out, and the bits of those that are there.
fn partial(text: &str) -> Option<(Ipv4Addr, u8)> {
    let mut parts = [0_u8; 4];
    let mut count = 0;
    for part in text.split('.') {
        if part.is_empty() || part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *parts.get_mut(count)? = part.parse().ok()?;
        count += 1;
    }
    Some((Ipv4Addr::from(parts), count as u8 * 8))
}

/// A MAC address with `:` or `-` between its bytes.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut address {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()) && !part.starts_with('+'))?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(address)
}

fn mask4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0)
}

pub(in crate::filter) fn mask6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0)
}
