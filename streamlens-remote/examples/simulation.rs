//! A thousand probes and their hub on this machine: what the hub costs, and what becomes of a restart.
//!
//! `cargo run --release -p streamlens-remote --example simulation -- [PROBES [SECONDS]]` starts two processes beside this one, a
//! hub and one that plays all probes, on loopback. Each probe has ten flows of five rows, all of which change each second; two of
//! the ten are seen by two others as well. It prints, and fails where a bound is not kept:
//!
//! - CPU time of the hub by that of inflating and parsing the same messages and nothing else, with no page open, and with one
//!   open on one probe;
//! - resident memory by probe and by row, less that of a hub without probes;
//! - probes that were late;
//! - after the hub was killed and started again: how long until all probes are back, and how many dials that took.

#![allow(clippy::print_stdout, reason = "this is what it is for")]
// an example reads the clock as any program does
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "it ends where something is wrong"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use futures_util::{SinkExt, StreamExt};
use streamlens_protocol::FlowUpdate;
use streamlens_remote::{Backoff, Hub, HubOptions, PROBE_PATH};
use streamlens_web::{Server, ServerLimits, ServerOptions};
use tokio_tungstenite::tungstenite::Message;

/// Flows of a probe, each of five rows.
const FLOWS: usize = 10;
/// Of these, seen by the next two probes as well.
const SHARED: usize = 2;
const ROWS: usize = FLOWS * 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number =
        |place: usize, default: usize| arguments.get(place).map_or(default, |text| text.parse().expect("a number"));
    match arguments.get(1).map(String::as_str) {
        Some("hub") => hub(arguments[2].parse().unwrap()),
        Some("probes") => probes(arguments[2].parse().unwrap(), number(3, 1_000)),
        _ => judge(number(1, 1_000), number(2, 20) as u64),
    }
}

/// The hub's process.
fn hub(address: SocketAddr) {
    let hub = Hub::new(HubOptions::default());
    let options = ServerOptions {
        listen: vec![address],
        limits: ServerLimits { connections: 4_096, ..ServerLimits::default() },
        routes: Some(hub.routes()),
        open_path: Some(PROBE_PATH),
        uploads: false,
        ..ServerOptions::default()
    };
    let server = Server::new(options).unwrap();
    hub.start(server.feeder()).unwrap();
    server.run(|address| println!("listens on {address}")).unwrap();
}

/// The process of all probes.
fn probes(hub: SocketAddr, count: usize) {
    let told: &'static Told = Box::leak(Box::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for number in 0..count {
            tokio::spawn(stay(hub, number, told));
        }
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let [dials, here, rows, bytes] = [&told.dials, &told.here, &told.rows, &told.bytes];
            let told = [dials, here, rows, bytes].map(|count| count.load(Ordering::Relaxed).to_string());
            println!("{}", told.join(" "));
        }
    });
}

