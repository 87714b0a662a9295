use std::collections::BTreeSet;

use super::*;

#[test]
fn names_and_headers_are_unique() {
    let names: BTreeSet<_> = COLUMNS.iter().map(|column| column.name).collect();
    assert_eq!(names.len(), COLUMNS.len());
    let headers: Vec<_> = COLUMNS.iter().filter_map(|column| column.header).collect();
    assert_eq!(headers.iter().collect::<BTreeSet<_>>().len(), headers.len());
    for (header, found) in headers.iter().filter_map(|header| Some((header, column(header)?))) {
        assert!(found.header == Some(header) || found.name == *header, "{header}");
    }
}

#[test]
fn every_column_says_what_it_is() {
    for column in COLUMNS {
        assert!(!column.levels.is_empty() && column.meaning.len() > 8, "{column:?}");
        assert!(!column.meaning.ends_with('.') && column.meaning.chars().next().is_some(), "{column:?}");
        let is_owned = column.owner.is_none_or(|owner| column.levels.iter().all(|level| *level >= owner));
        assert!(is_owned, "{column:?}");
    }
}

mod of_a_flow {
    use super::super::super::{FindingIndex, Level, RowContext, RowId, RowRef, rows};
    use super::*;
    use crate::{
        ApplicationEncoding, Finding, Flow, Health, MacPair, Occurrence, PacketTypeStats, Place, Severity,
        StreamHealth, Timestamp, TimingSummary, TransportProtocol, Value,
    };

    fn kind(name: &'static str, inside: Vec<PacketTypeStats>) -> PacketTypeStats {
        let facts = [("depth", Value::from(inside.len() as u64))].into();
        PacketTypeStats {
            type_name: name.into(),
            packet_types: inside,
            payload_characteristics: facts,
            ..PacketTypeStats::default()
        }
    }

    /// A flow of one transport and one encoding, with two streams and packet types within packet types.
    fn flow() -> Flow {
        let stream = |id: &str, lost, jitter_ns| StreamHealth {
            id: id.into(),
            first: Some(Occurrence { frame: 1, time: Some(Timestamp::from_nanos(0)) }),
            latest: Some(Timestamp::from_nanos(1_500_000_000)),
            received: 10,
            expected: Some(20),
            lost,
            jitter_ns,
            ..StreamHealth::default()
        };
        let streams = vec![stream("a", Some(3), Some(5.0)), stream("b", None, Some(9.0))];
        let encoding = ApplicationEncoding {
            encoding_name: "X".into(),
            packet_count: 5,
            byte_count: 500,
            timing_stats: TimingSummary { count: 4, mean_ns: Some(0.5e9), ..TimingSummary::default() }.into(),
            decoder_metadata: [("keys", Value::from(2_u64)), ("mean_ns", Value::from(7.5))].into(),
            health: Health { streams, ..Health::default() },
            packet_types: vec![kind("outer", vec![kind("inner", Vec::new())]), kind("last", Vec::new())],
            ..ApplicationEncoding::default()
        };
        let transport = TransportProtocol {
            protocol_name: "UDP".into(),
            ports: Some((1, 2)),
            application_encodings: vec![encoding],
            ..TransportProtocol::default()
        };
        Flow { transport_protocols: vec![transport], ..Flow::default() }
    }

