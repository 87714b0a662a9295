//! Which frames a row counts: those that bring its PDUs, and those that bring parts of them.

use std::collections::BTreeMap;

use streamlens_engine::{Engine, EngineOptions, LookOptions};
use streamlens_model::row::{Level, RowId, RowName, RowTable};
use streamlens_registry::DecoderRegistry;
use streamlens_testing::{Host, Made, demo, fragments, mixed};

/// All rows of these frames, and the frames of each.
fn listed(frames: &[Made]) -> (RowTable, BTreeMap<RowId, Vec<u64>>) {
    let options = EngineOptions { lists_frames: true, threads: 1, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    frames.iter().for_each(|frame| engine.push(&frame.frame()));
    engine.end();
    let mut table = RowTable::default();
    assert!(table.apply(&engine.look(&LookOptions { exact: true, ..LookOptions::default() })));
    let numbers = |id| {
        let set = engine.frames_of(id)?;
        Some((1..=frames.len() as u64).filter(|number| set.contains(*number)).collect::<Vec<_>>())
    };
    let lists = table.rows.keys().filter_map(|id| Some((*id, numbers(*id)?))).collect();
    (table, lists)
}

/// The frames of the rows of a level with this name.
fn of<'l>((table, lists): &'l (RowTable, BTreeMap<RowId, Vec<u64>>), level: Level, name: &str) -> &'l [u64] {
    let is_meant = |id: &&RowId| {
        let own = table.rows.get(id).and_then(|(_, name)| name.as_ref());
        id.level == level && matches!(own, Some(RowName::Named(own) | RowName::Stream(own, _)) if &**own == name)
    };
    let mut found = table.rows.keys().filter(is_meant);
    let id = found.next().unwrap_or_else(|| panic!("there is no {name}"));
    assert_eq!(found.next(), None, "one is {name}");
    &lists[id]
}

/// The numbers of the frames whose payload of UDP is so.
fn those(frames: &[Made], is_so: impl Fn(&[u8]) -> bool) -> Vec<u64> {
    (1..).zip(frames).filter(|(_, frame)| is_so(&frame.data[42..])).map(|(number, _)| number).collect()
}

#[test]
fn two_encodings_of_a_flow_have_their_own() {
    let frames = mixed();
    let lists = listed(&frames);
    // a message of PTP says how many bytes it has, a packet of IENA how many words
    let is_ptp = |payload: &[u8]| usize::from(u16::from_be_bytes([payload[2], payload[3]])) == payload.len();
    let (ptp, iena) = (those(&frames, is_ptp), those(&frames, |payload| !is_ptp(payload)));
    assert!(ptp.len() > 10 && iena.len() > 100, "{} {}", ptp.len(), iena.len());
    assert_eq!(of(&lists, Level::Encoding, "PTP"), ptp);
    assert_eq!(of(&lists, Level::Encoding, "IENA"), iena);
    assert_eq!(of(&lists, Level::Transport, "UDP").len(), frames.len());
    let sync = those(&frames, |payload| is_ptp(payload) && payload[0] & 0xf == 0);
    assert_eq!(of(&lists, Level::PacketType, "Sync"), sync);
    let keys: Vec<u16> = iena.iter().map(|number| key(&frames[*number as usize - 1])).collect();
    let first = keys[0];
    let own = those(&frames, |payload| !is_ptp(payload) && payload[..2] == first.to_be_bytes());
    assert!(own.len() < iena.len(), "there are several streams");
    assert_eq!(of(&lists, Level::Stream, &format!("key 0x{first:04X}")), own);
}

fn key(frame: &Made) -> u16 {
    u16::from_be_bytes([frame.data[42], frame.data[43]])
}

/// Of every row of the demo capture: as many frames as packets where each brings one, and never one that is not its flow's.
#[test]
fn rows_list_what_they_count() {
    let (table, lists) = listed(&demo::frames());
    let mut seen = [0; 5];
    for (id, (row, name)) in &table.rows {
        let Some(frames) = lists.get(id) else {
            assert_eq!(id.level, Level::Flow);
            continue;
        };
        let count = frames.len() as u64;
        match id.level {
            Level::Transport | Level::Encoding => assert_eq!(count, row.packets, "{id} {name:?}"),
            _ => assert!(count > 0, "{id} {name:?} {}", row.packets),
        }
        if id.level > Level::Encoding {
            let above = &lists[&RowId::encoding(id.flow, id.transport, id.encoding)];
            assert!(frames.iter().all(|frame| above.contains(frame)), "{id} {name:?}");
        }
        seen[id.level as usize] += 1;
    }
    assert!(seen[1..].iter().all(|rows| *rows > 15), "{seen:?}");
}

#[test]
fn all_fragments_of_a_datagram_are_listed_for_all_that_it_brings() {
    let ends = ((Host::new([10, 0, 0, 1]), 5004), (Host::new([10, 0, 0, 2]), 5004));
    let mut frames = Vec::new();
    for number in 0..20_u16 {
        let mut packet = vec![0x80, 97];
        packet.extend(number.to_be_bytes());
        packet.extend((u32::from(number) * 4800).to_be_bytes());
        packet.extend([1, 2, 3, 4]);
        packet.resize(1400, 7);
        for data in fragments(ends.0, ends.1, number, 600, &packet) {
            frames.push(Made { time: 1_700_000_000_000_000_000 + frames.len() as i64 * 1_000_000, data });
        }
    }
    let lists = listed(&frames);
    let all: Vec<u64> = (1..=60).collect();
    for (id, list) in &lists.1 {
        assert_eq!(list, &all, "{id}");
    }
    assert_eq!(lists.1.len(), 4, "a transport, an encoding, a stream and a type");
}

#[test]
fn without_being_asked_for_nothing_is_listed() {
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
    mixed().iter().for_each(|frame| engine.push(&frame.frame()));
    let look = engine.look(&LookOptions::default());
    assert!(look.rows.iter().all(|row| engine.frames_of(row.id).is_none()));
}
