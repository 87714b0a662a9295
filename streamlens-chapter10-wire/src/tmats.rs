//! Setup records: telemetry attributes (TMATS, IRIG 106 chapter 9) as ASCII text of `CODE:value;` pairs.
//!
//! Text is read as it comes, so a record may span packets and no length bounds memory but these limits. The XML form
//! is recognised and not read.

use std::collections::BTreeMap;

/// What a setup record says of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSetup {
    /// `R-x\DSI-n`: its name.
    pub name: Option<String>,
    /// `R-x\CDT-n`: kind of data, `PCMIN`.
    pub data_type: Option<String>,
    /// `R-x\CHE-n`: whether it is enabled.
    pub enabled: Option<bool>,
    /// `R-x\CDLN-n` (`PDLN`, `BDLN` before 106-07): name of its data link.
    pub data_link: Option<String>,
    /// `P-d\D2` of that data link: bits per second, as written.
    pub bit_rate: Option<String>,
    /// `P-d\F1` of that data link: common word length in bits, as written.
    pub word_length: Option<String>,
    /// `R-x\TFMT-n`: format of a time channel, as written.
    pub time_format: Option<String>,
    /// `R-x\TSRC-n`: source of a time channel, as written.
    pub time_source: Option<String>,
}

/// A setup record, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupRecord {
    /// Packets that it came in.
    pub packets: u64,
    /// Bytes of its text.
    pub bytes: u64,
    /// The release in the packet's data word, as coded.
    pub release: u8,
    /// Whether it is in the XML form, which is not read.
    pub is_xml: bool,
    /// Attributes by the letter of their group; comments are under `COMMENT`.
    pub groups: BTreeMap<String, u64>,
    values: BTreeMap<String, String>,
}

impl SetupRecord {
    /// The most attributes that are kept; further ones are counted.
    const MAX_VALUES: usize = 4096;
    /// The longest value that is kept, in characters.
    const MAX_VALUE: usize = 200;

    /// The value of a code, written in capitals.
    #[must_use]
    pub fn value(&self, code: &str) -> Option<&str> {
        self.values.get(code).map(String::as_str)
    }

    /// Attributes of the record as a whole, by code: programme, test item, release, data sources, recorders.
    pub fn general(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter(|(code, _)| is_general(code)).map(|(code, value)| (code.as_str(), value.as_str()))
    }

    /// What it says of its channels, by channel id.
    #[must_use]
    pub fn channels(&self) -> BTreeMap<u16, ChannelSetup> {
        let mut links = BTreeMap::new();
        for (code, name) in self.values.range("P-".to_owned()..) {
            let Some((group, "DLN")) = code.split_once('\\') else { continue };
            links.entry(name.as_str()).or_insert(group);
        }
        let mut channels = BTreeMap::new();
        for (code, id) in self.values.range("R-".to_owned()..) {
            let Some((group, index)) = code.split_once("\\TK1-") else { continue };
            let Ok(id) = id.parse::<u16>() else { continue };
            let value = |what: &str| self.value(&format!("{group}\\{what}-{index}")).map(str::to_owned);
            let data_link = value("CDLN").or_else(|| value("PDLN")).or_else(|| value("BDLN"));
            let pcm = data_link.as_deref().and_then(|name| links.get(name));
            let of_link = |what: &str| pcm.and_then(|group| self.value(&format!("{group}\\{what}"))).map(str::to_owned);
            let setup = ChannelSetup {
                name: value("DSI").filter(|name| !name.is_empty()),
                data_type: value("CDT"),
                enabled: value("CHE").and_then(|text| match text.as_str() {
                    "T" => Some(true),
                    "F" => Some(false),
                    _ => None,
                }),
                bit_rate: of_link("D2"),
                word_length: of_link("F1"),
                time_format: value("TFMT"),
                time_source: value("TSRC"),
                data_link,
            };
            channels.insert(id, setup);
        }
        channels
    }

