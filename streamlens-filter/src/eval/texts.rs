//! The texts in which a word alone is looked for.

use streamlens_model::row::{Element, Level, RowRef};
use streamlens_model::{Address, FlowKey, Metadata, PacketTypeStats, Value, VlanStack};

/// Texts of a row down from its flow, to its own. Names of streams are those of the encoding.
pub(super) fn above_and_own(row: &RowRef<'_>, with_streams: bool, is_found: &dyn Fn(&str) -> bool) -> bool {
    let above = [Level::Flow, Level::Transport, Level::Encoding].into_iter().filter(|level| *level <= row.level());
    let found = above.filter_map(|level| row.at(level)).any(|row| own_texts(&row, is_found));
    found || (with_streams && row.level() == Level::Encoding && streams_texts(row, is_found))
}

fn streams_texts(row: &RowRef<'_>, is_found: &dyn Fn(&str) -> bool) -> bool {
    let streams = row.encoding().map_or(&[][..], |encoding| &encoding.health.streams);
    streams.iter().any(|stream| is_found(&stream.id) || stream.name.as_deref().is_some_and(is_found))
}

/// The texts of the row itself: endpoints, names, identifiers, metadata, codes of findings.
pub(super) fn own_texts(row: &RowRef<'_>, is_found: &dyn Fn(&str) -> bool) -> bool {
    let is_named = match row.element() {
        Element::Flow(flow) => {
            let ends = [flow.key.src, flow.key.dst].into_iter().filter(|end| end.address != Address::None);
            let both = FlowKey { vlan: VlanStack::default(), ..flow.key };
            // a text that reaches over the arrow has both ends
            ends.into_iter().any(|end| end.with_text(is_found))
                || both.with_text(|text| is_found(text) && !is_found(" -> "))
        }
        Element::Transport(transport) => {
            is_found(&transport.protocol_name) || in_metadata(&transport.metadata, is_found)
        }
        Element::Encoding(encoding) => {
            is_found(&encoding.encoding_name) || in_metadata(&encoding.decoder_metadata, is_found)
        }
        Element::Stream(stream) => is_found(&stream.id) || stream.name.as_deref().is_some_and(is_found),
        Element::PacketType(kind) => type_texts(kind, is_found),
    };
    is_named || row.findings().any(|(code, _)| is_found(code))
}

fn type_texts(kind: &PacketTypeStats, is_found: &dyn Fn(&str) -> bool) -> bool {
    is_found(&kind.type_name) || in_metadata(&kind.payload_characteristics, is_found)
}

/// Whether it is in a text of a packet type in which the row's own lies.
pub(super) fn around_texts(row: &RowRef<'_>, is_found: &dyn Fn(&str) -> bool) -> bool {
    fn around(kinds: &[PacketTypeStats], own: &PacketTypeStats, is_found: &dyn Fn(&str) -> bool) -> Option<bool> {
        kinds.iter().find_map(|kind| match std::ptr::eq(kind, own) {
            true => Some(false),
            false => around(&kind.packet_types, own, is_found).map(|found| found || type_texts(kind, is_found)),
        })
    }
    let Some((encoding, own)) = row.encoding().zip(row.packet_type()).filter(|_| row.is_nested()) else { return false };
    around(&encoding.packet_types, own, is_found).unwrap_or(false)
}

/// Whether any text in metadata has it.
fn in_metadata(facts: &Metadata, is_found: &dyn Fn(&str) -> bool) -> bool {
    facts.values().any(|value| in_value(value, is_found))
}

fn in_value(value: &Value, is_found: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => is_found(text),
        Value::List(items) => items.iter().any(|item| in_value(item, is_found)),
        Value::Map(map) => in_metadata(map, is_found),
        _ => false,
    }
}
