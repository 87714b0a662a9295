//! The rows of a flow, made from what the engine counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;
use streamlens_model::row::{FlowId, Level, Row, RowHealth, RowId, RowName, RowTiming};
use streamlens_model::stats::Bucket;
use streamlens_model::{Timestamp, TimingStatistics};

use super::meter::{Meter, SECOND_NS};
use super::shown::{ShownRow, Source, TypePlace};
use crate::flow::{EncodingEntry, FlowEntry, IntervalSeries, TransportEntry, TypeEntry};
use crate::report::{EncodingNames, stream_health};

/// Streams of an encoding above which their sum is made once a second and not at each look.
const SUMMED_AT_EACH_LOOK: usize = 64;

/// What the rows of a look are made with.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Option<Timestamp>,
    /// Whether rows that are new had frames before the look before.
    pub(super) is_beginning: bool,
    /// Nanoseconds since the look before.
    pub(super) since_last: Option<i64>,
    /// Intervals more than so many standard deviations from the mean are outliers.
    pub(super) outlier_deviations: f64,
}

/// Lists the rows of a flow down to a level, without figures. `names` are those of its encodings, by transport and place.
pub(super) fn list(
    flow: &FlowEntry,
    id: FlowId,
    depth: Level,
    names: &BTreeMap<(u16, u16), EncodingNames>,
) -> Vec<ShownRow> {
    let mut rows = Vec::new();
    let mut add = |id, parent, name, source| {
        rows.push(ShownRow {
            row: Row { id, parent, ..Row::default() },
            name,
            source,
            meter: Meter::default(),
            is_new: true,
        });
    };
    let flow_id = RowId::flow(id);
    let cast = flow.facts.cast(flow.key.dst.address);
    add(flow_id, None, RowName::Flow(flow.key, cast), Source::Flow);
    if depth < Level::Transport {
        return rows;
    }
    for (t, transport) in (0..).zip(flow.transports()) {
        let transport_id = RowId::transport(id, t);
        add(transport_id, Some(flow_id), RowName::Named(transport.transport.name().into()), Source::Transport(t));
        if depth < Level::Encoding {
            continue;
        }
        for (e, encoding) in (0..).zip(&transport.encodings) {
            // one whose evidence has fallen away is a candidate, and no row
            let Some(names) = names.get(&(t, e)) else { continue };
            let encoding_id = RowId::encoding(id, t, e);
            add(encoding_id, Some(transport_id), RowName::Named(Arc::clone(&names.name)), Source::Encoding(t, e));
            if depth < Level::Stream {
                continue;
            }
            for (place, health) in (0..).zip(&names.streams) {
                let name = health.name.as_deref().map(Arc::from);
                let name = RowName::Stream(health.id.as_str().into(), name);
                add(encoding_id.below(Level::Stream, place), Some(encoding_id), name, Source::Stream(t, e, place));
            }
            if depth >= Level::PacketType {
                list_types(encoding, names, (t, e), encoding_id, &mut add);
            }
        }
    }
    rows
}

/// Lists packet types, those of one name as one row, and below each those that lie in its PDUs.
fn list_types(
    encoding: &EncodingEntry,
    names: &EncodingNames,
    (t, e): (u16, u16),
    encoding_id: RowId,
    add: &mut impl FnMut(RowId, Option<RowId>, RowName, Source),
) {
    let own: Vec<TypePlace> = (0..encoding.types.len() as u32).map(TypePlace::Own).collect();
    let mut waiting = vec![(encoding_id, own)];
    // PDUs lie in PDUs one deep: a kind that lies in itself ends here
    for _ in 0..2 {
        let mut below = Vec::new();
        for (parent, places) in waiting {
            let mut groups: Vec<(&str, SmallVec<[TypePlace; 2]>)> = Vec::new();
            for place in places {
                let Some(name) = place_kind(encoding, place).and_then(|kind| names.types.get(&kind)) else { continue };
                match groups.iter_mut().find(|(known, _)| *known == &**name) {
                    Some((_, group)) => group.push(place),
                    None => groups.push((name, SmallVec::from_elem(place, 1))),
                }
            }
            for (name, group) in groups {
                let item = match group.first() {
                    Some(TypePlace::Own(place)) => *place,
                    Some(TypePlace::Nested(place)) => NESTED | *place,
                    None => continue,
                };
                let id = encoding_id.below(Level::PacketType, item);
                let kinds: SmallVec<[_; 2]> = group.iter().filter_map(|&place| place_kind(encoding, place)).collect();
                let inside: Vec<_> = (0..)
                    .zip(&encoding.nested)
                    .filter(|(_, nested)| kinds.contains(&nested.within))
                    .map(|(place, _)| TypePlace::Nested(place))
                    .collect();
                add(id, Some(parent), RowName::Named(name.into()), Source::Types(t, e, group.into_boxed_slice()));
                if !inside.is_empty() {
                    below.push((id, inside));
                }
            }
        }
        waiting = below;
    }
}

