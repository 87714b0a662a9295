//! Data type codes and their names (IRIG 106 chapter 11, table of data types).

use std::borrow::Cow;

pub(super) use streamlens_chapter10_wire::{SETUP, TIME_1, TIME_2};

/// A family of data types: the first code and the formats of it that are assigned, with the names of [`TYPE_NAMES`], and
/// what `R-x\CDT-n` of a setup record calls it (empty where it has no channel of its own).
struct Family {
    first: u8,
    formats: &'static [u8],
    setup_name: &'static str,
}

const fn family(first: u8, formats: &'static [u8], setup_name: &'static str) -> Family {
    Family { first, formats, setup_name }
}

const FAMILIES: [Family; 18] = [
    family(0x00, &[0, 1, 2, 3, 4], ""),
    family(0x08, &[1, 2], "PCMIN"),
    family(0x10, &[1, 2], "TIMEIN"),
    family(0x18, &[1, 2], "1553IN"),
    family(0x20, &[1, 3], "ANAIN"),
    family(0x28, &[1], "DISIN"),
    family(0x30, &[0], "MSGIN"),
    family(0x38, &[0], "429IN"),
    family(0x40, &[0, 1, 2, 3, 4], "VIDIN"),
    family(0x48, &[0, 1, 2], "IMGIN"),
    family(0x50, &[0], "UARTIN"),
    family(0x58, &[0, 1], "1394IN"),
    family(0x60, &[0], "PARIN"),
    family(0x68, &[0, 1], "ETHIN"),
    family(0x70, &[0, 1, 2], "TSPIIN"),
    family(0x78, &[0], "CANIN"),
    // CAN has one code alone, so that the codes of Fibre Channel are no multiple of eight.
    family(0x79, &[0, 1], "FBCHIN"),
    family(0x81, &[], ""),
];

fn place_of_family(code: u8) -> usize {
    FAMILIES.iter().rposition(|family| family.first <= code).unwrap_or(0)
}

fn family_of(code: u8) -> &'static Family {
    &FAMILIES[place_of_family(code)]
}

/// The name of a data type code: `PCM Data Format 1`, `TMATS`, `Reserved 0x86`.
#[must_use]
pub fn type_name(code: u8) -> Cow<'static, str> {
    let (before, family) = (&FAMILIES[..place_of_family(code)], family_of(code));
    let format = family.formats.iter().position(|format| family.first + format == code);
    let place = format.map(|format| format + before.iter().map(|family| family.formats.len()).sum::<usize>());
    match place.and_then(|place| TYPE_NAMES.get(place)) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("Reserved 0x{code:02X}")),
    }
}

/// The names of all assigned data types, in the order of their codes. The first of a setup record is known by its own name,
/// and CAN has a single format, so that its name has no number.
pub(super) const TYPE_NAMES: &[&str] = &[
    "Computer Generated Data Format 0",
    "TMATS",
    "Computer Generated Data Format 2",
    "Computer Generated Data Format 3",
    "Computer Generated Data Format 4",
    "PCM Data Format 1",
    "PCM Data Format 2",
    "Time Data Format 1",
    "Time Data Format 2",
    "MIL-STD-1553 Data Format 1",
    "MIL-STD-1553 Data Format 2",
    "Analog Data Format 1",
    "Analog Data Format 3",
    "Discrete Data Format 1",
    "Message Data Format 0",
    "ARINC-429 Data Format 0",
    "Video Data Format 0",
    "Video Data Format 1",
    "Video Data Format 2",
    "Video Data Format 3",
    "Video Data Format 4",
    "Image Data Format 0",
    "Image Data Format 1",
    "Image Data Format 2",
    "UART Data Format 0",
    "IEEE 1394 Data Format 0",
    "IEEE 1394 Data Format 1",
    "Parallel Data Format 0",
    "Ethernet Data Format 0",
    "Ethernet Data Format 1",
    "TSPI/CTS Data Format 0",
    "TSPI/CTS Data Format 1",
    "TSPI/CTS Data Format 2",
    "CAN Bus",
    "Fibre Channel Data Format 0",
    "Fibre Channel Data Format 1",
];

/// Whether a code is one of the recorder's own data (setup, events, index), which come out of the order of time.
#[must_use]
pub(super) fn is_computer_generated(code: u8) -> bool {
    code < 0x08
}

/// Whether what a setup record says of a channel (`R-x\CDT-n`) contradicts the data type of its packets. Names that
/// the standard does not list contradict nothing.
#[must_use]
pub(super) fn contradicts_setup(code: u8, setup_name: &str) -> bool {
    let known = FAMILIES.iter().any(|family| !family.setup_name.is_empty() && family.setup_name == setup_name);
    let own = family_of(code).setup_name;
    known && !own.is_empty() && own != setup_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_assigned_codes_by_family_and_format_and_keeps_the_number_of_reserved_ones() {
        for (code, name) in [
            (0x00, "Computer Generated Data Format 0"),
            (0x01, "TMATS"),
            (0x05, "Reserved 0x05"),
            (0x08, "Reserved 0x08"),
            (0x09, "PCM Data Format 1"),
            (0x22, "Reserved 0x22"),
            (0x43, "Video Data Format 3"),
            (0x78, "CAN Bus"),
            (0x7A, "Fibre Channel Data Format 1"),
            (0x7B, "Reserved 0x7B"),
            (0xFF, "Reserved 0xFF"),
        ] {
            assert_eq!(type_name(code), name);
        }
        let assigned: Vec<_> = (0..=255).map(type_name).filter(|name| !name.starts_with("Reserved")).collect();
        assert_eq!(assigned, TYPE_NAMES);
    }

    #[test]
    fn a_channel_of_another_family_contradicts_the_setup_record() {
        assert!(contradicts_setup(0x09, "VIDIN"));
        assert!(!contradicts_setup(0x09, "PCMIN"));
        assert!(!contradicts_setup(0x09, "SOMETHING"), "unknown names prove nothing");
        assert!(!contradicts_setup(0x03, "PCMIN"), "the recorder's own data have no channel type");
        assert!(!contradicts_setup(0xF2, "PCMIN"), "reserved codes prove nothing");
    }
}