#[derive(Default)]
struct Told {
    dials: AtomicU64,
    here: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// Dials again and again, as a probe does.
async fn stay(hub: SocketAddr, number: usize, told: &'static Told) {
    let mut backoff = Backoff::default();
    let mut random = number as u64 + 1;
    // they were not all started at once
    tokio::time::sleep(Duration::from_millis(number as u64 * 3 % 3_000)).await;
    loop {
        told.dials.fetch_add(1, Ordering::Relaxed);
        let mut is_welcome = false;
        let _ = connected(hub, number, told, &mut is_welcome).await;
        if is_welcome {
            told.here.fetch_sub(1, Ordering::Relaxed);
            backoff = Backoff::default();
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(backoff.wait(random)).await;
    }
}

type Failed = Box<dyn std::error::Error>;

/// One connection.
async fn connected(hub: SocketAddr, number: usize, told: &Told, is_welcome: &mut bool) -> Result<(), Failed> {
    let stream = tokio::net::TcpStream::connect(hub).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{hub}{PROBE_PATH}"), stream).await?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut seq = 0;
    loop {
        tokio::select! {
            heard = socket.next() => {
                let Message::Text(text) = heard.ok_or("gone")?? else { continue };
                let said: serde_json::Value = serde_json::from_str(&text)?;
                let answer = match said["type"].as_str() {
                    Some("hello") => hello(number),
                    Some("ping") => {
                        let now = streamlens_remote::now();
                        format!(r#"{{"type":"pong","id":{},"received":"{now}","sent":"{now}"}}"#, said["id"])
                    }
                    Some("fill") => {
                        *is_welcome = true;
                        told.here.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    _ => continue,
                };
                socket.send(Message::Text(answer.into())).await?;
            }
            _ = second.tick(), if *is_welcome => {
                seq += 1;
                let small = deflated(&update(number, seq));
                told.bytes.fetch_add(small.len() as u64, Ordering::Relaxed);
                told.rows.fetch_add(ROWS as u64, Ordering::Relaxed);
                socket.send(Message::Binary(small.into())).await?;
                let aggregates = deflated(&aggregates(number, seq));
                socket.send(Message::Binary(aggregates.into())).await?;
                let status = format!(r#"{{"type":"status","spool":{{"first":1,"next":{seq},"bytes":0,"dropped":0}},"load":0.1}}"#);
                socket.send(Message::Text(status.into())).await?;
            }
        }
    }
}

fn hello(number: usize) -> String {
    let probe = format!(
        r#"{{"id":"00000000-0000-4000-8000-{number:012x}","name":"probe-{number}","start":"2026-11-28T20:00:00Z"}}"#
    );
    let limits = r#"{"rows":2000,"message_bytes":1048576,"client_message_bytes":65536,"client_messages_per_second":20,
        "views":4,"watches":16,"at_ns":0,"upload_bytes":0,"analyses":16}"#;
    format!(
        r#"{{"type":"hello","id":0,"protocol":"streamlens.v1","version":"0.1.0","compression":"deflate-raw","limits":{limits},
        "analyses":[],"rights":{{"upload":false,"packets":false}},"probe":{probe}}}"#
    )
}

/// What a probe says of a second.
fn update(number: usize, seq: u64) -> String {
    let mut flows = String::new();
    for flow in 0..FLOWS {
        // the last ones are those of the probe before, and of the one before that
        let of = if flow >= FLOWS - SHARED { number / 3 * 3 } else { number };
        let [high, low] = (of as u16).to_be_bytes();
        let (src, dst) = (format!("10.{high}.{low}.{flow}"), format!("239.{high}.{low}.{flow}"));
        let packets = seq * 1_000 + (number + flow * 37) as u64;
        let bytes = packets * 1_342;
        let mix = |salt: u64| (packets ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
        let timing = format!(
            r#"{{"count":{},"min_ns":{},"max_ns":{},"mean_ns":{}.25,"std_dev_ns":{}.125,"jitter_ns":{}.5,"p50_ns":{},"p95_ns":{},"p99_ns":{},"outliers":{{"count":0}}}}"#,
            packets - 1,
            900_000 + mix(1) / 16,
            1_100_000 + mix(2) / 16,
            1_000_000 + mix(3) / 64,
            mix(4) / 32,
            mix(5) / 32,
            999_000 + mix(6) / 64,
            1_080_000 + mix(7) / 64,
            1_090_000 + mix(8) / 64
        );
        let rates =
            format!(r#""packet_rate":{}.0,"bit_rate_now":{}.0"#, 1_000 + mix(9) % 3, (1_000 + mix(9) % 3) * 10_736);
        let counts = format!(r#""packet_count":{packets},"byte_count":{bytes},{rates},"timing_stats":{timing}"#);
        let sums = format!(
            r#""received":{packets},"expected":{packets},"lost":0,"duplicated":0,"reordered":0,"restarts":0,"longest_gap":0,"jitter_ns":{}.75"#,
            mix(10)
        );
        let id = format!("0x{of:04X}{flow:04X}");
        let stream = format!(r#"{{"id":"{id}",{sums},"drift_ppm":1.5,"packet_rate":1000.0}}"#);
        let kind = format!(r#"{{"type_name":"L24/48000/2",{counts}}}"#);
        let encoding = format!(
            r#"{{"encoding_name":"RTP","confidence_score":0.999,{counts},"rows_below":2,"health":{{{sums},"streams":{{"{id}":{stream}}}}},"packet_types":{{"L24/48000/2":{kind}}}}}"#
        );
        let transport = format!(
            r#"{{"protocol_name":"UDP","port_info":{{"src_port":5004,"dst_port":5004}},{counts},"rows_below":1,"application_encodings":{{"RTP":{encoding}}}}}"#
        );
        let comma = if flow > 0 { "," } else { "" };
        flows.push_str(&format!(
            r#"{comma}"{src}:5004 -> {dst}:5004":{{"src":{{"address":"{src}","port":5004}},"dst":{{"address":"{dst}","port":5004}},"vlan":[],"traffic_type":"multicast","first_seen":"2026-11-28T20:00:00.000000000Z","last_seen":"{}","total_packets":{packets},"total_bytes":{bytes},"bit_rate":10736000.5,{rates},"timing_stats":{timing},"transports":["UDP"],"encodings":["RTP"],"lost":0,"expected":{packets},"transport_protocols":{{"UDP":{transport}}}}}"#,
            streamlens_remote::now()
        ));
    }
    let now = streamlens_remote::now();
    let packets = seq * 1_000 * FLOWS as u64;
    format!(
        r#"{{"type":"flow_update","timestamp":"{now}","sent":"{now}","start":"2026-11-28T20:00:00Z","analysis":"1","seq":{seq},"epoch":{seq},"view":1,"reset":{},"complete":true,"flows":{{{flows}}},"total":{ROWS},"total_flows":{FLOWS},"capture":{{"packets":{packets},"bytes":{},"flows":{FLOWS},"packets_in_flows":{packets},"packets_not_in_flows":0}}}}"#,
        seq == 1,
        packets * 1_342
    )
}

/// The figures of a second.
fn aggregates(number: usize, seq: u64) -> String {
    let [high, low] = (number as u16).to_be_bytes();
    let row = |flow| format!(r#"["10.{high}.{low}.{flow}:5004 -> 239.{high}.{low}.{flow}:5004",1000,1342000,0]"#);
    let rows: Vec<String> = (0..FLOWS).map(row).collect();
    let now = streamlens_remote::now();
    format!(
        r#"{{"type":"aggregates","live":true,"aggregates":[{{"number":{seq},"from":"{now}","to":"{now}","rows":[{}]}}]}}"#,
        rows.join(",")
    )
}

fn deflated(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A process of this program; it ends with this one.
struct Part {
    child: Child,
    last: Arc<std::sync::Mutex<String>>,
}

impl Part {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let last = Arc::<std::sync::Mutex<String>>::default();
        let (of_thread, lines) = (Arc::clone(&last), BufReader::new(child.stdout.take().unwrap()));
        std::thread::spawn(move || {
            lines.lines().map_while(Result::ok).for_each(|line| *of_thread.lock().unwrap() = line)
        });
        Self { child, last }
    }

    fn hub(address: SocketAddr) -> Self {
        let part = Self::start(&["hub", &address.to_string()]);
        while part.last.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(10));
        }
        part
    }

    /// What the probes said last: dials, probes that are let in, rows and bytes sent.
    fn told(&self) -> [u64; 4] {
        let line = self.last.lock().unwrap().clone();
        let mut numbers = line.split(' ').map(|number| number.parse().unwrap_or_default());
        [(); 4].map(|()| numbers.next().unwrap_or_default())
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// CPU time, to a hundredth of a second.
    fn cpu(&self) -> f64 {
        let text = self.read("stat");
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// Resident bytes.
    fn memory(&self) -> f64 {
        let text = self.read("status");
        let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a question by REST.
fn ask(hub: SocketAddr, path: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(hub).unwrap();
    let request = format!("GET /api/v1/{path} HTTP/1.1\r\nHost: {hub}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
}

/// Nanoseconds that this thread has run.
fn own_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Seconds that inflating and parsing takes, by row.
fn parsing() -> f64 {
    let messages: Vec<Vec<u8>> = (0..500).map(|number| deflated(&update(number, 77))).collect();
    let mut least = f64::MAX;
    for _ in 0..3 {
        let begin = own_cpu();
        for message in &messages {
            let mut text = Vec::new();
            DeflateDecoder::new(message.as_slice()).read_to_end(&mut text).unwrap();
            let update: FlowUpdate = serde_json::from_slice(&text).unwrap();
            assert_eq!(update.flows.len(), FLOWS);
        }
        least = least.min((own_cpu() - begin) / 1e9 / (messages.len() * ROWS) as f64);
    }
    least
}

fn wait_for(probes: &Part, count: usize) -> f64 {
    let begin = Instant::now();
    while probes.told()[1] < count as u64 {
        assert!(begin.elapsed() < Duration::from_secs(120), "{:?} of {count} probes are let in", probes.told());
        std::thread::sleep(Duration::from_millis(100));
    }
    begin.elapsed().as_secs_f64()
}

/// CPU time of the hub by row over so many seconds, and the most probes that were late at any second.
fn measure(hub: &Part, address: SocketAddr, probes: &Part, seconds: u64) -> (f64, usize) {
    let (cpu, rows, mut late) = (hub.cpu(), probes.told()[2], 0);
    for _ in 0..seconds.div_ceil(5) {
        std::thread::sleep(Duration::from_secs(5));
        let all = ask(address, "probes");
        late = late.max(all.as_array().unwrap().iter().filter(|probe| probe["state"] != "live").count());
    }
    ((hub.cpu() - cpu) / (probes.told()[2] - rows) as f64, late)
}

/// A page that looks at one probe, as the page does: it takes all that comes.
fn look(address: SocketAddr, analysis: &str) {
    let stream = TcpStream::connect(address).unwrap();
    let (mut socket, _) = tokio_tungstenite::tungstenite::client(format!("ws://{address}/stream"), stream).unwrap();
    let subscribe = format!(
        r#"{{"type":"subscribe","id":1,"view":1,"analysis":"{analysis}","depth":"flow","window":{{"from":0,"count":60}},"history":true,"findings":true}}"#
    );
    socket.send(Message::Text(subscribe.into())).unwrap();
    std::thread::spawn(move || while socket.read().is_ok() {});
}

fn judge(count: usize, seconds: u64) {
    let mut failed = Vec::new();
    let mut bound = |what: &str, value: f64, most: f64| {
        println!("{what}: {value:.2} (at most {most})");
        if value > most {
            failed.push(what.to_owned());
        }
    };
    let parse = parsing();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hub = Part::hub(address);
    std::thread::sleep(Duration::from_secs(1));
    let empty = hub.memory();
    let probes = Part::start(&["probes", &address.to_string(), &count.to_string()]);
    println!("{count} probes of {ROWS} rows were let in within {:.1} s", wait_for(&probes, count));
    std::thread::sleep(Duration::from_secs(5));
    let (alone, late) = measure(&hub, address, &probes, seconds);
    println!("parsing takes {:.2} us a row, the hub {:.2} us", parse * 1e6, alone * 1e6);
    bound("probes that were not live", late as f64, 0.0);
    bound("CPU of the hub by that of parsing", alone / parse, 2.5);
    let analyses = ask(address, "probes");
    look(address, analyses[count / 2]["analysis"].as_str().unwrap());
    std::thread::sleep(Duration::from_secs(2));
    let (looked_at, _) = measure(&hub, address, &probes, seconds);
    bound("CPU with a page open on one probe by that without", looked_at / alone, 1.2);
    let grown = hub.memory() - empty;
    let rows = (count * ROWS) as f64;
    println!(
        "memory: {:.1} MB empty, {:.1} MB more with probes, {:.0} bytes a row",
        empty / 1e6,
        grown / 1e6,
        grown / rows
    );
    let allowed = count as f64 * 100.0 * 1_024.0 + rows * 2_048.0;
    bound("memory by 100 KiB a probe and 2 KiB a row", grown / allowed, 1.0);
    let dials = probes.told()[0];
    drop(hub);
    // time enough to wait longer and longer
    std::thread::sleep(Duration::from_secs(8));
    let [tried, here, ..] = probes.told();
    assert_eq!(here, 0, "probes have seen that the hub is gone");
    let begin = Instant::now();
    let again = Part::hub(address);
    wait_for(&probes, count);
    bound("seconds until all were back after a restart", begin.elapsed().as_secs_f64(), 60.0);
    bound("dials of a probe while the hub was away", (tried - dials) as f64 / count as f64, 6.0);
    bound("dials of a probe once it was back", (probes.told()[0] - tried) as f64 / count as f64, 1.5);
    let (_, late) = measure(&again, address, &probes, 5);
    bound("probes that were not live then", late as f64, 0.0);
    assert!(failed.is_empty(), "not kept: {failed:?}");
}
