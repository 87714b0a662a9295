//! What findings say on captures that showed it wrong once: what tells them apart, their counts, words and gravity.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use streamlens::Analyzer;
use streamlens::engine::{DecodeAs, EngineOptions};
use streamlens::model::stats::Gap;
use streamlens::model::{Analysis, Finding, Frame, LinkType, Severity, StreamHealth, Transport};
use streamlens::pcap::CaptureReader;

use crate::corpus;

/// The analysis of a capture of the corpus; `None` where there is no corpus, which `corpus` says loudly.
fn analysis(name: &str) -> Option<Analysis> {
    Some(analyse(&corpus()?.join("captures").join(name), EngineOptions::default()))
}

fn analyse(capture: &Path, options: EngineOptions) -> Analysis {
    let analyzer = Analyzer { options, ..Analyzer::default() };
    analyzer.run_files(&[capture]).unwrap_or_else(|error| panic!("{error}"))
}

fn of<'a>(analysis: &'a Analysis, code: &str) -> Vec<&'a Finding> {
    analysis.findings.iter().filter(|finding| finding.code == code).collect()
}

fn texts<'a>(analysis: &'a Analysis, code: &str) -> Vec<&'a str> {
    of(analysis, code).into_iter().map(|finding| finding.text.as_str()).collect()
}

fn streams(analysis: &Analysis) -> impl Iterator<Item = &StreamHealth> {
    analysis.flows.iter().flat_map(|flow| flow.encodings()).flat_map(|encoding| &encoding.health.streams)
}

#[test]
fn an_exception_does_not_stand_for_others() {
    for name in ["industrial/modbus-test-data-part2.pcap", "industrial/modbus-2502-split-responses.pcap"] {
        let Some(analysis) = analysis(name) else { return };
        let mut told: Vec<_> = of(&analysis, "modbus.exception").iter().map(|one| (&one.place, &one.text)).collect();
        let all = told.len();
        told.sort();
        told.dedup();
        assert!(told.len() == all && all > 5, "{name}: {all} findings, {} sentences", told.len());
    }
}

#[test]
fn a_normal_start_of_ethercat_is_no_warning_and_each_state_has_its_line() {
    let Some(analysis) = analysis("industrial/ethercat-el2828-el2889.pcapng") else { return };
    let station = |finding: &&Finding| finding.text.starts_with("station 0x1001 ");
    let changes: Vec<_> = of(&analysis, "ethercat.state-changed").into_iter().filter(station).collect();
    let texts: Vec<_> = changes.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(changes.iter().all(|finding| finding.count == 1 && finding.severity == Severity::Info), "{texts:?}");
    assert!(texts[0].contains("INIT to PREOP") && texts[0].contains("now OP"), "{texts:?}");
    // their error bits were left by the run before, and were acknowledged
    let left = of(&analysis, "ethercat.al-status");
    assert!(left.len() == 3 && left.iter().all(|one| one.severity == Severity::Info), "{left:?}");
    assert!(analysis.findings.iter().all(|one| one.severity == Severity::Info), "a normal start");
}

#[test]
fn a_loss_counts_its_gaps_and_lists_them() {
    let Some(analysis) = analysis("flight-test/gen_iena_3keys.pcap") else { return };
    for finding in of(&analysis, "iena.loss") {
        let stream = streams(&analysis).find(|one| finding.place.stream.as_deref() == Some(&one.id)).expect("a stream");
        assert_eq!((finding.packets, Some(finding.count)), (stream.lost, stream.gap_count), "{}", finding.text);
        let listed: u64 = stream.gaps.iter().map(|gap| gap.packets).sum();
        assert!(listed == stream.lost.unwrap_or(0) || stream.gaps.len() as u64 == 32, "{:?}", stream.gaps);
        let first = stream.gaps.first().map(|gap: &Gap| gap.at);
        assert!(first == Some(finding.first), "{}: the first gap is the first occurrence", finding.text);
    }
    let counts: Vec<_> = of(&analysis, "iena.loss").iter().map(|one| (one.count, one.packets)).collect();
    assert!(counts.iter().any(|(gaps, packets)| *gaps < packets.unwrap_or(0)), "{counts:?}");
}

