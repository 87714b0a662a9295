//! The demo capture, and the filters of the reference with what they show of it.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};

use streamlens::engine::finding_codes;
use streamlens::model::Analysis;
use streamlens::model::row::{FindingIndex, Level, RowContext};
use streamlens::registry::DecoderRegistry;
use streamlens_filter::{Catalogue, Filter};

/// Filters with the flows, encodings and packet types that they show of the demo capture.
pub const FILTERS: [(&str, [usize; 3]); 42] = [
    ("ptp", [5, 5, 11]),
    ("not ptp", [18, 14, 24]),
    ("rtp", [2, 2, 2]),
    ("rtp and encoding != AES67", [1, 1, 1]),
    ("ip.dst == 239.0.0.0/8", [4, 4, 4]),
    ("239.69.1.31", [1, 1, 1]),
    ("addr in {192.168.50.0/24, 192.168.20.11}", [5, 5, 6]),
    ("src == 192.168.20.11:40001", [1, 1, 2]),
    ("udp.port == 5004", [1, 1, 1]),
    ("all port > 1023", [6, 6, 10]),
    ("any port != 319", [12, 10, 19]),
    ("tcp.port in {500..510} or profinet", [5, 5, 9]),
    ("vlan == 30", [1, 1, 1]),
    ("vlan", [4, 4, 5]),
    ("cast == multicast and udp", [8, 8, 10]),
    ("mac.src == 02:00:00:80:00:01", [1, 1, 5]),
    ("not (udp or tcp)", [9, 7, 14]),
    ("not encoding", [4, 0, 0]),
    ("findings > 0 and modbustcp", [1, 1, 3]),
    ("type in {Sync, Follow_Up}", [3, 3, 4]),
    ("type == \"PCM Data Format 1\"", [1, 1, 1]),
    ("type matches \"^(sync|announce)$\"", [3, 3, 4]),
    ("encoding == \"IENA\" and lost > 0", [1, 1, 2]),
    ("lost > 0", [4, 4, 9]),
    ("lost != 0", [4, 4, 9]),
    ("loss >= 0.5%", [3, 3, 8]),
    ("stream.lost > 2", [1, 1, 2]),
    ("jitter > 5ms", [6, 6, 3]),
    ("flow.jitter > 5ms", [6, 6, 19]),
    ("p99 > 3 * p50", [3, 2, 0]),
    ("dt in {900us..1100us}", [1, 1, 1]),
    ("flow.rate >= 1Mbps", [2, 2, 2]),
    ("packets > 100 and level == flow", [2, 0, 0]),
    ("severity >= error", [5, 5, 11]),
    ("finding contains \"loss\"", [4, 4, 9]),
    ("stream contains \"wing\"", [1, 1, 4]),
    ("commentary", [1, 1, 1]),
    ("\"192.168.50.31:5004 -> 239.69\"", [1, 1, 1]),
    ("\"->\"", [0, 0, 0]),
    ("\"fpwr\"", [0, 0, 0]),
    ("confidence < 99.5%", [7, 7, 10]),
    ("idle > 1s", [13, 9, 12]),
];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn demo() -> Analysis {
    streamlens::analyze(root().join("examples/captures/demo.pcapng")).unwrap()
}

pub fn catalogue() -> Catalogue {
    let registry = DecoderRegistry::with_builtins();
    let named = registry.encodings().fold(Catalogue::new(), |all, (name, base)| all.encoding(name, base));
    let types = registry.iter().flat_map(|decoder| decoder.info().packet_types.iter());
    let named = finding_codes(&registry).iter().fold(named, |all, code| all.finding(code));
    types.fold(named, |all, name| all.packet_type(name))
}

/// Flows, encodings and packet types that are shown.
pub fn counts(filter: &Filter, analysis: &Analysis) -> [usize; 3] {
    let index = FindingIndex::new(&analysis.findings);
    let context = RowContext { now: analysis.capture.last_seen, findings: Some(&index), live: None };
    let shown: Vec<_> = analysis.flows.iter().flat_map(|flow| filter.shown(flow, context)).collect();
    [Level::Flow, Level::Encoding, Level::PacketType]
        .map(|level| shown.iter().filter(|row| row.level() == level).count())
}
