//! What the monitor makes of exchanges whose every time is known.

use streamlens_model::{Severity, Value};

use super::{Builder, MASTER, Network, SLAVE};

const SECOND: i64 = 1_000_000_000;
/// When the capture begins, in its own clock and the master's.
const START: i64 = 1_700_000_000 * SECOND;
const OTHER: u64 = 0x001B_19FF_FE00_0003;

fn announce(clock: u64, grandmaster: u64, sequence: u16, priority1: u8) -> Builder {
    let quality = [0, 37, 0, priority1, 6, 0x21, 0x4E, 0x5D, 128];
    Builder::new(0xB, clock, sequence).time(0).octets(&quality).octets(&grandmaster.to_be_bytes()).octets(&[0, 0, 0x20])
}

/// A two-step Sync and its Follow_Up: captured at `seen`, sent at `origin`.
fn two_step(network: &mut Network, sequence: u16, seen: i64, origin: i64) {
    network.sees(seen, &Builder::new(0x0, MASTER, sequence).flags(0x0200).correction(40).time(0));
    network.sees(seen + 1_000_000, &Builder::new(0x8, MASTER, sequence).correction(60).time(origin));
}

/// The capture's clock is `offset` ahead of the master's; each way takes `way`.
fn exchange(network: &mut Network, sequence: u16, offset: i64, way: i64) {
    let at = START + i64::from(sequence) * SECOND;
    // 100 ns of the way are residence times, which the corrections carry.
    two_step(network, sequence, at + way + 100 + offset, at);
    let sent = at + SECOND / 2;
    network.sees(sent + offset, &Builder::new(0x1, SLAVE, sequence).time(0));
    let answer = Builder::new(0x9, MASTER, sequence).correction(30).time(sent + way + 30).port(SLAVE);
    network.sees(sent + 2 * way + offset, &answer);
}

const PATH: [&str; 4] = ["masters", "001b19fffe000001-1", "by_requester", "001b19fffe000002-1"];

fn path_figure(network: &Network, name: &str, figure: &str) -> Option<f64> {
    network.number("0", &[PATH[0], PATH[1], PATH[2], PATH[3], name, figure])
}

#[test]
fn offset_and_delay_come_out_exactly() {
    let mut network = Network::default();
    for sequence in 0..10 {
        network.sees(START + i64::from(sequence) * SECOND, &announce(MASTER, MASTER, sequence, 128));
        exchange(&mut network, sequence, -12_345, 2_000);
    }
    for figure in ["min_ns", "mean_ns", "max_ns", "last_ns"] {
        assert_eq!(path_figure(&network, "capture_clock_offset_from_master", figure), Some(-12_345.0));
        assert_eq!(path_figure(&network, "path_delay_capture_point_to_master", figure), Some(2_000.0));
    }
    assert_eq!(network.number("0", &["masters", PATH[1], "rate_offset_from_capture_clock_ppm"]), Some(0.0));
    assert!(network.codes().is_empty(), "{:?}", network.findings(Severity::Info));
}

#[test]
fn follow_up_before_its_sync_is_matched() {
    let mut network = Network::default();
    network.sees(START, &Builder::new(0x8, MASTER, 1).time(START));
    network.sees(START + 900, &Builder::new(0x0, MASTER, 1).flags(0x0200).time(0));
    assert_eq!(network.number("0", &["masters", PATH[1], "sync_capture_minus_origin", "last_ns"]), Some(900.0));
}

#[test]
fn one_step_sync_is_measured_by_its_own_time() {
    let mut network = Network::default();
    network.sees(START + 700, &Builder::new(0x0, MASTER, 1).correction(200).time(START));
    assert_eq!(network.number("0", &["masters", PATH[1], "sync_capture_minus_origin", "last_ns"]), Some(500.0));
    assert_eq!(network.number("0", &["masters", PATH[1], "one_step_syncs"]), Some(1.0));
}

#[test]
fn without_delay_requests_the_offset_is_called_unknown() {
    let mut network = Network::default();
    (0..5).for_each(|s| two_step(&mut network, s, START + i64::from(s) * SECOND + 500, START + i64::from(s) * SECOND));
    let Some(Value::List(notes)) = network.fact("0", &["not_known"]) else { panic!("nothing is said to be unknown") };
    let is_said = |note: &Value| matches!(note, Value::Text(text) if text.contains("plus the path delay"));
    assert!(notes.iter().any(is_said), "{notes:?}");
    assert_eq!(network.fact("0", &["masters", PATH[1], "capture_clock_offset_from_master"]), None);
}