#[test]
fn lost_datagrams_and_what_they_carried_are_not_added_up() {
    let Some(analysis) = analysis("flight-test/gen_ch10udp_formats.pcap") else { return };
    let encodings = analysis.flows.iter().flat_map(|flow| flow.encodings());
    for encoding in encodings.filter(|encoding| encoding.encoding_name == "Chapter10") {
        let sum = |is_carrier| {
            let of = encoding.health.streams.iter().filter(|stream| stream.is_carrier == is_carrier);
            of.filter_map(|stream| stream.lost).sum::<u64>()
        };
        assert!(encoding.health.streams.iter().any(|stream| stream.is_carrier));
        assert_eq!(encoding.health.sums().lost, Some(sum(true).max(sum(false))));
    }
    assert!(of(&analysis, "chapter10.incomplete-packet").iter().all(|one| one.severity < Severity::Error));
}

#[test]
fn a_clock_drift_is_that_of_an_oscillator_or_absent() {
    let Some(analysis) = analysis("flight-test/gen_iena_3keys.pcap") else { return };
    for stream in streams(&analysis) {
        assert!(stream.drift_ppm.is_none_or(|ppm| ppm.abs() < 50.0), "{}: {:?}", stream.id, stream.drift_ppm);
    }
}

/// A capture without one of its frames.
fn without(capture: &Path, left_out: u64) -> Analysis {
    let mut reader = CaptureReader::open(capture).unwrap_or_else(|error| panic!("{error}"));
    let mut engine = streamlens::engine::Engine::new(
        streamlens::registry::DecoderRegistry::with_builtins(),
        EngineOptions { threads: 1, ..EngineOptions::default() },
    );
    let mut number = 0;
    while let Some(frame) = reader.next_frame().unwrap_or_else(|error| panic!("{error}")) {
        if frame.number != left_out {
            number += 1;
            engine.push(&Frame { number, ..frame });
        }
    }
    engine.finish(Default::default())
}

#[test]
fn a_hole_in_a_tcp_stream_is_one_loss_and_reorders_nothing() {
    let Some(corpus) = corpus() else { return };
    let analysis = without(&corpus.join("captures/broadcast/ndi-tcp.pcap"), 100);
    let gaps = of(&analysis, "tcp.gap");
    let [gap] = gaps.as_slice() else { panic!("{} gaps", gaps.len()) };
    assert_eq!(gap.text, "1,448 bytes of the stream in front of this frame are not in the capture");
    assert!(gap.first.frame >= 100 && gap.first.time.is_some());
    let transports = analysis.flows.iter().flat_map(|flow| &flow.transport_protocols);
    assert!(transports.clone().all(|of| !of.metadata.contains_key("out_of_order_segments")));
    let lost: u64 = transports.flat_map(|of| &of.application_encodings).filter_map(|of| of.health.sums().lost).sum();
    assert_eq!(lost, 1, "it counts as loss of its encoding");
}

#[test]
fn a_capture_of_which_nothing_can_be_read_says_so() {
    for name in ["link/nflog-http.pcap", "link/unsupported-pktap.pcap", "link/unsupported-802154.pcap"] {
        let Some(analysis) = analysis(name) else { return };
        let found = of(&analysis, "capture.nothing-read");
        let is_said = found.len() == 1 && found[0].severity == Severity::Error && found[0].text.contains("be read: ");
        assert!(is_said || !analysis.flows.is_empty(), "{name}");
    }
}

#[test]
fn a_rule_that_decodes_nothing_says_so() {
    let Some(corpus) = corpus() else { return };
    let capture = corpus.join("captures/broadcast/sap-sdp-l16-ffmpeg.pcap");
    for (port, encoding, says) in [
        (5010, "RTP", None),
        (9, "RTP", Some("no flow has packets")),
        (5010, "IENA", Some("none of the payloads could be decoded as IENA")),
    ] {
        let selector =
            Arc::new(move |key: &streamlens::model::FlowKey, of| of == Transport::UDP && key.dst.port == Some(port));
        let rule =
            DecodeAs { selector, encoding_name: encoding.into(), rule: format!("-d udp.port=={port},{encoding}") };
        let analysis = analyse(&capture, EngineOptions { decode_as: vec![rule], ..EngineOptions::default() });
        let texts = texts(&analysis, "decode-as.nothing");
        assert!(texts.len() == usize::from(says.is_some()), "{texts:?}");
        assert!(texts.iter().all(|text| says.is_some_and(|says| text.contains(says))), "{texts:?}");
    }
}

/// A relay that sends a call back to who sent it makes no second way to the receiver.
#[test]
fn an_echo_is_no_redundant_pair() {
    let Some(analysis) = analysis("negative/KakaoTalk_talk.pcap") else { return };
    assert_eq!(analysis.findings.iter().filter(|one| one.code.starts_with("st2022-7")).count(), 0);
}

