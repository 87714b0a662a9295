//! `-Y FILTER`: the option of all commands that filter what they show.

use clap::Args;
use streamlens::engine::finding_codes;
use streamlens::registry::DecoderRegistry;
use streamlens_filter::{Catalogue, Filter};

use super::exit::{Failure, Status};

/// The option that says what is shown.
#[derive(Debug, Default, Args)]
pub(crate) struct FilterArg {
    /// Show only what matches a filter, such as 'encoding == IENA and lost > 0'
    ///
    /// Flows that match, or in which something does; below them only what matches and what leads to it; the findings of
    /// these and of the capture as a whole. Of `streamlens CAPTURE` --fail-on acts on the findings that are left, and
    /// --expect, which judges all streams, does not go with -Y. Fields are the columns that `streamlens fields` lists.
    /// A field alone asks whether it has a value; a name (ptp, udp, multicast), an address, a network, and a word that
    /// is looked for in all texts may stand alone too. Comparisons are == != > >= < <=, in {1, 5..10}, contains and
    /// matches; they are joined with and, or, not and brackets. Durations need a unit: 5ms. See docs/filter.md.
    #[arg(short = 'Y', long, value_name = "FILTER", allow_hyphen_values = true, help_heading = "Output")]
    pub(crate) filter: Option<String>,
}

impl FilterArg {
    /// Parses the filter. Returns `None` if there is no filter, or one that shows everything.
    ///
    /// # Errors
    ///
    /// If the filter is wrong.
    pub(crate) fn read(&self) -> Result<Option<Filter>, Failure> {
        let Some(text) = &self.filter else { return Ok(None) };
        let filter = Filter::parse(text, &catalogue(&DecoderRegistry::with_builtins()))
            .map_err(|error| Failure { status: Status::Usage, message: error.to_string() })?;
        Ok(Some(filter).filter(|filter| !filter.is_everything()))
    }
}

/// Returns the names of encodings and codes of findings that filters may use.
pub(crate) fn catalogue(registry: &DecoderRegistry) -> Catalogue {
    let named = registry.encodings().fold(Catalogue::new(), |all, (name, base)| all.encoding(name, base));
    finding_codes(registry).iter().fold(named, |all, code| all.finding(code))
}
