//! `-Y`: what is shown, as the command is told.

use clap::Args;
use streamlens::engine::finding_codes;
use streamlens::registry::DecoderRegistry;
use streamlens_filter::{Catalogue, Filter};

use super::exit::{Failure, Status};

/// The filter of what is shown.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArg {
    /// Show only what matches a filter, such as 'encoding == IENA and lost > 0'
    ///
    /// Flows that match, or in which something does; below them only what matches and what leads to it; the findings of these and
    /// of the capture as a whole, on which --fail-on then acts. Not with --expect, which judges all streams.
    /// Fields are the columns that `streamlens fields` lists. Alone stand a field (it has a value), a name (ptp, udp,
    /// multicast), an address or network, and a word that is looked for in all texts. Compared is with == != > >= < <=, in
    /// {1, 5..10}, contains and matches; joined with and, or, not and brackets. Durations need a unit: 5ms. See docs/filter.md.
    #[arg(short = 'Y', long, value_name = "FILTER", allow_hyphen_values = true, help_heading = "Output")]
    pub(crate) filter: Option<String>,
}

impl FilterArg {
    /// The filter; `None` where everything is shown.
    pub(crate) fn read(&self) -> Result<Option<Filter>, Failure> {
        let Some(text) = &self.filter else { return Ok(None) };
        let filter = Filter::parse(text, &catalogue(&DecoderRegistry::with_builtins()))
            .map_err(|error| Failure { status: Status::Usage, message: error.to_string() })?;
        Ok(Some(filter).filter(|filter| !filter.is_everything()))
    }
}

/// The names that filters may use.
pub(crate) fn catalogue(registry: &DecoderRegistry) -> Catalogue {
    let named = registry.encodings().fold(Catalogue::new(), |all, (name, base)| all.encoding(name, base));
    finding_codes(registry).iter().fold(named, |all, code| all.finding(code))
}