#[test]
fn a_pair_that_is_whole_after_merging_has_no_error() {
    let Some(analysis) = analysis("broadcast/st2022-7-pair-l24.pcap") else { return };
    let losses = of(&analysis, "rtp.loss");
    assert_eq!(losses.len(), 2);
    let is_whole = |finding: &&Finding| {
        finding.severity == Severity::Warning && finding.text.ends_with("all of them came by the other path")
    };
    assert!(losses.iter().all(is_whole), "{:?}", texts(&analysis, "rtp.loss"));
    assert!(analysis.findings.iter().all(|finding| finding.severity < Severity::Error));
    let backwards = of(&analysis, "capture.time-backwards");
    assert!(backwards.iter().all(|one| one.severity == Severity::Info && one.first.frame > 1), "{backwards:?}");
}

#[test]
fn time_that_runs_backwards_names_its_frame() {
    let Some(corpus) = corpus() else { return };
    let mut found = 0;
    for folder in ["broadcast", "ptp", "link"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).expect("the folder is there") {
            let path: PathBuf = entry.expect("an entry").path();
            let Ok(mut reader) = CaptureReader::open(&path) else { continue };
            let (mut before, mut first) = (None, None);
            let mut is_plain = true;
            while let Ok(Some(frame)) = reader.next_frame() {
                is_plain &= frame.interface == 0 && frame.link_type != LinkType::CHAPTER10_FILE;
                if frame.time < before && frame.time.is_some() && first.is_none() {
                    first = Some(frame.number);
                }
                before = frame.time.or(before);
            }
            if !is_plain || first.is_none() {
                continue;
            }
            let analysis = analyse(&path, EngineOptions::default());
            let said = of(&analysis, "capture.time-backwards").first().map(|finding| finding.first.frame);
            assert_eq!(said, first, "{}", path.display());
            found += 1;
        }
    }
    assert!(found >= 3, "{found} captures");
}

#[test]
fn clocks_that_are_off_are_found() {
    let Some(analysis) = analysis("flight-test/mpegts_input.pcap") else { return };
    let codes: Vec<_> = analysis.findings.iter().map(|finding| finding.code.as_ref()).collect();
    assert!(codes.contains(&"inetx.time-jump") || codes.contains(&"inetx.clock-offset"), "{codes:?}");
}

/// What is wrong with a sentence: a noun that does not go with its number, a long number in one piece, a unit too small.
fn wrong(text: &str) -> Option<&'static str> {
    const NOUNS: [&str; 22] = [
        "packet", "frame", "byte", "flow", "time", "number", "message", "request", "word", "datagram", "segment",
        "gap", "sample", "picture", "response", "answer", "station", "cycle", "silence", "tick", "unit", "interval",
    ];
    const UNITS: [&str; 4] = ["ns", "\u{b5}s", "ms", "s"];
    let words = text.split(' ').map(|word| word.trim_matches([',', ';', ':', '(', ')']));
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let is_whole = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    for three in words.windows(3) {
        let [before, number, noun] = three else { continue };
        let named = NOUNS.iter().find(|known| noun.strip_suffix('s').unwrap_or(noun) == **known);
        // numbers are identifiers behind these
        let is_name =
            ["PID", "channel", "unit", "key", "port", "Sync", "Delay_Req", "Pdelay_Req", "year", "RFC", "Function"];
        if let (Some(_), true) = (named, is_whole(number)) {
            match (*number == "1", noun.ends_with('s')) {
                (true, true) => return Some("one of several"),
                // `17 packet times` and `a 10 byte frame` are compounds
                (false, false) if !text.contains(&format!("{number} {noun} ")) => return Some("several of one"),
                _ => {}
            }
        }
        let is_count = is_whole(number) && (named.is_some() || ["of", "from", "are", "is"].contains(noun));
        if is_count && number.len() > 3 && !is_name.contains(before) {
            return Some("a long number in one piece");
        }
        let figure = number.trim_start_matches('-').split('.').next().unwrap_or_default();
        if UNITS.contains(noun) && is_whole(figure) && figure.len() > 3 {
            return Some("a unit too small");
        }
    }
    None
}

#[test]
fn what_is_wrong_with_sentences_is_seen() {
    for text in [
        "the 1 packets are missing",
        "all 2848 of 3,304 bytes came",
        "it says 1038 bytes",
        "it jumps by 2099852000 ns in all",
        "a time of 3600.010 s went by",
        "there are 3 gap",
    ] {
        assert!(wrong(text).is_some(), "{text}");
    }
    for text in [
        "the 1 packet is missing",
        "all 2,848 of 3,304 bytes came",
        "Pdelay_Req 40520 of a port",
        "above 17 packet times",
    ] {
        assert_eq!(wrong(text), None, "{text}");
    }
}

