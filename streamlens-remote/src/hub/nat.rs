//! Addresses that a probe sees as others, behind NAT: rules of the hub's operator by which flows are still the same ones.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use streamlens_model::{Address, Endpoint};

/// What one probe, or all, see as something else: `[PROBE/]ADDRESS[:PORT]=ADDRESS[:PORT]`, first as it is seen, then as it is
/// to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRule {
    probe: Option<String>,
    seen: (Address, Option<u16>),
    shown: (Address, Option<u16>),
}

impl NatRule {
    /// The end that is shown for one that a probe sees, where the rule is about it. A rule without a port on its right side
    /// leaves ports as they are.
    pub(super) fn apply(&self, probe: &str, end: Endpoint) -> Option<Endpoint> {
        let is_meant = self.probe.as_deref().is_none_or(|name| name == probe)
            && self.seen.0 == end.address
            && (self.seen.1.is_none() || self.seen.1 == end.port);
        is_meant.then_some(Endpoint { address: self.shown.0, port: self.shown.1.or(end.port) })
    }
}

/// An end by the first rule that is about it, or as it is.
pub(super) fn shown(rules: &[NatRule], probe: &str, end: Endpoint) -> Endpoint {
    rules.iter().find_map(|rule| rule.apply(probe, end)).unwrap_or(end)
}

impl FromStr for NatRule {
    type Err = String;

    /// # Errors
    ///
    /// Where it is no rule.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is no rule; write [PROBE/]ADDRESS[:PORT]=ADDRESS[:PORT], first as the probe sees it: \
                     studio-a/10.0.0.5=192.0.2.7"
            )
        };
        let (left, right) = text.rsplit_once('=').ok_or_else(wrong)?;
        let (probe, seen) = match left.rsplit_once('/') {
            Some((probe, seen)) if !probe.is_empty() => (Some(probe.to_owned()), seen),
            Some(_) => return Err(wrong()),
            None => (None, left),
        };
        let (seen, shown) = (end(seen).ok_or_else(wrong)?, end(right).ok_or_else(wrong)?);
        if seen.1.is_none() && shown.1.is_some() {
            return Err(format!("'{text}' would make one port of all: name the port that is seen as well"));
        }
        Ok(Self { probe, seen, shown })
    }
}

fn end(text: &str) -> Option<(Address, Option<u16>)> {
    let (ip, port) = match (text.parse::<IpAddr>(), text.parse::<SocketAddr>()) {
        (Ok(ip), _) => (ip, None),
        (_, Ok(both)) => (both.ip(), Some(both.port())),
        _ => return None,
    };
    let address = match ip {
        IpAddr::V4(ip) => Address::V4(ip),
        IpAddr::V6(ip) => Address::V6(ip),
    };
    Some((address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        let (address, port) = end(text).unwrap();
        Endpoint { address, port }
    }

    #[test]
    fn the_first_rule_that_is_about_an_end_says_how_it_is_shown() {
        let rules: Vec<NatRule> =
            ["studio-a/10.0.0.5:5004=192.0.2.7:6000", "studio-a/10.0.0.5=192.0.2.7", "[2001:db8::1]:9=192.0.2.9:10"]
                .map(|text| text.parse().unwrap())
                .into();
        for (probe, seen, wanted) in [
            ("studio-a", "10.0.0.5:5004", "192.0.2.7:6000"),
            ("studio-a", "10.0.0.5:5006", "192.0.2.7:5006"),
            ("studio-b", "10.0.0.5:5004", "10.0.0.5:5004"),
            ("studio-b", "[2001:db8::1]:9", "192.0.2.9:10"),
        ] {
            assert_eq!(shown(&rules, probe, endpoint(seen)), endpoint(wanted), "{probe} {seen}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for wrong in [
            "",
            "=",
            "10.0.0.5",
            "10.0.0.5=",
            "/10.0.0.5=10.0.0.6",
            "a=b",
            "10.0.0.5=10.0.0.6:1",
            "a/b/10.0.0.300=1.1.1.1",
        ] {
            assert!(wrong.parse::<NatRule>().is_err(), "{wrong}");
        }
    }
}
