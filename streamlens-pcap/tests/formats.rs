//! Every variant of the formats, made by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use common::*;
use streamlens_model::LinkType;
use streamlens_pcap::CaptureReader;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

#[test]
fn pcap_variants_differ_in_unit_and_byte_order_only() {
    for order in ORDERS {
        for (magic, format, nanos, step) in
            [(0xa1b2_c3d4, "pcap", 7_000_123_000, 1000), (0xa1b2_3c4d, "pcap (nanoseconds)", 7_000_000_123, 1)]
        {
            let mut capture = pcap_header(order, magic, 113);
            capture.extend(pcap_record(order, 7, 123, b"abc"));
            capture.extend(pcap_record(order, u32::MAX, 0, b""));
            let result = read(capture);
            assert_eq!(result.format, format);
            assert_eq!(result.data(), [b"abc".as_slice(), b""]);
            assert_eq!(result.frames[0].nanos, Some(nanos));
            assert_eq!(result.frames[1].nanos, Some(4_294_967_295_000_000_000), "seconds have no sign");
            assert_eq!(result.frames[0].link_type, LinkType::LINUX_SLL);
            assert_eq!((result.interfaces[0].snap_length, result.interfaces[0].resolution_ns), (262_144, step));
            assert!(result.warnings.is_empty(), "{:?}", result.warnings);
        }
    }
}

#[test]
fn the_modified_pcap_has_longer_record_headers() {
    for order in ORDERS {
        let mut capture = pcap_header(order, 0xa1b2_cd34, 1);
        for number in [1, 2] {
            let record = pcap_record(order, number, 5, b"frame");
            capture.extend(&record[..16]);
            capture.extend([9; 8]);
            capture.extend(&record[16..]);
        }
        let result = read(capture);
        assert_eq!((result.format.as_str(), result.data()), ("pcap (modified)", vec![b"frame".as_slice(); 2]));
        assert_eq!(result.frames[1].nanos, Some(2_000_005_000));
    }
}

#[test]
fn ixia_files_have_four_more_header_bytes_and_nanoseconds() {
    for magic in [0x1c00_01ac, 0x1c00_01ab] {
        let mut capture = pcap_header(Order::Little, magic, 1);
        capture.extend([1, 2, 3, 4]);
        capture.extend(pcap_record(Order::Little, 1, 999_999_999, b"frame"));
        assert_eq!(read(capture).frames[0].nanos, Some(1_999_999_999));
    }
}

#[test]
fn old_pcap_versions_have_the_lengths_the_other_way_round() {
    for minor in [2, 3] {
        let mut capture = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
        capture[6] = minor;
        for word in [1, 0, 60, 3] {
            capture.extend(Order::Little.u32(word));
        }
        capture.extend(b"abc");
        let result = read(capture);
        assert_eq!((result.frames[0].original, result.data()), (60, vec![b"abc".as_slice()]));
    }
}

#[test]
fn bits_above_the_link_type_of_a_pcap_are_not_part_of_it() {
    let mut capture = pcap_header(Order::Big, 0xa1b2_c3d4, 0x3400_0001);
    capture.extend(pcap_record(Order::Big, 1, 0, b"x"));
    assert_eq!(read(capture).frames[0].link_type, LinkType::ETHERNET);
}

#[test]
fn lengths_are_given_as_the_record_tells_them() {
    let mut capture = small_pcap(0);
    for word in [1, 0, 4, 1] {
        capture.extend(Order::Little.u32(word));
    }
    capture.extend(b"four");
    let result = read(capture);
    assert_eq!((result.frames[0].original, result.data()), (1, vec![b"four".as_slice()]));
}

#[test]
fn a_fraction_of_a_second_is_carried_and_one_of_two_seconds_is_no_time() {
    let mut capture = small_pcap(0);
    for fraction in [1_000_000, 2_000_000, u32::MAX] {
        capture.extend(pcap_record(Order::Little, 1, fraction, b"x"));
    }
    let result = read(capture);
    let times: Vec<_> = result.frames.iter().map(|frame| frame.nanos).collect();
    assert_eq!(times, [Some(2_000_000_000), None, None]);
    assert_eq!(result.codes(), ["capture.bad-time"]);
    assert!(!result.warnings[0].incomplete);
    assert_eq!((result.warnings[0].byte, result.warnings[0].after_frame), (Some(24 + 17), Some(1)));
}

