//! The names that filters may use.

use std::collections::{BTreeMap, BTreeSet};

use streamlens_model::Transport;

/// Names that a filter is checked against and that completion offers: encodings with what they refine, packet types, codes of
/// findings, named filters.
///
/// ```
/// use streamlens_filter::{Catalogue, Filter};
/// let catalogue = Catalogue::new().encoding("RTP", None).encoding("AES67", Some("RTP"));
/// assert!(Filter::parse("rtp and not aes67", &catalogue).is_ok());
/// assert!(Filter::parse("encoding == mp3", &catalogue).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    encodings: Vec<(String, Option<String>)>,
    packet_types: Vec<String>,
    findings: BTreeSet<String>,
    named: BTreeMap<String, String>,
}

impl Catalogue {
    /// Without encodings, packet types and named filters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With an encoding, and the one that it refines.
    #[must_use]
    pub fn encoding(mut self, name: &str, base: Option<&str>) -> Self {
        if !self.encodings().any(|known| known == name) {
            self.encodings.push((name.to_owned(), base.map(str::to_owned)));
        }
        self
    }

    /// With a packet type, which completion offers. Filters may name others, for many sets are open.
    #[must_use]
    pub fn packet_type(mut self, name: &str) -> Self {
        if !self.packet_types.iter().any(|known| known == name) {
            self.packet_types.push(name.to_owned());
        }
        self
    }

    /// With a code that findings may have. Where a catalogue has none, filters may compare with any; where it has some, with
    /// these alone, so that those of decoders of one's own have to be among them.
    ///
    /// ```
    /// use streamlens_filter::{Catalogue, Filter};
    /// let catalogue = Catalogue::new().finding("rtp.loss").finding("barometer.stuck");
    /// assert!(Filter::parse("finding == barometer.stuck", &catalogue).is_ok());
    /// assert!(Filter::parse("finding == rtp.los", &catalogue).unwrap_err().message().contains("did you mean rtp.loss"));
    /// assert!(Filter::parse("finding == anything", &Catalogue::new()).is_ok());
    /// ```
    #[must_use]
    pub fn finding(mut self, code: &str) -> Self {
        self.findings.insert(code.to_owned());
        self
    }

    /// With a filter that others name as `$name`.
    #[must_use]
    pub fn named(mut self, name: &str, filter: &str) -> Self {
        self.named.insert(name.to_owned(), filter.to_owned());
        self
    }

    /// The names of the encodings.
    pub fn encodings(&self) -> impl Iterator<Item = &str> {
        self.encodings.iter().map(|(name, _)| name.as_str())
    }

    /// The names of the packet types.
    pub fn packet_types(&self) -> impl Iterator<Item = &str> {
        self.packet_types.iter().map(String::as_str)
    }

    /// The codes of findings.
    pub fn findings(&self) -> impl Iterator<Item = &str> {
        self.findings.iter().map(String::as_str)
    }

    /// The names of the named filters.
    pub fn filters(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// The encodings that refine one.
    pub(crate) fn refining(&self, name: &str) -> Vec<String> {
        let refining = self.encodings.iter().filter(|(_, base)| base.as_deref() == Some(name));
        refining.map(|(name, _)| name.clone()).collect()
    }

    /// The text of a named filter; `None` where there is none of that name.
    #[must_use]
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// The encoding that is written like that, but for letter case and punctuation.
    pub(crate) fn encoding_like(&self, name: &str) -> Option<&str> {
        self.encodings().find(|known| is_same_name(known, name))
    }
}

/// The names of transports.
pub(crate) fn transports() -> impl Iterator<Item = String> {
    let numbered = (0..=255_u8).map(|number| Transport::Ip(number).name()).filter(|name| !name.starts_with("IP-"));
    let others = [Transport::Ethernet, Transport::Chapter10File].map(Transport::name);
    others.into_iter().chain(numbered).map(String::from)
}

/// Letters and digits of a name, in lower case.
pub(crate) fn folded(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// Whether two names are the same but for letter case and punctuation.
pub(crate) fn is_same_name(one: &str, other: &str) -> bool {
    one == other || folded(one).eq(folded(other))
}

/// The one of some names that is meant, or what there is to say where none is.
pub(crate) fn known_name<'n>(name: &str, what: &str, known: impl Iterator<Item = &'n str>) -> Result<&'n str, String> {
    let known: Vec<_> = known.collect();
    known.iter().copied().find(|known| is_same_name(known, name)).ok_or_else(|| {
        let near = nearest(name, known.into_iter()).map_or_else(String::new, |near| format!("; did you mean {near}?"));
        format!("no {what} is called that{near}")
    })
}

/// The nearest of some names, where one is near enough to have been meant.
///
/// ```
/// use streamlens_filter::nearest;
/// assert_eq!(nearest("jiter", ["jitter", "packets"].into_iter()), Some("jitter"));
/// assert_eq!(nearest("speed", ["jitter", "packets"].into_iter()), None);
/// ```
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    /// Names are shorter than what is near so long a word.
    const LONGEST: usize = 64;
    if name.chars().nth(LONGEST).is_some() {
        return None;
    }
    let fold = |name: &str| name.to_lowercase();
    let wanted = fold(name);
    let near = known.map(|known| (strsim::osa_distance(&fold(known), &wanted), known)).min();
    near.filter(|(distance, _)| *distance <= 1 + name.chars().count() / 4).map(|(_, near)| near)
}
