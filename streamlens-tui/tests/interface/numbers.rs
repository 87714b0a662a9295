//! What stands on the screen is what the document says.

use streamlens_model::Flow;
use streamlens_model::row::Cell;
use streamlens_tui::Options;

use crate::User;
use crate::feed::{EngineFeed, catalogue};

/// The figures of a flow's line by the document: exact ones.
fn expected(flow: &Flow) -> Vec<String> {
    let number = |number: u64| streamlens_model::words::grouped(number);
    let float = |number: f64| if number.fract() == 0.0 { number_text(number) } else { format!("{number:.1}") };
    let timing = &flow.timing_stats;
    let mut figures = vec![number(flow.total_packets), number(flow.total_bytes)];
    figures.extend(flow.bit_rate.map(float));
    figures.extend(timing.mean_ns.map(float));
    figures.extend(timing.p99_ns.map(number));
    figures.extend(timing.jitter_ns.map(float));
    figures
}

fn number_text(number: f64) -> String {
    streamlens_model::words::grouped(number as u64)
}

fn check(feed: EngineFeed, name: &str) -> usize {
    let columns = ["packets", "bytes", "rate", "dt", "p99", "jitter"].map(str::to_owned).to_vec();
    let options = Options { columns: Some(columns), catalogue: catalogue(), ..Options::default() };
    let mut user = User::of(feed, options);
    user.press("u");
    let height = 5 + 400;
    let screen = user.screen(280, height);
    let analysis = user.feed.report();
    let mut seen = 0;
    for flow in analysis.flows.iter().take(300) {
        let (src, dst) = (Cell::Endpoint(flow.key.src).to_string(), Cell::Endpoint(flow.key.dst).to_string());
        let vlan: String = flow.key.vlan.as_slice().iter().map(|id| format!(" v{id}")).collect();
        let figures = expected(flow);
        let is_its = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            line.contains(&format!("{src}{vlan} "))
                && (dst.is_empty() || line.contains(&format!(" {dst} ")))
                && figures.iter().all(|figure| words.contains(&figure.as_str()))
        };
        assert!(screen.lines().any(|line| is_its(&line)), "{name}: {} {figures:?}\n{screen}", flow.key);
        seen += 1;
    }
    seen
}

#[test]
fn figures_of_the_demo_are_those_of_the_document() {
    assert_eq!(check(EngineFeed::demo(), "demo"), 23);
}

#[test]
fn figures_of_captures_are_those_of_the_document() {
    let Some(corpus) = streamlens_testing::corpus() else { return };
    let captures = crate::corpus::captures(&corpus);
    // ten, from all over the corpus
    let chosen = captures.iter().step_by((captures.len() / 10).max(1)).take(10);
    let flows: usize =
        chosen.filter_map(|path| EngineFeed::open(path).map(|feed| check(feed, &path.display().to_string()))).sum();
    assert!(flows >= 10, "{flows} flows");
}
