//! What the user tells decoders: session descriptions, and the variants of IENA keys.

#[cfg(feature = "broadcast")]
use std::{fs, path::PathBuf};

#[cfg(feature = "telemetry")]
use streamlens::decoders::iena::{IenaDecoder, IenaVariant};
#[cfg(feature = "broadcast")]
use streamlens::decoders::sap::SapDecoder;
use streamlens::registry::DecoderRegistry;
use streamlens_filter::{Catalogue, Filter};

use super::args::AnalyzeArgs;
use super::exit::Failure;
#[cfg(feature = "broadcast")]
use super::exit::Status;

/// `0x0101=M`: the variant of an IENA key.
#[cfg(feature = "telemetry")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyVariant {
    key: u16,
    variant: IenaVariant,
}

#[cfg(feature = "telemetry")]
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
}

/// The built-in decoders with what the user has told.
pub(crate) fn registry(args: &AnalyzeArgs) -> Result<DecoderRegistry, Failure> {
    #[cfg_attr(not(any(feature = "telemetry", feature = "broadcast")), expect(unused_mut, unused_variables))]
    let (mut registry, args) = (DecoderRegistry::with_builtins(), args);
    #[cfg(feature = "telemetry")]
    if !args.iena_variants.is_empty() {
        let told = args.iena_variants.iter();
        registry.register(told.fold(IenaDecoder::default(), |iena, one| iena.with_variant(one.key, one.variant)));
    }
    #[cfg(feature = "broadcast")]
    if !args.sdp.is_empty() {
        let mut sap = SapDecoder::new();
        for path in &args.sdp {
            sap = with_sdp(sap, path)?;
        }
        registry.register(sap);
    }
    Ok(registry)
}

#[cfg(feature = "broadcast")]
fn with_sdp(sap: SapDecoder, path: &PathBuf) -> Result<SapDecoder, Failure> {
    let failure = |what: String| Failure {
        status: Status::Usage,
        message: format!("{}: {what}; --sdp takes a file with one session description (RFC 8866)", path.display()),
    };
    let text = fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
    sap.with_sdp(&text).map_err(|error| failure(error.to_string()))
}

/// The filter of `-Y`; `None` where everything is shown.
pub(crate) fn filter(args: &AnalyzeArgs) -> Result<Option<Filter>, Failure> {
    let Some(text) = &args.filter else { return Ok(None) };
    let filter = Filter::parse(text, &catalogue(&DecoderRegistry::with_builtins()))
        .map_err(|error| Failure { status: Status::Usage, message: error.to_string() })?;
    Ok(Some(filter).filter(|filter| !filter.is_everything()))
}

/// The names that filters may use.
pub(crate) fn catalogue(registry: &DecoderRegistry) -> Catalogue {
    registry.encodings().fold(Catalogue::new(), |all, (name, base)| all.encoding(name, base))
}

#[cfg(test)]
#[cfg(feature = "telemetry")]
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