/// Peer delay through a tap at the requester: p1 and p4 are capture times; the responder's clock is 1 s ahead.
fn peer_exchange(network: &mut Network, gptp: bool, two_step: bool) {
    let (way, turn, ahead) = (250, 40_000, SECOND);
    let flags = if two_step { 0x0200 } else { 0 };
    for sequence in 0..4_u16 {
        let sent = START + i64::from(sequence) * SECOND;
        let (received, left) = (sent + way + ahead, sent + way + turn + ahead);
        let sdo = u8::from(gptp);
        let message = |mut builder: Builder| {
            builder.sdo = sdo;
            builder
        };
        network.sees(sent, &message(Builder::new(0x2, SLAVE, sequence).time(0).octets(&[0; 10])));
        // One-step: the turn-round is in the correction. 802.1AS: p2 plus the correction; 1588: taken off.
        let (stamp, correction) = match (two_step, gptp) {
            (false, _) => (0, turn),
            (true, true) => (received - 7, 7),
            (true, false) => (received + 7, 7),
        };
        let response = Builder::new(0x3, MASTER, sequence).flags(flags).correction(correction).time(stamp).port(SLAVE);
        network.sees(sent + 2 * way + turn, &message(response));
        if two_step {
            let follow_up = Builder::new(0xA, MASTER, sequence).time(left).port(SLAVE);
            network.sees(sent + 2 * way + turn + 500, &message(follow_up));
        }
    }
}

#[test]
fn link_delay_comes_out_exactly_in_all_its_forms() {
    for (gptp, two_step, domain) in [(false, false, "0"), (false, true, "0"), (true, true, "gPTP 0")] {
        let mut network = Network::default();
        peer_exchange(&mut network, gptp, two_step);
        let link =
            ["links", "001b19fffe000002-1 -> 001b19fffe000001-1", "link_delay_capture_point_to_responder", "mean_ns"];
        assert_eq!(network.number(domain, &link), Some(250.0), "gptp {gptp}, two-step {two_step}");
    }
}

#[test]
fn rate_ratio_of_the_neighbour_is_measured() {
    let mut network = Network::default();
    peer_exchange(&mut network, true, true);
    let link = ["links", "001b19fffe000002-1 -> 001b19fffe000001-1", "responder_rate_ratio_to_capture_clock"];
    assert_eq!(network.number("gPTP 0", &link), Some(1.0));
}

#[test]
fn missing_follow_up_is_found_and_one_that_may_still_come_is_not() {
    let mut network = Network::default();
    for sequence in 0..8 {
        let at = START + i64::from(sequence) * SECOND;
        if matches!(sequence, 3 | 7) {
            network.sees(at + 100, &Builder::new(0x0, MASTER, sequence).flags(0x0200).time(0));
        } else {
            two_step(&mut network, sequence, at + 100, at);
        }
    }
    let findings = network.findings(Severity::Warning);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].0, findings[0].1), ("ptp.missing-follow-up", 1));
    assert!(findings[0].2.contains("Sync 3"), "{findings:?}");
}

#[test]
fn capture_that_begins_between_sync_and_follow_up_is_no_fault() {
    let mut network = Network::default();
    network.sees(START, &Builder::new(0x8, MASTER, 9).time(START));
    for sequence in 10..15 {
        let at = START + i64::from(sequence - 9) * SECOND;
        two_step(&mut network, sequence, at + 5, at);
    }
    assert!(network.codes().is_empty(), "{:?}", network.findings(Severity::Info));
    network.sees(START + 7 * SECOND, &Builder::new(0x8, MASTER, 16).time(START));
    two_step(&mut network, 18, START + 10 * SECOND + 5, START + 10 * SECOND);
    assert_eq!(network.codes(), ["ptp.follow-up-without-sync"]);
}

#[test]
fn time_that_runs_back_or_jumps_is_found() {
    let mut network = Network::default();
    two_step(&mut network, 1, START + SECOND, START + SECOND);
    two_step(&mut network, 2, START + 2 * SECOND, START + 2 * SECOND);
    two_step(&mut network, 3, START + 3 * SECOND, START + SECOND / 2);
    assert_eq!(network.codes(), ["ptp.time-backwards"]);
    two_step(&mut network, 4, START + 4 * SECOND, START + 40 * SECOND);
    assert_eq!(network.codes(), ["ptp.time-backwards", "ptp.time-jump"]);
}