    fn all(row: &RowRef<'_>, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        Field::find(name).expect("it is a field").read(row, &mut |cell| {
            texts.push(cell.to_string());
            false
        });
        texts
    }

    #[test]
    fn rows_come_from_the_top_with_identifiers_that_follow_from_their_places() {
        let flow = flow();
        let rows: Vec<_> = rows(&flow, RowContext::default()).collect();
        let ids: Vec<_> = rows.iter().map(|row| row.id().to_string()).collect();
        assert_eq!(ids, ["0", "0/0", "0/0/0", "0/0/0/s0", "0/0/0/s1", "0/0/0/t0", "0/0/0/t1", "0/0/0/t2"]);
        let parents: Vec<_> = rows.iter().filter_map(|row| row.parent()).map(|id: RowId| id.to_string()).collect();
        assert_eq!(parents, ["0", "0/0", "0/0/0", "0/0/0", "0/0/0", "0/0/0/t0", "0/0/0"]);
        assert_eq!(rows[6].type_path(), ["outer", "inner"]);
        assert!(rows[5].has_below(Level::PacketType) && !rows[6].has_below(Level::PacketType));
        assert!(rows[0].has_below(Level::Stream) && !rows[3].has_below(Level::PacketType));
        assert_eq!(rows[6].at(Level::Encoding).map(|row| row.id()), Some(rows[2].id()));
    }

    #[test]
    fn a_name_that_holds_the_identifier_stands_alone() {
        let mut flow = flow();
        let streams = &mut flow.transport_protocols[0].application_encodings[0].health.streams;
        (streams[0].id, streams[0].name) = ("channel 1".into(), Some("channel 1 (Cockpit clock)".into()));
        (streams[1].id, streams[1].name) = ("SSRC 0x1".into(), Some("Microphone".into()));
        let rows: Vec<_> = rows(&flow, RowContext::default()).collect();
        for name in ["name", "stream"] {
            let field = Field::find(name).expect("it is a field");
            let shown = |row: &RowRef<'_>| {
                let mut text = String::new();
                field.write_own(row, &mut text);
                text
            };
            assert_eq!(
                (shown(&rows[3]), shown(&rows[4])),
                ("channel 1 (Cockpit clock)".into(), "SSRC 0x1 Microphone".into())
            );
            assert_eq!(all(&rows[3], name), ["channel 1", "channel 1 (Cockpit clock)"], "filters know both");
        }
    }

    #[test]
    fn rows_know_their_own_figures_and_what_stands_above() {
        let flow = flow();
        let rows: Vec<_> = rows(&flow, RowContext::default()).collect();
        let [row, _, encoding, stream, other, _, inner, _] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!(
            (all(encoding, "lost"), all(stream, "lost"), all(other, "lost")),
            (vec!["3".into()], vec!["3".into()], vec![])
        );
        assert_eq!(all(inner, "lost"), ["3"], "known from the encoding");
        assert_eq!(
            (all(encoding, "stream.jitter"), all(other, "stream.jitter")),
            (vec!["5".into(), "9".into()], vec!["9".into()])
        );
        assert_eq!((all(encoding, "media_jitter"), all(encoding, "expected")), (vec!["9".into()], vec!["40".into()]));
        assert_eq!((all(encoding, "rate"), all(encoding, "pps")), (vec!["1600".into()], vec!["2".into()]));
        assert_eq!(all(stream, "bytes"), Vec::<String>::new());
        assert_eq!((all(row, "encoding"), all(inner, "encoding")), (vec![], vec!["X".to_owned()]));
        assert_eq!(all(inner, "udp.port"), ["1", "2"]);
        assert_eq!((all(inner, "meta.depth"), all(inner, "meta.keys")), (vec!["0".into()], vec!["2".into()]));
        assert_eq!(Field::find("meta.mean_ns").map(|field| field.kind()), Some(Kind::Number(Amount::Duration)));
    }

    #[test]
    fn what_is_read_is_the_row_of_fixed_size() {
        let flow = flow();
        for row in rows(&flow, RowContext::default()) {
            let figures = row.figures();
            assert_eq!((figures.id, figures.parent), (row.id(), row.parent()));
            let has_health = matches!(row.level(), Level::Encoding | Level::Stream);
            assert_eq!(figures.health.received.is_some(), has_health, "{:?}", row.id());
            assert_eq!(all(&row, "packets"), [figures.packets.to_string()]);
            let bytes: Vec<_> = figures.bytes.iter().map(u64::to_string).collect();
            assert_eq!(all(&row, "bytes"), bytes);
        }
    }

    #[test]
    fn findings_stand_where_their_place_ends() {
        let flow = flow();
        let at = Occurrence { frame: 1, time: None };
        let finding = |encoding: Option<&str>, stream: Option<&str>, code: &'static str, severity| Finding {
            code: code.into(),
            severity,
            count: 1,
            packets: None,
            first: at,
            last: at,
            place: Place {
                flow: Some(flow.key.to_string()),
                transport: Some("UDP".into()),
                encoding: encoding.map(Into::into),
                stream: stream.map(Into::into),
            },
            text: String::new(),
        };
        let findings = [
            finding(Some("X"), Some("a"), "x.loss", Severity::Error),
            finding(Some("X"), None, "x.late", Severity::Warning),
            finding(None, None, "udp.odd", Severity::Info),
        ];
        let index = FindingIndex::new(&findings);
        let rows: Vec<_> = rows(&flow, RowContext { findings: Some(&index), ..RowContext::default() }).collect();
        let codes: Vec<_> = rows.iter().map(|row| all(row, "finding").join(" ")).collect();
        let rates: Vec<_> = rows.iter().map(|row| all(row, "pps").join(" ")).collect();
        // four packets behind the first of the encoding in two seconds, nine of each stream in its own one and a half
        assert_eq!(rates[2..5], ["2", "6", "6"]);
        let both = "x.loss x.late";
        assert_eq!(codes, ["", "udp.odd", both, "x.loss", "", both, both, both]);
        assert_eq!((all(&rows[2], "severity"), all(&rows[2], "findings")), (vec!["error".into()], vec!["2".into()]));
    }

    #[test]
    fn addresses_of_the_link_layer_are_given_once() {
        let change = |src: u8, dst: u8| crate::Change {
            value: MacPair { src: Some(MacAddress([src; 6])), dst: Some(MacAddress([dst; 6])) },
            since_frame: 1,
            packets: 1,
        };
        let flow = Flow { macs: vec![change(1, 2), change(1, 3), change(2, 3)], ..Flow::default() };
        let row = RowRef::of_flow(&flow, RowContext::default());
        assert_eq!(all(&row, "mac").len(), 3);
        assert_eq!((all(&row, "mac.src").len(), all(&row, "eth.dst").len()), (2, 2));
    }
}
