//! What should be there and isn't: channels of a setup record, Sync of a master, bytes of a stream that nobody knows.

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Analysis, CaptureSummary, Finding, Severity};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::demo::{clocks, telemetry};
use streamlens_testing::{Host, Made, Tcp, tcp};

fn analysis(frames: &[Made]) -> Analysis {
    let mut engine =
        Engine::new(DecoderRegistry::with_builtins(), EngineOptions { threads: 1, ..EngineOptions::default() });
    frames.iter().for_each(|frame| engine.push(&frame.frame()));
    engine.finish(CaptureSummary::default())
}

fn of<'a>(analysis: &'a Analysis, code: &str) -> Vec<&'a Finding> {
    analysis.findings.iter().filter(|finding| finding.code == code).collect()
}

/// Behind Ethernet, IPv4, UDP.
const PAYLOAD: usize = 42;

#[test]
fn a_channel_that_the_setup_record_enables_and_that_never_came_is_a_warning() {
    let frames = telemetry::chapter10();
    assert!(of(&analysis(&frames), "chapter10.channel-absent").is_empty());
    // channel 3, whose packets begin behind the transfer header of four bytes
    let is_third = |frame: &&Made| frame.data.get(PAYLOAD + 4..PAYLOAD + 8) == Some(&[0x25, 0xEB, 3, 0]);
    let without: Vec<_> = frames.iter().filter(|frame| !is_third(frame)).cloned().collect();
    assert!(without.len() < frames.len());
    let analysis = analysis(&without);
    let [absent] = of(&analysis, "chapter10.channel-absent")[..] else { panic!("{:?}", analysis.findings) };
    assert_eq!(absent.severity, Severity::Warning);
    let says = "channel 3 (Avionics bus), 1553IN, is enabled in the setup record, and no packet of it came in 3.929 s";
    assert_eq!(absent.text, says);
}

#[test]
fn a_port_that_announces_itself_and_sends_no_sync_is_a_warning() {
    let later = |frame: &Made| Made { time: frame.time + 4_000_000_000, data: frame.data.clone() };
    let once = clocks::ptp_over_udp();
    let twice: Vec<_> = once.iter().cloned().chain(once.iter().map(later)).collect();
    assert!(of(&analysis(&twice), "ptp.announce-without-sync").is_empty());
    // another clock of the same grandmaster, of which nothing but announcements is there
    let is_announce = |frame: &&Made| frame.data[PAYLOAD] & 0x0F == 0x0B;
    let other = |frame: &Made| {
        let mut data = frame.data.clone();
        data[PAYLOAD + 27] = 0x77;
        // later than a copy would come, for its checksum is the same
        Made { time: frame.time + 2_000_000, data }
    };
    let silent: Vec<_> = twice.iter().filter(is_announce).map(other).collect();
    let mut both = [twice.clone(), silent.clone()].concat();
    both.sort_by_key(|frame| frame.time);
    // where no port sends any, so little may be for the capture
    assert!(of(&analysis(&silent), "ptp.announce-without-sync").is_empty());
    let analysis = analysis(&both);
    let [silent] = of(&analysis, "ptp.announce-without-sync")[..] else { panic!("{:?}", analysis.findings) };
    assert!(silent.text.contains("announced itself 8 times and sent no Sync"), "{}", silent.text);
}

#[test]
fn a_hole_in_a_stream_that_nobody_knows_is_a_warning() {
    let (a, b) = (Host::new([192, 0, 2, 1]), Host::new([192, 0, 2, 2]));
    let segment = |n: i64| {
        let head = Tcp { sequence: 1000 + n as u32 * 100, flags: 0x10, ..Tcp::default() };
        Made {
            time: 1_700_000_000_000_000_000 + n * 1_000_000_000,
            data: tcp((a, 4000), (b, 4001), head, &[n as u8; 100]),
        }
    };
    let whole: Vec<_> = (0..40).map(segment).collect();
    assert!(of(&analysis(&whole), "tcp.gap").is_empty());
    let without: Vec<_> = (0..40).filter(|n| !(7..9).contains(n)).map(segment).collect();
    let analysis = analysis(&without);
    let [hole] = of(&analysis, "tcp.gap")[..] else { panic!("{:?}", analysis.findings) };
    assert_eq!((hole.severity, hole.count), (Severity::Warning, 1));
    assert!(hole.text.starts_with("200 bytes of the stream"), "{}", hole.text);
    assert_eq!(hole.place.flow.as_deref(), Some("192.0.2.1:4000 -> 192.0.2.2:4001"));
}
