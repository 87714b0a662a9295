//! Lays a flow of a message flat, and refuses what can't be.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use streamlens_model::row::{CaptureCounts, FlowId, Level, Row, RowHealth, RowId, RowName, RowTiming};
use streamlens_model::{Address, Endpoint, FlowKey, Timestamp, TrafficType, VlanStack};
use streamlens_protocol::{self as protocol, MAX_SAFE};

use super::{MOST_NAME, MOST_ROWS, Places, Wrong, earlier};

/// Lays a flow flat.
pub(super) struct Laid<'a> {
    pub(super) places: &'a mut Places,
    pub(super) rows: BTreeMap<RowId, (Row, RowName)>,
    /// Nanoseconds that are taken off times.
    pub(super) shift_ns: i64,
}

impl Laid<'_> {
    pub(super) fn flow(&mut self, id: FlowId, of: &protocol::Flow, key: FlowKey) -> Result<(), Wrong> {
        let own = RowId::flow(id);
        let row = Row {
            packets: count(of.total_packets)?,
            bytes: Some(count(of.total_bytes)?),
            first_seen: self.time(of.first_seen.as_deref())?,
            last_seen: self.time(of.last_seen.as_deref())?,
            ..row(own, None, (of.packet_rate, of.bit_rate_now), &of.timing_stats)?
        };
        of.lost.map(count).transpose()?;
        self.rows.insert(own, (row, RowName::Flow(key, of.traffic_type.as_deref().and_then(cast))));
        for (name, transport) in of.transport_protocols.iter().flatten() {
            self.transport(own, name, transport)?;
        }
        Ok(())
    }

    fn time(&self, text: Option<&str>) -> Result<Option<Timestamp>, Wrong> {
        Ok(time(text)?.map(|time| earlier(time, self.shift_ns)))
    }

    /// The identifier of the row of that name below another: the same for as long as the flow lives.
    fn below(&mut self, above: RowId, level: Level, name: &str) -> Result<(RowId, Arc<str>), Wrong> {
        if name.len() > MOST_NAME || self.rows.len() >= MOST_ROWS || self.places.of.len() >= 4 * MOST_ROWS {
            return Err("more rows, or longer names, than a flow may have");
        }
        let name: Arc<str> = Arc::from(name);
        let key = (above, level, Arc::clone(&name));
        if let Some(place) = self.places.of.get(&key) {
            return Ok((below(above, level, *place)?, name));
        }
        // items of an encoding are numbered together, whatever they lie in
        let RowId { flow, transport, encoding, .. } = above;
        let within = match level {
            Level::Stream | Level::PacketType => RowId::encoding(flow, transport, encoding),
            _ => above,
        };
        let next = self.places.next.entry((within, level)).or_default();
        let place = *next;
        *next += 1;
        self.places.of.insert(key, place);
        Ok((below(above, level, place)?, name))
    }

    fn transport(&mut self, above: RowId, name: &str, of: &protocol::Transport) -> Result<(), Wrong> {
        let (id, name) = self.below(above, Level::Transport, name)?;
        let rates = (of.packet_rate, of.bit_rate_now);
        let row = counted(id, above, (of.packet_count, of.byte_count), rates, &of.timing_stats)?;
        self.rows.insert(id, (row, RowName::Named(name)));
        for (name, encoding) in of.application_encodings.iter().flatten() {
            self.encoding(id, name, encoding)?;
        }
        Ok(())
    }

    fn encoding(&mut self, above: RowId, name: &str, of: &protocol::Encoding) -> Result<(), Wrong> {
        let (id, name) = self.below(above, Level::Encoding, name)?;
        let rates = (of.packet_rate, of.bit_rate_now);
        let health = &of.health;
        let row = Row {
            confidence: of.confidence_score,
            malformed: count(of.malformed.unwrap_or_default())?,
            health: row_health(
                [health.received, health.expected, health.lost, health.duplicated, health.reordered, health.restarts],
                health.longest_gap,
                (health.jitter_ns, None),
            )?,
            ..counted(id, above, (of.packet_count, of.byte_count), rates, &of.timing_stats)?
        };
        self.rows.insert(id, (row, RowName::Named(name)));
        for (name, stream) in health.streams.iter().flatten() {
            self.stream(id, name, stream)?;
        }
        for (name, kind) in of.packet_types.iter().flatten() {
            self.packet_type(id, name, kind)?;
        }
        Ok(())
    }

    fn stream(&mut self, above: RowId, name: &str, of: &protocol::Stream) -> Result<(), Wrong> {
        let (id, name) = self.below(above, Level::Stream, name)?;
        if of.name.as_ref().is_some_and(|name| name.len() > MOST_NAME) {
            return Err("a name that is too long");
        }
        let row = Row {
            id,
            parent: Some(above),
            packets: count(of.received)?,
            packet_rate: of.packet_rate,
            health: row_health(
                [Some(of.received), of.expected, of.lost, of.duplicated, of.reordered, of.restarts],
                of.longest_gap,
                (of.jitter_ns, of.drift_ppm),
            )?,
            ..Row::default()
        };
        self.rows.insert(id, (row, RowName::Stream(name, of.name.as_deref().map(Arc::from))));
        Ok(())
    }

    fn packet_type(&mut self, above: RowId, name: &str, of: &protocol::PacketType) -> Result<(), Wrong> {
        let (id, name) = self.below(above, Level::PacketType, name)?;
        let rates = (of.packet_rate, of.bit_rate_now);
        let row = Row {
            malformed: count(of.incomplete.unwrap_or_default())?,
            ..counted(id, above, (of.packet_count, of.byte_count), rates, &of.timing_stats)?
        };
        self.rows.insert(id, (row, RowName::Named(name)));
        for (name, kind) in of.packet_types.iter().flatten() {
            self.packet_type(id, name, kind)?;
        }
        Ok(())
    }
}