/// Marks the items of packet types that lie in others.
const NESTED: u32 = 1 << 31;

fn entry_at(encoding: &EncodingEntry, place: TypePlace) -> Option<&TypeEntry> {
    match place {
        TypePlace::Own(place) => encoding.types.get(place as usize),
        TypePlace::Nested(place) => encoding.nested.get(place as usize).map(|nested| &nested.entry),
    }
}

fn place_kind(encoding: &EncodingEntry, place: TypePlace) -> Option<streamlens_decoders::PacketType> {
    entry_at(encoding, place).map(|entry| entry.kind)
}

/// Brings the figures of a row up to date. `names` are there where percentiles and the like are to be made anew.
pub(super) fn update(
    shown: &mut ShownRow,
    flow: &FlowEntry,
    names: Option<&BTreeMap<(u16, u16), EncodingNames>>,
    moment: &Moment,
) {
    let ShownRow { row, source, meter, is_new, .. } = shown;
    let places = |t: u16, e: u16| {
        let transport = flow.transports().nth(usize::from(t))?;
        Some((transport, transport.encodings.get(usize::from(e))?))
    };
    match source {
        Source::Flow => {
            (row.packets, row.bytes) = (flow.packets(), Some(flow.bytes()));
            (row.first_seen, row.last_seen) = (flow.first_seen, flow.last_seen);
            set_timing(row, flow.timing(), names.is_some(), moment);
        }
        Source::Transport(t) => {
            let Some(transport) = flow.transports().nth(usize::from(*t)) else { return };
            (row.packets, row.bytes) = (transport.packets, Some(transport.bytes));
            set_timing(row, &transport.timing, names.is_some(), moment);
        }
        Source::Encoding(t, e) => {
            let Some((transport, encoding)) = places(*t, *e) else { return };
            let names = names.and_then(|names| names.get(&(*t, *e)));
            (row.packets, row.bytes, row.malformed) = (encoding.packets, Some(encoding.bytes), encoding.malformed);
            set_timing(row, transport.encoding_timing(encoding), names.is_some(), moment);
            set_encoding_health(row, encoding, names);
        }
        Source::Stream(t, e, s) => {
            let Some((_, encoding)) = places(*t, *e) else { return };
            let own = names.and_then(|names| names.get(&(*t, *e))).and_then(|names| names.streams.get(*s as usize));
            let Some(stream) = encoding.streams.get(*s as usize) else { return };
            let media =
                own.map_or((row.health.media_jitter_ns, row.health.drift_ppm), |own| (own.jitter_ns, own.drift_ppm));
            let health = stream_health(stream);
            row.packets = health.received;
            row.health = RowHealth { media_jitter_ns: media.0, drift_ppm: media.1, ..RowHealth::of(&health) };
        }
        Source::Types(t, e, kinds) => {
            let Some((transport, encoding)) = places(*t, *e) else { return };
            set_types(row, transport, encoding, kinds, names.is_some(), moment);
        }
    }
    let Some(now) = moment.now else { return };
    // how fast it came more than a second ago nobody has seen
    let is_unseen = flow.first_seen.is_none_or(|first| now.since(first) > SECOND_NS);
    if *is_new && moment.is_beginning && is_unseen {
        *meter = Meter::starting_at(row.packets, row.bytes.unwrap_or_default());
        return;
    }
    meter.record(now, moment.since_last, row.packets, row.bytes.unwrap_or_default());
    let (packets, bits) = meter.rates();
    (row.packet_rate, row.bit_rate) = (Some(packets), row.bytes.map(|_| bits));
}

