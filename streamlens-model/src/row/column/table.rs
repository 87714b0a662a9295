//! All columns.

use super::read::{
    addr, bare, candidates, changes, dst, dst_port_of, finding_codes, finding_count, health, ip, ips, level, mac,
    mac_dst, mac_src, name, of_streams, port, ports, probes, reasons, severity, src, src_port_of, stream, tcp_ports,
    timing, udp_ports, until_now, vlan,
};
use super::{Amount, Cell, Column, Gather, Kind, Level, Names, Read};
use crate::row::RowHealth;

use Amount::{BitRate, Duration, PacketRate, Plain, Ppm, Share, Size};
use Gather::{Least, Most, Sum};
use Kind::{Endpoint, Instant, Mac, Name, Number, Text};
use Read::{Many, One};

const EVERY: &[Level] = &Level::ALL;
const TIMED: &[Level] = &[Level::Flow, Level::Transport, Level::Encoding, Level::PacketType];
const FLOW: &[Level] = &[Level::Flow];
const TRANSPORT: &[Level] = &[Level::Transport];
const ENCODING: &[Level] = &[Level::Encoding];
const HEALTH: &[Level] = &[Level::Encoding, Level::Stream];
const STREAM: &[Level] = &[Level::Stream];
const TYPE: &[Level] = &[Level::PacketType];