    fn attribute(&mut self, code: &str, value: &str) {
        let group = match code.split_once('\\') {
            Some((group, _)) => group.split('-').next().unwrap_or_default(),
            None => code,
        };
        // A group is one letter; a longer word without a backslash is a comment or nonsense.
        let group = if group.len() <= 7 { group } else { "other" };
        if self.groups.len() < 64 || self.groups.contains_key(group) {
            *self.groups.entry(group.to_owned()).or_default() += 1;
        }
        let room = self.values.len() < Self::MAX_VALUES || self.values.contains_key(code);
        if room && code.len() <= 64 && (is_general(code) || is_of_channel(code)) {
            self.values.insert(code.to_owned(), value.chars().take(Self::MAX_VALUE).collect());
        }
    }
}

fn is_general(code: &str) -> bool {
    match code.split_once('\\') {
        Some(("G", rest)) => {
            matches!(rest, "PN" | "TA" | "FN" | "106" | "OD" | "RN" | "TN" | "SC" | "SHA" | "DSI\\N")
                || rest.starts_with("DSI-")
                || rest.starts_with("DST-")
        }
        Some((group, rest)) => group.starts_with("R-") && matches!(rest, "ID" | "RID" | "N" | "NSB"),
        None => false,
    }
}

fn is_of_channel(code: &str) -> bool {
    let Some((group, rest)) = code.split_once('\\') else { return false };
    if group.starts_with("P-") {
        return matches!(rest, "DLN" | "D2" | "F1");
    }
    let what = rest.split('-').next().unwrap_or_default();
    group.starts_with("R-")
        && matches!(what, "TK1" | "DSI" | "CDT" | "CHE" | "CDLN" | "PDLN" | "BDLN" | "TFMT" | "TSRC")
}

/// Reads the setup records of a flow, packet by packet; the latest one is kept.
#[derive(Debug, Default)]
pub struct SetupReader {
    record: SetupRecord,
    first_code: String,
    pending: Vec<u8>,
    next_sequence: Option<u8>,
}

impl SetupReader {
    /// The longest attribute that is read, in bytes; what is longer is passed over.
    const MAX_PENDING: usize = 16_384;

    /// The latest record; `None` before the first packet with one. Between the packets of one record it is in part.
    #[must_use]
    pub fn record(&self) -> Option<&SetupRecord> {
        (self.record.packets > 0).then_some(&self.record)
    }

    /// Takes the data of a setup packet and its number in the channel. Returns whether the packet says that the
    /// configuration has changed.
    pub fn packet(&mut self, sequence: u8, data: &[u8]) -> bool {
        let Some((word, text)) = data.split_first_chunk::<4>() else { return false };
        let word = u32::from_le_bytes(*word);
        if self.next_sequence != Some(sequence) || self.begins(text) {
            *self = Self::default();
        }
        self.next_sequence = Some(sequence.wrapping_add(1));
        self.record.packets += 1;
        self.record.bytes += text.len() as u64;
        self.record.release = (word & 0xFF) as u8;
        self.record.is_xml =
            word >> 9 & 1 == 1 || (self.record.packets == 1 && text.trim_ascii_start().starts_with(b"<"));
        if !self.record.is_xml {
            self.read(text);
        }
        word >> 8 & 1 == 1
    }

    /// Whether a text that follows on in the sequence begins a record of its own: as the last one began.
    fn begins(&self, text: &[u8]) -> bool {
        if self.record.is_xml {
            return text.trim_ascii_start().starts_with(b"<?xml");
        }
        let line = text.get(..text.len().min(128)).unwrap_or_default();
        let code = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii();
        !self.first_code.is_empty() && code.eq_ignore_ascii_case(self.first_code.as_bytes()) && self.pending.is_empty()
    }