/// The inter-arrival times of a row by their length; `None` where it has none, as streams.
pub(super) fn buckets(source: &Source, flow: &FlowEntry) -> Option<Vec<(Bucket, u64)>> {
    let transport = |t: u16| flow.transports().nth(usize::from(t));
    match source {
        Source::Flow => Some(flow.timing().buckets()),
        Source::Transport(t) => Some(transport(*t)?.timing.buckets()),
        Source::Encoding(t, e) => {
            let transport = transport(*t)?;
            Some(transport.encoding_timing(transport.encodings.get(usize::from(*e))?).buckets())
        }
        Source::Stream(..) => None,
        Source::Types(t, e, kinds) => {
            let transport = transport(*t)?;
            let encoding = transport.encodings.get(usize::from(*e))?;
            let entries = kinds.iter().filter_map(|&place| entry_at(encoding, place));
            let all = entries.map(|kind| encoding.type_timing(kind, &transport.timing)).cloned();
            let all = all.reduce(|mut all, next| {
                all.merge(&next);
                all
            });
            Some(all?.buckets())
        }
    }
}

/// The frames that were listed for a row; `None` for flows, of which all are.
pub(super) fn frames(source: &Source, flow: &FlowEntry, see: &mut dyn FnMut(u64)) -> Option<()> {
    let transport = |t: u16| flow.transports().nth(usize::from(t));
    let encoding = |t, e: u16| transport(t)?.encodings.get(usize::from(e));
    let mut add = |series: Option<&IntervalSeries>| {
        series.into_iter().flat_map(|series| series.frames.frames()).for_each(&mut *see);
    };
    match source {
        Source::Flow => return None,
        Source::Transport(t) => add(transport(*t)?.series.as_deref()),
        Source::Encoding(t, e) => add(encoding(*t, *e)?.series.as_deref()),
        Source::Stream(t, e, s) => {
            add(encoding(*t, *e)?.series.as_deref().and_then(|series| series.of_stream(*s as usize)));
        }
        Source::Types(t, e, kinds) => {
            let encoding = encoding(*t, *e)?;
            let entries = kinds.iter().filter_map(|&place| entry_at(encoding, place));
            entries.for_each(|kind| add(kind.series.as_deref()));
        }
    }
    Some(())
}

fn set_timing(row: &mut Row, timing: &TimingStatistics, is_fresh: bool, moment: &Moment) {
    let mut figures = timing.figures();
    if is_fresh {
        figures.set_percentiles(&RowTiming::from(&timing.summary(moment.outlier_deviations)));
    } else {
        figures.set_percentiles(&row.timing);
    }
    row.timing = figures;
}

fn set_types(
    row: &mut Row,
    transport: &TransportEntry,
    encoding: &EncodingEntry,
    kinds: &[TypePlace],
    is_fresh: bool,
    moment: &Moment,
) {
    let entries = || kinds.iter().filter_map(|&place| entry_at(encoding, place));
    row.packets = entries().map(|kind| kind.packets).sum();
    row.bytes = Some(entries().map(|kind| kind.bytes).sum());
    row.malformed = entries().map(|kind| kind.incomplete).sum();
    let mut timings = entries().map(|kind| encoding.type_timing(kind, &transport.timing));
    let Some(first) = timings.next() else { return };
    match timings.next() {
        None => set_timing(row, first, is_fresh, moment),
        Some(second) => {
            let mut all = first.clone();
            all.merge(second);
            timings.for_each(|timing| all.merge(timing));
            set_timing(row, &all, is_fresh, moment);
        }
    }
}

fn set_encoding_health(row: &mut Row, encoding: &EncodingEntry, names: Option<&EncodingNames>) {
    if let Some(names) = names {
        row.confidence = Some(names.score);
        let jitters = names.streams.iter().filter_map(|stream| stream.jitter_ns);
        row.health.media_jitter_ns = jitters.reduce(f64::max);
    }
    if names.is_none() && encoding.streams.len() > SUMMED_AT_EACH_LOOK {
        return;
    }
    let streams = encoding.streams.iter().map(|stream| (stream.id.is_carrier(), RowHealth::of(&stream_health(stream))));
    row.health = RowHealth { media_jitter_ns: row.health.media_jitter_ns, ..RowHealth::sum(streams) };
    let gaps = encoding.stream_gaps();
    if gaps > 0 {
        row.health.lost = Some(row.health.lost.unwrap_or(0).saturating_add(gaps));
    }
}