/// The row of a number below another.
pub(super) fn below(above: RowId, level: Level, place: u32) -> Result<RowId, Wrong> {
    let short = || u16::try_from(place).map_err(|_| "more rows than a flow may have");
    Ok(match level {
        Level::Flow => above,
        Level::Transport => RowId::transport(above.flow, short()?),
        Level::Encoding => RowId::encoding(above.flow, above.transport, short()?),
        Level::Stream | Level::PacketType => above.below(level, place),
    })
}

/// The health of an encoding or a stream: what was received, expected, lost, duplicated, reordered and begun afresh, with the
/// longest gap, jitter and drift.
fn row_health(
    counts: [Option<u64>; 6],
    longest_gap: Option<u64>,
    (media_jitter_ns, drift_ppm): (Option<f64>, Option<f64>),
) -> Result<RowHealth, Wrong> {
    for value in counts.iter().flatten().chain(&longest_gap) {
        count(*value)?;
    }
    let [received, expected, lost, duplicated, reordered, restarts] = counts;
    Ok(RowHealth { received, expected, lost, duplicated, reordered, restarts, longest_gap, media_jitter_ns, drift_ppm })
}

fn counted(
    id: RowId,
    above: RowId,
    (packets, bytes): (u64, u64),
    rates: (Option<f64>, Option<f64>),
    timing: &protocol::Timing,
) -> Result<Row, Wrong> {
    Ok(Row { packets: count(packets)?, bytes: Some(count(bytes)?), ..row(id, Some(above), rates, timing)? })
}

fn row(
    id: RowId,
    parent: Option<RowId>,
    (packet_rate, bit_rate): (Option<f64>, Option<f64>),
    of: &protocol::Timing,
) -> Result<Row, Wrong> {
    let is_amount = |rate: Option<f64>| rate.is_none_or(|rate| (0.0..=1e18).contains(&rate));
    if !is_amount(packet_rate) || !is_amount(bit_rate) {
        return Err("a rate that can't be");
    }
    let timing = RowTiming {
        count: count(of.count)?,
        min_ns: of.min_ns,
        max_ns: of.max_ns,
        mean_ns: of.mean_ns,
        std_dev_ns: of.std_dev_ns,
        jitter_ns: of.jitter_ns,
        p50_ns: of.p50_ns,
        p95_ns: of.p95_ns,
        p99_ns: of.p99_ns,
        outliers: of.outliers.map(|outliers| outliers.count),
        backwards: count(of.backwards.unwrap_or_default())?,
    };
    Ok(Row { id, parent, packet_rate, bit_rate, timing, ..Row::default() })
}

/// A count that can be: below 2^53.
pub(super) fn count(count: u64) -> Result<u64, Wrong> {
    if count < MAX_SAFE { Ok(count) } else { Err("a count of 2^53 or more") }
}

fn time(text: Option<&str>) -> Result<Option<Timestamp>, Wrong> {
    text.map(|text| streamlens_filter::instant(text).ok_or("a time that is none")).transpose()
}

pub(super) fn counts(of: &protocol::Capture) -> Result<CaptureCounts, Wrong> {
    Ok(CaptureCounts {
        packets: count(of.packets)?,
        bytes: count(of.bytes)?,
        flows: count(of.flows)?,
        packets_in_flows: count(of.packets_in_flows)?,
        packets_not_in_flows: count(of.packets_not_in_flows)?,
        waiting: count(of.waiting.unwrap_or_default())?,
        ..CaptureCounts::default()
    })
}

fn cast(name: &str) -> Option<TrafficType> {
    TrafficType::ALL.into_iter().find(|cast| cast.name() == name)
}

pub(super) fn flow_key(of: &protocol::Flow) -> Result<FlowKey, Wrong> {
    let mut vlan = VlanStack::default();
    for id in &of.vlan {
        if *id > 0x0FFF || !vlan.push(*id) {
            return Err("VLANs that can't be");
        }
    }
    Ok(FlowKey { src: endpoint(&of.src)?, dst: endpoint(&of.dst)?, vlan })
}

fn endpoint(of: &protocol::Endpoint) -> Result<Endpoint, Wrong> {
    let address = match of.address.as_deref() {
        None => Address::None,
        Some(text) => match (text.parse(), text.parse()) {
            (Ok(IpAddr::V4(ip)), _) => Address::V4(ip),
            (Ok(IpAddr::V6(ip)), _) => Address::V6(ip),
            (_, Ok(mac)) => Address::Mac(mac),
            _ => return Err("an address that is none"),
        },
    };
    Ok(Endpoint { address, port: of.port })
}