#[test]
fn two_announced_grandmasters_are_found_after_their_election() {
    let mut network = Network::default();
    for sequence in 0..4 {
        let at = START + i64::from(sequence) * SECOND;
        network.sees(at, &announce(MASTER, MASTER, sequence, 128));
        network.sees(at + 1000, &announce(OTHER, OTHER, sequence, 200));
    }
    assert!(network.codes().is_empty(), "an election: {:?}", network.findings(Severity::Info));
    for sequence in 4..8 {
        let at = START + i64::from(sequence) * SECOND;
        network.sees(at, &announce(MASTER, MASTER, sequence, 128));
        network.sees(at + 1000, &announce(OTHER, OTHER, sequence, 200));
    }
    assert_eq!(network.codes(), ["ptp.two-masters"]);
    assert_eq!(network.fact("0", &["grandmaster"]), Some(Value::text("001b19fffe000001")));
}

#[test]
fn boundary_clocks_of_one_grandmaster_are_no_rivals() {
    let mut network = Network::default();
    for sequence in 0..20 {
        let at = START + i64::from(sequence) * SECOND;
        network.sees(at, &announce(MASTER, MASTER, sequence, 128));
        network.sees(at + 1000, &announce(OTHER, MASTER, sequence, 128));
    }
    assert_eq!(network.codes(), ["ptp.announce-without-sync"]);
}

#[test]
fn grandmaster_behind_a_boundary_clock_changes() {
    let mut network = Network::default();
    (0..3).for_each(|s| network.sees(START + i64::from(s) * SECOND, &announce(MASTER, MASTER, s, 128)));
    (3..6).for_each(|s| network.sees(START + i64::from(s) * SECOND, &announce(MASTER, OTHER, s, 128)));
    assert_eq!(codes_of_all(&network), ["ptp.grandmaster-changed"]);
    assert!(network.codes().is_empty(), "one that is as good is no fault");
    for sequence in 6..8 {
        let mut free = announce(MASTER, MASTER, sequence, 128);
        free.body[14] = 248;
        network.sees(START + i64::from(sequence) * SECOND, &free);
    }
    assert_eq!(network.codes(), ["ptp.grandmaster-changed"], "one that runs free is");
}

/// The time of the master less the capture's, as the domain's announcements let it be taken.
#[test]
fn a_time_far_off_the_captures_is_found() {
    let told = |ahead: i64| {
        let mut network = Network::default();
        for sequence in 0..6 {
            let at = START + i64::from(sequence) * SECOND;
            network.sees(at, &announce(MASTER, MASTER, sequence, 128).flags(0x000C));
            network.sees(at + 10, &Builder::new(0x0, MASTER, sequence).time(at + 37 * SECOND + ahead));
        }
        let found = network.findings(Severity::Warning).into_iter();
        found.map(|(code, _, text)| (code, text)).collect::<Vec<_>>()
    };
    assert_eq!(told(100_000_000), []);
    let by_five = told(5 * SECOND);
    assert_eq!(by_five.len(), 1, "{by_five:?}");
    assert_eq!(by_five[0].0, "ptp.clock-offset");
    let text = &by_five[0].1;
    assert!(text.contains(
        "its clock is 5.000 s ahead of the capture's: one of the two is not synchronised, since it was chosen at"
    ));
    assert_eq!(told(18 * SECOND).iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["ptp.utc-offset"]);
    let unset = told(7 * SECOND - START);
    assert!(unset.len() == 1 && unset[0].1.contains("its clock was never set: it shows 1970-01-01"), "{unset:?}");
}

#[test]
fn silent_master_times_out_and_a_domain_that_goes_on_has_none() {
    let mut network = Network::default();
    (0..5).for_each(|s| network.sees(START + i64::from(s) * SECOND, &announce(MASTER, MASTER, s, 128)));
    for sequence in 5..15 {
        let at = START + i64::from(sequence) * SECOND;
        network.sees(at, &Builder::new(0x1, SLAVE, sequence).time(0));
    }
    let codes = network.codes();
    assert_eq!(codes, ["ptp.announce-timeout", "ptp.no-master", "ptp.unanswered-delay-request"]);
}

/// Announcements once a second for some seconds, and what else there is of the domain.
fn announced_for(seconds: u16, others: &[Builder]) -> Vec<String> {
    let mut network = Network::default();
    for sequence in 0..=seconds {
        network.sees(START + i64::from(sequence) * SECOND, &announce(MASTER, MASTER, sequence, 128));
        others.iter().for_each(|other| network.sees(START + i64::from(sequence) * SECOND + 1, other));
    }
    let of = network.findings(Severity::Warning).into_iter();
    of.filter(|(code, ..)| *code == "ptp.announce-without-sync").map(|(.., text)| text).collect()
}