    fn read(&mut self, mut text: &[u8]) {
        while let Some(end) = text.iter().position(|&byte| byte == b';') {
            let (part, rest) = (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default());
            if self.pending.is_empty() {
                self.attribute(part);
            } else {
                self.keep(part);
                let whole = std::mem::take(&mut self.pending);
                self.attribute(&whole);
                self.pending = whole;
                self.pending.clear();
            }
            text = rest;
        }
        self.keep(text.trim_ascii_start());
    }

    fn keep(&mut self, part: &[u8]) {
        let room = Self::MAX_PENDING.saturating_sub(self.pending.len());
        self.pending.extend_from_slice(part.get(..room.min(part.len())).unwrap_or_default());
    }

    fn attribute(&mut self, pair: &[u8]) {
        let Some(colon) = pair.iter().position(|&byte| byte == b':') else { return };
        let code = latin_1(pair.get(..colon).unwrap_or_default()).to_ascii_uppercase();
        if code.is_empty() {
            return;
        }
        if self.first_code.is_empty() {
            self.first_code.clone_from(&code);
        }
        let value = pair.get(colon + 1..).unwrap_or_default();
        self.record.attribute(&code, &latin_1(value.get(..value.len().min(1024)).unwrap_or_default()));
    }
}

/// Text without the blanks around it; bytes above 0x7F are Latin-1.
fn latin_1(bytes: &[u8]) -> String {
    bytes.trim_ascii().iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(text: &str) -> Vec<u8> {
        [&7_u32.to_le_bytes()[..], text.as_bytes()].concat()
    }

    const RECORD: &str = "G\\PN:Test ;\r\ng\\106 : 07;G\\DSI\\N:1;G\\DSI-1:A;COMMENT:no group; R-1\\ID:A;R-1\\TK1-1:5;\
        R-1\\DSI-1:PCM nose;R-1\\CDT-1:PCMIN;R-1\\CHE-1:T;R-1\\PDLN-1:LINK;P-1\\DLN:LINK;P-1\\D2:1000000;P-1\\F1:16;";

    #[test]
    fn joins_channels_with_their_names_and_data_links() {
        let mut reader = SetupReader::default();
        assert!(reader.record().is_none());
        reader.packet(0, &packet(RECORD));
        let record = reader.record().expect("a record");
        assert_eq!((record.value("G\\PN"), record.value("G\\106")), (Some("Test"), Some("07")));
        let channel = &record.channels()[&5];
        assert_eq!(channel.name.as_deref(), Some("PCM nose"));
        assert_eq!((channel.data_type.as_deref(), channel.enabled), (Some("PCMIN"), Some(true)));
        assert_eq!((channel.bit_rate.as_deref(), channel.word_length.as_deref()), (Some("1000000"), Some("16")));
        assert_eq!(record.groups["G"], 4);
        assert_eq!(record.groups["COMMENT"], 1);
    }

    #[test]
    fn a_record_cut_anywhere_over_packets_reads_the_same() {
        let mut whole = SetupReader::default();
        whole.packet(9, &packet(RECORD));
        let expected = whole.record().expect("a record").values.clone();
        for cut in 1..RECORD.len() {
            let mut reader = SetupReader::default();
            reader.packet(255, &packet(&RECORD[..cut]));
            reader.packet(0, &packet(&RECORD[cut..]));
            assert_eq!(reader.record().expect("a record").values, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_repeated_record_replaces_the_one_before() {
        let mut reader = SetupReader::default();
        reader.packet(0, &packet(RECORD));
        reader.packet(1, &packet(&RECORD.replace("PCM nose", "PCM tail")));
        let record = reader.record().expect("a record");
        assert_eq!((record.packets, record.groups["G"]), (1, 4));
        assert_eq!(record.channels()[&5].name.as_deref(), Some("PCM tail"));
    }

    #[test]
    fn text_without_an_end_takes_no_more_than_its_share() {
        let mut reader = SetupReader::default();
        for sequence in 0..50 {
            reader.packet(sequence, &[0xFF; 10_000]);
        }
        assert!(reader.pending.len() <= SetupReader::MAX_PENDING);
    }
}
