//! The variants of IENA keys, as the command is told.

use streamlens::decoders::iena::{IenaDecoder, IenaVariant};

/// `0x0101=M`: the variant of an IENA key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyVariant {
    key: u16,
    variant: IenaVariant,
}

impl KeyVariant {
    /// Reads `KEY=VARIANT`; the key is decimal, or hexadecimal behind `0x`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (key, variant) =
            text.split_once('=').ok_or("write a key, an equals sign and a variant, such as 0x0101=M")?;
        let key = match key.trim().strip_prefix("0x").or_else(|| key.trim().strip_prefix("0X")) {
            Some(digits) => u16::from_str_radix(digits, 16),
            None => key.trim().parse(),
        };
        let variant = match variant.trim() {
            "P" | "p" => IenaVariant::P,
            "D" | "d" => IenaVariant::D,
            "N" | "n" => IenaVariant::N,
            "M" | "m" => IenaVariant::M,
            "Q" | "q" => IenaVariant::Q,
            other => return Err(format!("there is no IENA variant `{other}`; write P, D, N, M or Q")),
        };
        let key = key.map_err(|error| format!("an IENA key is a number from 0 to 65535 (0xFFFF): {error}"))?;
        Ok(Self { key, variant })
    }

    /// The decoder that knows of it.
    pub(crate) fn tell(self, iena: IenaDecoder) -> IenaDecoder {
        iena.with_variant(self.key, self.variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_keys_in_both_notations() {
        let m = Ok(KeyVariant { key: 0x0101, variant: IenaVariant::M });
        assert_eq!(KeyVariant::parse("0x0101=M"), m);
        assert_eq!(KeyVariant::parse("257=m"), m);
    }

    #[test]
    fn says_what_is_wrong_with_a_key_or_variant() {
        assert!(KeyVariant::parse("0x0101").unwrap_err().contains("equals sign"));
        assert!(KeyVariant::parse("0x0101=X").unwrap_err().contains("`X`"));
        assert!(KeyVariant::parse("70000=M").unwrap_err().contains("65535"));
    }
}