#[test]
fn a_domain_whose_master_never_sends_sync_is_found() {
    let [text] = &announced_for(20, &[])[..] else { panic!() };
    let told = "announced itself 21 times in 20.0 s, and neither it nor another port of its domain sent a Sync";
    assert!(text.contains(told), "{text}");
    assert!(text.ends_with("nothing of the domain came on UDP port 319, so that the capture may lack it"), "{text}");
    let request = || Builder::new(0x1, SLAVE, 1).time(0);
    let [text] = &announced_for(20, &[request()])[..] else { panic!() };
    assert!(text.ends_with("no clock can follow it"), "{text}");
    // a capture that is too short, and captures in which answers to what isn't there say that they lack event messages
    assert!(announced_for(7, &[request()]).is_empty());
    assert!(announced_for(20, &[Builder::new(0x8, OTHER, 1).time(START)]).is_empty());
    let answer = || Builder::new(0x9, MASTER, 1).time(START).port(SLAVE);
    assert!(announced_for(20, &[answer()]).is_empty());
    assert_eq!(announced_for(20, &[request(), answer()]).len(), 1);
    // Sync by unicast, which passes elsewhere: granted for 300 s, once a second
    let grant = Builder::new(0xC, MASTER, 1).port(SLAVE).octets(&[0, 5, 0, 8, 0, 0, 0, 0, 1, 44, 0, 1]);
    assert!(announced_for(20, &[grant]).is_empty());
}

#[test]
fn rate_off_the_announced_one_is_found() {
    let mut network = Network::default();
    (0..30).for_each(|s| network.sees(START + i64::from(s) * SECOND, &Builder::new(0x0, MASTER, s).time(START)));
    assert!(!network.codes().contains(&"ptp.rate"));
    let mut network = Network::default();
    for sequence in 0..30 {
        let at = START + i64::from(sequence) * SECOND * 2;
        network.sees(at, &Builder::new(0x0, MASTER, sequence).time(at));
    }
    assert!(network.codes().contains(&"ptp.rate"), "{:?}", network.codes());
}

#[test]
fn request_answered_by_two_masters_is_found() {
    let mut network = Network::default();
    (0..6).for_each(|s| network.sees(START + i64::from(s) * SECOND, &announce(MASTER, MASTER, s, 128)));
    let at = START + 6 * SECOND;
    network.sees(at, &Builder::new(0x1, SLAVE, 1).time(0));
    network.sees(at + 10, &Builder::new(0x9, MASTER, 1).time(at).port(SLAVE));
    network.sees(at + 20, &Builder::new(0x9, OTHER, 1).time(at).port(SLAVE));
    assert_eq!(network.codes(), ["ptp.two-masters"]);
}

#[test]
fn changes_of_quality_leap_and_utc_offset_are_found() {
    let mut network = Network::default();
    network.sees(START, &announce(MASTER, MASTER, 0, 128));
    let mut degraded = announce(MASTER, MASTER, 1, 128).flags(0x0001);
    degraded.body[14] = 52;
    degraded.body[11] = 38;
    network.sees(START + SECOND, &degraded);
    let codes: Vec<_> = network.findings(Severity::Info).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["ptp.clock-quality-changed", "ptp.leap-second-announced", "ptp.utc-offset"]);
}

#[test]
fn path_that_meets_itself_and_mixed_mechanisms_are_found() {
    let mut network = Network::default();
    let mut path = vec![0, 8, 0, 16];
    path.extend(MASTER.to_be_bytes());
    path.extend(MASTER.to_be_bytes());
    network.sees(START, &announce(MASTER, MASTER, 0, 128).octets(&path));
    network.sees(START + 1, &Builder::new(0x1, SLAVE, 1).time(0));
    network.sees(START + 2, &Builder::new(0x2, SLAVE, 1).time(0).octets(&[0; 10]));
    assert_eq!(network.codes(), ["ptp.delay-mechanisms-mixed", "ptp.path-trace-loop"]);
}