#[test]
fn a_header_alone_is_an_empty_capture() {
    for capture in [small_pcap(0), section(Order::Big)] {
        let result = read(capture);
        assert!(result.frames.is_empty() && result.warnings.is_empty());
    }
}

#[test]
fn an_interface_that_a_later_section_describes_alike_is_the_same() {
    let mut capture = Vec::new();
    for (order, name) in [(Order::Little, b"eth0"), (Order::Big, b"eth0"), (Order::Big, b"eth1")] {
        capture.extend(section(order));
        let name = option(order, 2, name);
        capture.extend(interface(order, 1, 96, &[name, option(order, 9, &[9])]));
        capture.extend(interface(order, 101, 0, &[]));
        capture.extend(enhanced(order, 1, 5, 70, b"raw"));
        capture.extend(enhanced(order, 0, 5, 60, b"ether"));
    }
    let result = read(capture);
    assert_eq!(result.format, "pcapng");
    let seen: Vec<_> = result.frames.iter().map(|f| (f.interface, f.link_type, f.nanos, f.original)).collect();
    let (raw, ethernet) = (LinkType::RAW, LinkType::ETHERNET);
    assert_eq!(
        seen,
        [
            (1, raw, Some(5000), 70),
            (0, ethernet, Some(5), 60),
            (1, raw, Some(5000), 70),
            (0, ethernet, Some(5), 60),
            (1, raw, Some(5000), 70),
            (2, ethernet, Some(5), 60)
        ]
    );
    assert_eq!(result.data(), [b"raw".as_slice(), b"ether", b"raw", b"ether", b"raw", b"ether"]);
    let names: Vec<_> = result.interfaces.iter().map(|interface| interface.name.as_deref()).collect();
    assert_eq!(names, [Some("eth0"), None, Some("eth1")]);
    assert_eq!((result.interfaces[2].snap_length, result.interfaces[2].resolution_ns), (96, 1));
    assert_eq!(result.interfaces[1].resolution_ns, 1000);
    assert!(result.warnings.is_empty());
}

#[test]
fn interface_clocks_have_a_unit_and_an_offset() {
    for order in ORDERS {
        let options = [option(order, 9, &[12]), option(order, 14, &order.u64(1_699_999_999))];
        let mut capture = [section(order), interface(order, 1, 0, &options)].concat();
        capture.extend(enhanced(order, 0, 1_000_000_001_999, 1, b"x"));
        capture.extend(enhanced(order, 0, u64::MAX, 1, b"x"));
        let result = read(capture);
        assert_eq!(result.frames[0].nanos, Some(1_700_000_000_000_000_001));
        let minus = [option(order, 9, &[0]), option(order, 14, &order.u64(-5_i64 as u64))];
        let mut capture = [section(order), interface(order, 1, 0, &minus)].concat();
        capture.extend(enhanced(order, 0, 3, 1, b"x"));
        capture.extend(enhanced(order, 0, u64::MAX, 1, b"x"));
        let result = read(capture);
        assert_eq!(result.frames[0].nanos, Some(-2_000_000_000));
        assert_eq!(result.frames[1].nanos, None, "beyond the range of a time stamp");
    }
}

#[test]
fn simple_packets_are_cut_by_the_snap_length_and_have_no_time() {
    for order in ORDERS {
        let mut capture = [section(order), interface(order, 1, 6, &[])].concat();
        capture.extend(simple(order, 100, b"sixsix"));
        capture.extend(simple(order, 3, b"abc"));
        let result = read(capture);
        assert_eq!(result.data(), [b"sixsix".as_slice(), b"abc"]);
        assert_eq!((result.frames[0].original, result.frames[0].nanos), (100, None));
    }
}

