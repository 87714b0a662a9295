//! The Ethernet types of frames that no decoder takes.

use streamlens_model::Value;
use streamlens_model::customary;

/// The first few Ethernet types that differ, in the order in which they came; 0, which is no type, where there are fewer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EtherTypes([u16; 4]);

impl EtherTypes {
    pub(crate) fn note(&mut self, kind: u16) {
        // lengths, which are no types, are all one
        let kind = if kind < 0x0600 { 1 } else { kind };
        if let Some(place) = self.0.iter_mut().find(|known| **known == kind || **known == 0) {
            *place = kind;
        }
    }

    /// Number and name of each, as texts, of lengths the name alone; `None` where there are none.
    pub(crate) fn value(self) -> Option<Value> {
        let known = self.0.into_iter().filter(|kind| *kind != 0).map(|kind| match customary::ether_type(kind) {
            Some(name) if kind < 0x0600 => name.to_owned(),
            Some(name) => format!("0x{kind:04x} ({name})"),
            None => format!("0x{kind:04x}"),
        });
        let known: Vec<_> = known.collect();
        (!known.is_empty()).then(|| Value::list(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_kept_once_and_the_first_four_of_many() {
        let mut types = EtherTypes::default();
        assert_eq!(types.value(), None);
        for kind in [0x0806, 0x88CC, 0x0806, 0x0026, 0x0027, 0x1234, 0x88E3] {
            types.note(kind);
        }
        let expected = ["0x0806 (ARP)", "0x88cc (LLDP)", "IEEE 802.3 LLC", "0x1234"];
        assert_eq!(types.value(), Some(Value::list(expected.map(str::to_owned))));
    }
}