#[test]
fn what_a_slave_tells_is_reported_as_told() {
    let mut network = Network::default();
    let mut tlv = vec![0, 1, 0, 20, 0x20, 0x01, 0, 1];
    tlv.extend((-1_500_i64 << 16).to_be_bytes());
    tlv.extend((800_i64 << 16).to_be_bytes());
    network.sees(START, &Builder::new(0xD, SLAVE, 1).port(u64::MAX).octets(&[1, 1, 2, 0]).octets(&tlv));
    let mut computed = vec![0x80, 0x05, 0, 34];
    computed.extend(MASTER.to_be_bytes());
    computed.extend([0, 1, 0x06, 0, 0, 9]);
    computed.extend((25_i64 << 16).to_be_bytes());
    computed.extend((90_i64 << 16).to_be_bytes());
    computed.extend([0; 4]);
    network.sees(START + 1, &Builder::new(0xC, SLAVE, 1).port(u64::MAX).octets(&computed));
    let told = |name| network.number("0", &["told_by_clocks", "001b19fffe000002-1", name, "last_ns"]);
    assert_eq!(told("own_offset_from_master"), Some(-1_500.0));
    assert_eq!(told("own_mean_path_delay"), Some(800.0));
    assert_eq!(told("own_offset_from_master_per_sync"), Some(25.0));
    assert_eq!(told("own_mean_path_delay_per_sync"), Some(90.0));
}

#[test]
fn domains_and_profiles_of_802_1as_are_apart() {
    let mut network = Network::default();
    peer_exchange(&mut network, true, true);
    peer_exchange(&mut network, false, true);
    assert_eq!(network.fact("gPTP 0", &["profile"]), Some(Value::from("IEEE 802.1AS")));
    assert_eq!(network.number("0", &["messages", "Pdelay_Req"]), Some(4.0));
}

fn codes_of_all(network: &Network) -> Vec<&'static str> {
    network.findings(Severity::Info).into_iter().map(|(code, ..)| code).collect()
}

#[test]
fn another_way_to_the_same_grandmaster_is_found() {
    let mut network = Network::default();
    (0..6).for_each(|s| network.sees(START + i64::from(s) * SECOND, &announce(OTHER, MASTER, s, 128)));
    (12..20).for_each(|s| network.sees(START + i64::from(s) * SECOND, &announce(MASTER, MASTER, s, 128)));
    assert!(codes_of_all(&network).contains(&"ptp.bmca-master-port-changed"), "{:?}", codes_of_all(&network));
}

#[test]
fn corrections_and_unicast_flags_that_can_not_be_are_found() {
    let mut network = Network::default();
    network.sees(START, &Builder::new(0x0, MASTER, 1).correction(2 * SECOND).time(START));
    assert_eq!(codes_of_all(&network), ["ptp.correction"]);
    let mut network = Network::default();
    network.sees(START, &Builder::new(0x0, MASTER, 1).flags(0x0400).time(START));
    assert_eq!(codes_of_all(&network), ["ptp.unicast-flag"]);
}

#[test]
fn steps_removed_and_a_timescale_that_change_are_found() {
    let mut network = Network::default();
    network.sees(START, &announce(MASTER, MASTER, 0, 128).flags(0x0008));
    let mut far = announce(MASTER, MASTER, 1, 128);
    far.body[28] = 255;
    network.sees(START + SECOND, &far);
    assert_eq!(codes_of_all(&network), ["ptp.steps-removed", "ptp.steps-removed-changed", "ptp.timescale-changed"]);
}

#[test]
fn answers_to_peer_delay_requests_that_do_not_fit_are_found() {
    let follow_up = |sequence| Builder::new(0xA, MASTER, sequence).time(START).port(SLAVE);
    let answer = |from| Builder::new(0x3, from, 1).flags(0x0200).time(START).port(SLAVE);
    let asked = || {
        let mut network = Network::default();
        network.sees(START, &Builder::new(0x2, SLAVE, 1).time(0).octets(&[0; 10]));
        network.sees(START + 1_000, &answer(MASTER));
        network
    };
    let mut network = asked();
    network.sees(START + 2_000, &answer(OTHER));
    assert_eq!(codes_of_all(&network), ["ptp.several-peers"]);
    let mut network = asked();
    (2..4).for_each(|n| network.sees(START + n * 1_000, &follow_up(1)));
    assert_eq!(codes_of_all(&network), ["ptp.peer-follow-up-repeated"]);
    let mut network = asked();
    network.sees(START + 2_000, &follow_up(9));
    assert_eq!(codes_of_all(&network), ["ptp.peer-follow-up-without-response"]);
}

#[test]
fn messages_of_domains_beyond_the_bound_are_counted() {
    let mut network = Network::default();
    for number in 0..258_u16 {
        let mut sync = Builder::new(0x0, MASTER, 1).time(START);
        (sync.domain, sync.sdo) = (number as u8, (number >> 8) as u8);
        network.sees(START, &sync);
    }
    assert_eq!(network.report(&[]).facts["messages_of_unfollowed_domains"], Value::Unsigned(2));
}