/// A column with one value and none of the rarer properties.
const fn column(
    name: &'static str,
    (levels, owner): (&'static [Level], Option<Level>),
    (kind, gather): (Kind, Gather),
    read: Read,
    meaning: &'static str,
) -> Column {
    let is_many = matches!(read, Many(_));
    Column { name, header: None, key: "", levels, owner, kind, is_many, is_key: false, gather, meaning, read }
}

impl Column {
    /// With an older name in CSV.
    const fn header(self, header: &'static str) -> Self {
        Self { header: Some(header), ..self }
    }

    /// With a place in the JSON document.
    const fn key(self, key: &'static str) -> Self {
        Self { key, ..self }
    }

    /// Names the row.
    const fn naming(self) -> Self {
        Self { is_key: true, ..self }
    }
}

/// All columns; the fields of the filter language are these, with `meta.KEY`, `measure.KEY` and the prefixes of levels.
pub static COLUMNS: &[Column] = &[
    column("level", (EVERY, None), (Name(Names::Level), Least), One(level), "flow, transport, encoding, stream or type").header("level"),
    column("name", (EVERY, None), (Text, Least), Many(name), "what the row is called: endpoints of a flow, the name in the document of others; identifier and name of a stream"),
    column("packets", (EVERY, None), (Number(Plain), Sum), One(|row| Some(Cell::Count(row.packets()))), "frames; PDUs of packet types, packets received of streams").header("packets").key("packet_count"),
    column("bytes", (TIMED, None), (Number(Size), Sum), One(|row| row.bytes().map(Cell::Count)), "bytes on the wire").header("bytes").key("byte_count"),
    column("rate", (TIMED, None), (Number(BitRate), Most), One(|row| row.bit_rate().map(Cell::Number)), "bits on the wire per second: over the whole span of a file, over the last second live").header("bit_rate").key("bit_rate"),
    column("pps", (EVERY, None), (Number(PacketRate), Most), One(|row| row.packet_rate().map(Cell::Number)), "packets per second, over the same time"),
    column("intervals", (TIMED, None), (Number(Plain), Sum), One(|row| row.timing().map(|of| Cell::Count(of.count))), "times between consecutive packets that were measured").header("iat_count").key("timing_stats.count"),
    column("dt.min", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.min_ns, Cell::Count)), "the shortest time between consecutive packets").header("iat_min_ns").key("timing_stats.min_ns"),
    column("dt.max", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.max_ns, Cell::Count)), "the longest time between consecutive packets").header("iat_max_ns").key("timing_stats.max_ns"),
    column("dt", (TIMED, None), (Number(Duration), Least), One(|row| timing(row, |of| of.mean_ns, Cell::Number)), "the mean time between consecutive packets (ΔT)").header("iat_mean_ns").key("timing_stats.mean_ns"),
    column("dt.stddev", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.std_dev_ns, Cell::Number)), "standard deviation of the population of these times").header("iat_std_dev_ns").key("timing_stats.std_dev_ns"),
    column("jitter", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.jitter_ns, Cell::Number)), "jitter of ΔT: the filter of RFC 3550 §6.4.1 over the differences of consecutive times, without the media clock").header("iat_jitter_ns").key("timing_stats.jitter_ns"),
    column("p50", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.p50_ns, Cell::Count)), "the median of ΔT").header("iat_p50_ns").key("timing_stats.p50_ns"),
    column("p95", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.p95_ns, Cell::Count)), "95 of 100 ΔT are not longer").header("iat_p95_ns").key("timing_stats.p95_ns"),
    column("p99", (TIMED, None), (Number(Duration), Most), One(|row| timing(row, |of| of.p99_ns, Cell::Count)), "99 of 100 ΔT are not longer").header("iat_p99_ns").key("timing_stats.p99_ns"),
    column("outliers", (TIMED, None), (Number(Plain), Sum), One(|row| timing(row, |of| of.outliers.as_ref().map(|outliers| outliers.count), Cell::Count)), "ΔT more than three standard deviations from the mean").key("timing_stats.outliers.count"),
    column("backwards", (TIMED, None), (Number(Plain), Sum), One(|row| timing(row, |of| Some(of.backwards), Cell::Count)), "how often the time ran backwards").key("timing_stats.backwards"),
    column("findings", (EVERY, None), (Number(Plain), Sum), One(finding_count), "findings at the row, not at those below; those of an encoding are its packet types' as well, and its stream's where they name one"),
    column("finding", (EVERY, None), (Name(Names::Finding), Least), Many(finding_codes), "codes of these findings").key("findings.*.code"),
    column("severity", (EVERY, None), (Name(Names::Severity), Most), One(severity), "the gravest of these findings: info, warning or error").key("findings.*.severity"),
    column("src", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(src), "source: address, with the port where there is one").key("src").naming(),
    column("dst", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(dst), "destination: address, with the port where there is one").key("dst").naming(),
    column("addr", (FLOW, Some(Level::Flow)), (Endpoint, Least), Many(addr), "source and destination"),
    column("src.addr", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(|row| bare(row.flow().key.src)), "source address without the port").header("src_address").key("src.address").naming(),
    column("dst.addr", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(|row| bare(row.flow().key.dst)), "destination address without the port").header("dst_address").key("dst.address").naming(),
    column("ip.src", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(|row| ip::<false>(row.flow().key.src)), "source, where it is an address of IPv4"),
    column("ip.dst", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(|row| ip::<false>(row.flow().key.dst)), "destination, where it is an address of IPv4"),
    column("ip.addr", (FLOW, Some(Level::Flow)), (Endpoint, Least), Many(ips::<false>), "source and destination, where they are addresses of IPv4"),
    column("ipv6.src", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(|row| ip::<true>(row.flow().key.src)), "source, where it is an address of IPv6"),
    column("ipv6.dst", (FLOW, Some(Level::Flow)), (Endpoint, Least), One(|row| ip::<true>(row.flow().key.dst)), "destination, where it is an address of IPv6"),
    column("ipv6.addr", (FLOW, Some(Level::Flow)), (Endpoint, Least), Many(ips::<true>), "source and destination, where they are addresses of IPv6"),
    column("port", (FLOW, Some(Level::Flow)), (Number(Plain), Least), Many(ports), "source and destination port"),
    column("src.port", (FLOW, Some(Level::Flow)), (Number(Plain), Least), One(|row| port(row.flow().key.src.port)), "source port").header("src_port").key("src.port").naming(),
    column("dst.port", (FLOW, Some(Level::Flow)), (Number(Plain), Least), One(|row| port(row.flow().key.dst.port)), "destination port").header("dst_port").key("dst.port").naming(),
    column("mac", (FLOW, Some(Level::Flow)), (Mac, Least), Many(mac), "addresses of the link layer, source and destination").key("macs.*.value"),
    column("mac.src", (FLOW, Some(Level::Flow)), (Mac, Least), Many(mac_src), "source addresses of the link layer").key("macs.*.value.src"),
    column("mac.dst", (FLOW, Some(Level::Flow)), (Mac, Least), Many(mac_dst), "destination addresses of the link layer").key("macs.*.value.dst"),
    column("eth.addr", (FLOW, Some(Level::Flow)), (Mac, Least), Many(mac), "addresses of the link layer, source and destination (as mac)").key("macs.*.value"),
    column("eth.src", (FLOW, Some(Level::Flow)), (Mac, Least), Many(mac_src), "source addresses of the link layer (as mac.src)").key("macs.*.value.src"),
    column("eth.dst", (FLOW, Some(Level::Flow)), (Mac, Least), Many(mac_dst), "destination addresses of the link layer (as mac.dst)").key("macs.*.value.dst"),
    column("vlan", (FLOW, Some(Level::Flow)), (Number(Plain), Least), Many(vlan), "VLAN identifiers, outermost first").header("vlan").key("vlan").naming(),
    column("cast", (FLOW, Some(Level::Flow)), (Name(Names::Cast), Least), One(|row| row.flow().traffic_type.map(|cast| Cell::Text(cast.name()))), "unicast, multicast or broadcast").header("traffic_type").key("traffic_type").naming(),
    column("probe", (FLOW, Some(Level::Flow)), (Text, Least), Many(probes), "names of the probes that saw the flow, in the rows of a hub"),
    column("dscp", (FLOW, Some(Level::Flow)), (Number(Plain), Most), Many(|row, see| changes(&row.flow().dscp, see)), "differentiated services code points (RFC 2474) that the flow had").key("dscp.*.value"),
    column("ttl", (FLOW, Some(Level::Flow)), (Number(Plain), Most), Many(|row, see| changes(&row.flow().ttl, see)), "times to live or hop limits that the flow had").key("ttl.*.value"),
    column("first_seen", (FLOW, Some(Level::Flow)), (Instant, Least), One(|row| row.flow().first_seen.map(Cell::Time)), "time of the earliest frame").header("first_seen").key("first_seen"),
    column("last_seen", (FLOW, Some(Level::Flow)), (Instant, Least), One(|row| row.flow().last_seen.map(Cell::Time)), "time of the latest frame").header("last_seen").key("last_seen"),
    column("age", (FLOW, Some(Level::Flow)), (Number(Duration), Most), One(|row| until_now(row, row.flow().first_seen)), "time since the earliest frame, until the end of the capture"),
    column("idle", (FLOW, Some(Level::Flow)), (Number(Duration), Most), One(|row| until_now(row, row.flow().last_seen)), "time since the latest frame, until the end of the capture"),
    column("transport", (TRANSPORT, Some(Level::Transport)), (Name(Names::Transport), Least), One(|row| row.transport().map(|of| Cell::Text(&of.protocol_name))), "the transport by its standard name, or Ethernet for frames with no IP").header("transport").key("protocol_name").naming(),
    column("candidate", (TRANSPORT, Some(Level::Transport)), (Name(Names::Encoding), Least), Many(candidates), "what its payloads may be, but is not said to be for want of evidence").key("candidates.*.encoding_name"),
    column("udp.port", (TRANSPORT, Some(Level::Transport)), (Number(Plain), Least), Many(udp_ports), "source and destination port of UDP"),
    column("udp.srcport", (TRANSPORT, Some(Level::Transport)), (Number(Plain), Least), One(|row| src_port_of(row, "UDP")), "source port of UDP").key("port_info.src_port"),
    column("udp.dstport", (TRANSPORT, Some(Level::Transport)), (Number(Plain), Least), One(|row| dst_port_of(row, "UDP")), "destination port of UDP").key("port_info.dst_port"),
    column("tcp.port", (TRANSPORT, Some(Level::Transport)), (Number(Plain), Least), Many(tcp_ports), "source and destination port of TCP"),
    column("tcp.srcport", (TRANSPORT, Some(Level::Transport)), (Number(Plain), Least), One(|row| src_port_of(row, "TCP")), "source port of TCP").key("port_info.src_port"),
    column("tcp.dstport", (TRANSPORT, Some(Level::Transport)), (Number(Plain), Least), One(|row| dst_port_of(row, "TCP")), "destination port of TCP").key("port_info.dst_port"),
    column("encoding", (ENCODING, Some(Level::Encoding)), (Name(Names::Encoding), Least), One(|row| row.encoding().map(|of| Cell::Text(&of.encoding_name))), "the application protocol that was identified; that which it refines is found as well").header("encoding").key("encoding_name").naming(),
    column("confidence", (ENCODING, Some(Level::Encoding)), (Number(Share), Most), One(|row| row.encoding().map(|of| Cell::Number(of.confidence_score))), "how sure the identification is").header("confidence_score").key("confidence_score"),
    column("reason", (ENCODING, Some(Level::Encoding)), (Text, Least), Many(reasons), "why it was identified, and what it was preferred to").key("reasons.*"),
    column("malformed", (ENCODING, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| row.encoding().map(|of| Cell::Count(of.malformed))), "payloads that broke the protocol's rules").key("malformed"),
    column("received", (HEALTH, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| health(row, |of| of.received, Cell::Count)), "packets received, duplicates included; of an encoding the sum over its streams, as those that follow").header("received").key("health.streams.*.received"),
    column("expected", (HEALTH, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| health(row, |of| of.expected, Cell::Count)), "sequence numbers from the first to the highest, over all restarts").header("expected").key("health.streams.*.expected"),
    column("lost", (HEALTH, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| health(row, |of| of.lost, Cell::Count)), "packets whose numbers never came").header("lost").key("health.streams.*.lost"),
    column("loss", (HEALTH, Some(Level::Encoding)), (Number(Share), Most), One(|row| health(row, RowHealth::loss, Cell::Number)), "lost / expected"),
    column("duplicated", (HEALTH, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| health(row, |of| of.duplicated, Cell::Count)), "packets whose number had come before").header("duplicated").key("health.streams.*.duplicated"),
    column("reordered", (HEALTH, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| health(row, |of| of.reordered, Cell::Count)), "packets that came after one with a higher number").header("reordered").key("health.streams.*.reordered"),
    column("restarts", (HEALTH, Some(Level::Encoding)), (Number(Plain), Sum), One(|row| health(row, |of| of.restarts, Cell::Count)), "how often counting began afresh").header("restarts").key("health.streams.*.restarts"),
    column("gap", (HEALTH, Some(Level::Encoding)), (Number(Plain), Most), One(|row| health(row, |of| of.longest_gap, Cell::Count)), "the most numbers in a row that never came; of an encoding the longest of its streams").key("health.streams.*.longest_gap"),
    column("media_jitter", (HEALTH, Some(Level::Encoding)), (Number(Duration), Most), One(|row| health(row, |of| of.media_jitter_ns, Cell::Number)), "jitter of RFC 3550 §6.4.1 against the media clock; of an encoding the greatest of its streams").header("jitter_ns").key("health.streams.*.jitter_ns"),
    column("stream", (STREAM, Some(Level::Encoding)), (Text, Least), Many(stream), "identifiers and names of the streams; of a stream its own, as those that follow").key("health.streams.*.id").naming(),
    column("stream.received", (STREAM, Some(Level::Encoding)), (Number(Plain), Sum), Many(|row, see| of_streams(row, |of| Some(Cell::Count(of.received)), see)), "packets received, by stream").key("health.streams.*.received"),
    column("stream.expected", (STREAM, Some(Level::Encoding)), (Number(Plain), Sum), Many(|row, see| of_streams(row, |of| of.expected.map(Cell::Count), see)), "expected of each stream").key("health.streams.*.expected"),
    column("stream.lost", (STREAM, Some(Level::Encoding)), (Number(Plain), Sum), Many(|row, see| of_streams(row, |of| of.lost.map(Cell::Count), see)), "lost of each stream").key("health.streams.*.lost"),
    column("stream.duplicated", (STREAM, Some(Level::Encoding)), (Number(Plain), Sum), Many(|row, see| of_streams(row, |of| of.duplicated.map(Cell::Count), see)), "duplicated of each stream").key("health.streams.*.duplicated"),
    column("stream.reordered", (STREAM, Some(Level::Encoding)), (Number(Plain), Sum), Many(|row, see| of_streams(row, |of| of.reordered.map(Cell::Count), see)), "reordered of each stream").key("health.streams.*.reordered"),
    column("stream.restarts", (STREAM, Some(Level::Encoding)), (Number(Plain), Sum), Many(|row, see| of_streams(row, |of| of.restarts.map(Cell::Count), see)), "restarts of each stream").key("health.streams.*.restarts"),
    column("stream.loss", (STREAM, Some(Level::Encoding)), (Number(Share), Most), Many(|row, see| of_streams(row, |of| RowHealth::of(of).loss().map(Cell::Number), see)), "lost / expected of each stream"),
    column("stream.gap", (STREAM, Some(Level::Encoding)), (Number(Plain), Most), Many(|row, see| of_streams(row, |of| of.longest_gap.map(Cell::Count), see)), "the most numbers in a row that never came, by stream").key("health.streams.*.longest_gap"),
    column("stream.jitter", (STREAM, Some(Level::Encoding)), (Number(Duration), Most), Many(|row, see| of_streams(row, |of| of.jitter_ns.map(Cell::Number), see)), "jitter of RFC 3550 §6.4.1 against the media clock, by stream").key("health.streams.*.jitter_ns"),
    column("stream.drift", (STREAM, Some(Level::Encoding)), (Number(Ppm), Most), Many(|row, see| of_streams(row, |of| of.drift_ppm.map(Cell::Number), see)), "how much faster the stream's clock runs than the capture's, by stream").key("health.streams.*.drift_ppm"),
    column("type", (TYPE, Some(Level::PacketType)), (Name(Names::PacketType), Least), One(|row| row.packet_type().map(|of| Cell::Text(&of.type_name))), "kind of PDU, by the standard's name").header("packet_type").key("type_name").naming(),
    column("incomplete", (TYPE, Some(Level::PacketType)), (Number(Plain), Sum), One(|row| row.packet_type().map(|of| Cell::Count(of.incomplete))), "PDUs that loss or a snap length cut").key("incomplete"),
];