#[test]
fn sentences_agree_with_their_counts() {
    let Some(corpus) = corpus() else { return };
    let (mut sentences, mut found) = (0, Vec::new());
    for folder in ["broadcast", "ptp", "industrial", "flight-test", "reports", "link", "malformed", "negative"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            if CaptureReader::open(&path).is_err() {
                continue;
            }
            let analysis = analyse(&path, EngineOptions::default());
            let warnings = analysis.capture.warnings.iter().map(|warning| warning.text.as_str());
            for text in analysis.findings.iter().map(|finding| finding.text.as_str()).chain(warnings) {
                sentences += 1;
                found.extend(wrong(text).map(|what| format!("{what}: {text}")));
            }
        }
    }
    assert!(sentences > 500 && found.is_empty(), "of {sentences}: {found:#?}");
}

/// Captures whose sentences showed something wrong once, or that show what others do not.
const SENTENCES: [&str; 14] = [
    "broadcast/ndi-tcp.pcap",
    "broadcast/rtp-opus-loss-reorder-dup.pcap",
    "broadcast/sap-sdp-l16-ffmpeg.pcap",
    "broadcast/st2022-7-pair-l24.pcap",
    "flight-test/gen_ch10udp_formats.pcap",
    "flight-test/gen_iena_3keys.pcap",
    "flight-test/mpegts_input.pcap",
    "flight-test/sample.c10",
    "industrial/ethercat-el2828-el2889.pcapng",
    "industrial/modbus-2502-split-responses.pcap",
    "industrial/modbus-test-data-part2.pcap",
    "industrial/profinet-io-cm-connect.pcapng",
    "link/unsupported-802154.pcap",
    "ptp/ptp4l-gm-change.pcap",
];

/// All sentences of these captures are as they were reviewed; `STREAMLENS_BLESS=1` writes them anew.
#[test]
fn sentences_are_as_reviewed() {
    use std::fmt::Write as _;
    let Some(corpus) = corpus() else { return };
    let mut all = String::new();
    for name in SENTENCES {
        let analysis = analyse(&corpus.join("captures").join(name), EngineOptions::default());
        let _ = writeln!(all, "{name}");
        for finding in &analysis.findings {
            let Finding { code, severity, count, packets, first, place, text, .. } = finding;
            let packets = packets.map_or_else(String::new, |packets| format!(", {packets} missing"));
            let stream = place.stream.as_ref().map_or_else(String::new, |stream| format!(" {stream}:"));
            let _ = writeln!(all, "  {severity:?} {code} x{count}{packets} @{}:{stream} {text}", first.frame);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/sentences.txt");
    if std::env::var_os("STREAMLENS_BLESS").is_some() {
        std::fs::write(&path, &all).expect("it can be written");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(all == reviewed, "{} is another; STREAMLENS_BLESS=1 writes it anew:\n{all}", path.display());
}

/// A sender that writes Unix time into its reports (RFC 3550 has NTP's) is no clock of 2071.
#[test]
fn sender_reports_in_unix_time_are_told_as_such() {
    let Some(analysis) = analysis("negative/sip.pcap") else { return };
    let [text] = texts(&analysis, "rtcp.clock-offset")[..] else { panic!("{:?}", analysis.findings) };
    assert!(
        text.contains("counts from 1970 and not from 1900") && text.ends_with(", since its first report"),
        "{text}"
    );
    let is_dated = |stream: &StreamHealth| stream.measures.keys().any(|name| name.contains("wall_clock"));
    assert!(!streams(&analysis).any(is_dated));
}

/// Its last frame is years before the first: each finding has the time of the frame that it names.
#[test]
fn the_first_frame_has_its_own_time_where_times_run_backwards() {
    let Some(analysis) = analysis("link/cisco-hdlc.pcap") else { return };
    let at = |code: &str| of(&analysis, code).first().map(|one| (one.first, one.last)).expect("it is found");
    let ((first, last), (back, _)) = (at("capture.nothing-read"), at("capture.time-backwards"));
    assert_eq!((first.frame, last.frame, back.frame), (1, 3, 3));
    assert_eq!((last.time, back.time), (analysis.capture.first_seen, analysis.capture.first_seen));
    assert!(first.time > last.time, "{first:?} {last:?}");
}