#[test]
fn obsolete_packets_are_packets() {
    for order in ORDERS {
        let mut capture = [section(order), interface(order, 1, 0, &[])].concat();
        capture.extend(obsolete(order, 0, (1 << 32) + 1, b"old"));
        let result = read(capture);
        assert_eq!((result.data(), result.frames[0].nanos), (vec![b"old".as_slice()], Some(4_294_967_297_000)));
    }
}

#[test]
fn other_blocks_are_passed_over() {
    let order = Order::Little;
    let mut blocks = small_pcapng_blocks(order, 4);
    for (at, kind) in [(2, 4), (3, 0xbad), (4, 0x4000_0bad), (5, 0x1234_5678), (6, 0x0a)] {
        blocks.insert(at, block(order, kind, b"no frame in here"));
    }
    let result = read(blocks.concat());
    assert_eq!((result.frames.len(), result.warnings.len()), (4, 0));
}

#[test]
fn interface_statistics_tell_what_the_capture_dropped() {
    for order in ORDERS {
        let statistics = |interface, options: &[Vec<u8>]| {
            let mut body = order.u32(interface).to_vec();
            body.extend([0; 8]);
            body.extend(options.concat());
            block(order, 5, &body)
        };
        let mut capture = [section(order), interface(order, 1, 0, &[]), interface(order, 1, 0, &[])].concat();
        capture.extend(statistics(1, &[option(order, 5, &order.u64(99))]));
        capture.extend(statistics(1, &[option(order, 5, &order.u64(5)), option(order, 7, &order.u64(2))]));
        capture.extend(statistics(1, &[option(order, 4, &order.u64(1000))]));
        capture.extend(statistics(77, &[option(order, 5, &order.u64(5))]));
        let result = read(capture);
        assert_eq!((result.interfaces[0].dropped, result.interfaces[1].dropped), (None, Some(7)));
    }
}

#[test]
fn next_frame_and_batches_can_be_mixed() {
    let mut reader = CaptureReader::from_bytes("made", small_pcap(9)).unwrap();
    for number in 0..3 {
        let frame = reader.next_frame().unwrap().unwrap();
        assert_eq!((frame.number, frame.data), (u64::from(number) + 1, payload(number).as_slice()));
    }
    let mut batch = streamlens_model::FrameBatch::default();
    assert!(reader.read_batch(&mut batch).unwrap());
    let rest: Vec<_> = batch.iter().map(|frame| (frame.number, frame.data.to_vec())).collect();
    assert_eq!(rest, (3..9).map(|number| (u64::from(number) + 1, payload(number))).collect::<Vec<_>>());
    assert!(reader.next_frame().unwrap().is_none());
}

#[test]
fn frames_larger_than_a_batch_come_whole_and_batches_are_cut_alike_for_short_reads() {
    let mut capture = small_pcap(3);
    let large: Vec<u8> = (0..5_000_000_u32).map(|index| (index % 251) as u8).collect();
    capture.extend(pcap_record(Order::Little, 2000, 0, &large));
    for number in 0..40_000 {
        capture.extend(pcap_record(Order::Little, 3000, 0, &payload(number)));
    }
    let whole = read(capture.clone());
    assert_eq!(whole.frames.len(), 40_004);
    assert_eq!(whole.frames[3].data, large);
    assert!(whole.batches.len() > 1 && whole.warnings.is_empty(), "{:?}", whole.batches);
    let crumbs = Crumbs { bytes: std::io::Cursor::new(capture), step: 0 };
    let crumbs = drain(&mut CaptureReader::from_reader("crumbs", crumbs).unwrap());
    assert_eq!((whole.batches, whole.frames), (crumbs.batches, crumbs.frames));
}

#[test]
fn positions_tell_how_much_of_how_much_is_read() {
    let capture = small_pcap(5);
    let mut reader = CaptureReader::from_bytes("made", capture.clone()).unwrap();
    while reader.next_frame().unwrap().is_some() {}
    let position = reader.position();
    assert_eq!((position.read_bytes, position.total_bytes), (capture.len() as u64, Some(capture.len() as u64)));
}
