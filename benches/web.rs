//! What a server costs: `cargo bench -p streamlens-web --bench web` prints ratios of figures that one run has measured.
//!
//! With `--test` each part runs once in a small size, and the figures are not judged. The processor time of a server is that of
//! its own threads, which are known by their names; the clients are other threads of this process, which read and count messages.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Frame, FrameBatch, FrameSource, LinkType, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_live::{Reader, Update};
use streamlens_testing::{Host, Source, udp};
use streamlens_web::{Kind, Server, ServerOptions, Stopper, loopback};

const START: i64 = 1_700_000_000_000_000_000;
const TICK: Duration = Duration::from_millis(100);

/// Returns a frame of the flow with this number.
fn made(flow: u32) -> Vec<u8> {
    let [_, b, c, d] = flow.to_be_bytes();
    udp((Host::new([10, b, c, d]), 5000), (Host::new([10, 255, 0, 1]), 5001), &[0; 32])
}

fn push(batch: &mut FrameBatch, data: &[u8], time: i64) {
    let (time, original_length) = (Some(Timestamp::from_nanos(time)), data.len() as u32);
    batch.push(&Frame { number: 0, time, link_type: LinkType::ETHERNET, interface: 0, original_length, data });
}

/// Returns a source that gives a frame of each flow at first, and then every tenth of a second one of each of `changing` flows,
/// until `stop` is raised.
fn paced(flows: u32, changing: u32, stop: Arc<AtomicBool>) -> impl FrameSource + 'static {
    let (mut tick, mut next) = (0_i64, Instant::now());
    Source(move |batch: &mut FrameBatch| {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        next += TICK;
        let (count, step) = if tick == 0 { (flows, 1) } else { (changing, flows / changing) };
        let time = START + tick * TICK.as_nanos() as i64;
        (0..count).for_each(|flow| push(batch, &made(flow * step), time));
        tick += 1;
        true
    })
}

/// Returns a source of `frames` frames of 1,000 flows, a microsecond apart, that gives them as fast as they are read.
fn fast(frames: u64) -> impl FrameSource + 'static {
    let of: Vec<Vec<u8>> = (0..1_000).map(made).collect();
    let mut given = 0;
    Source(move |batch: &mut FrameBatch| {
        for _ in 0..(frames - given).min(4096) {
            push(batch, &of[given as usize % of.len()], START + given as i64 * 1_000);
            given += 1;
        }
        !batch.is_empty()
    })
}

fn engine() -> Engine {
    let options = EngineOptions { max_flows: 200_000, threads: 1, ..EngineOptions::live() };
    Engine::new(DecoderRegistry::with_builtins(), options)
}

/// A server on a thread of its own, which ends when this is dropped.
struct Running {
    address: SocketAddr,
    reader: Option<Reader>,
    stopper: Stopper,
    thread: Option<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Running {
    fn new(kind: Kind, source: Option<impl FrameSource + 'static>, stop: Arc<AtomicBool>) -> Self {
        let mut options = ServerOptions { listen: loopback(0)[..1].to_vec(), ..ServerOptions::default() };
        (options.limits.connections, options.limits.websockets) = (1_000, 1_000);
        let server = Server::new(options).expect("a server");
        let reader = source.map(|source| server.analyse("made", kind, source, engine(), &[]).expect("a thread"));
        let stopper = server.stopper();
        let (ready, address) = channel();
        let thread = std::thread::spawn(move || {
            server.run(move |address| ready.send(address).expect("it is waited for")).expect("it serves");
        });
        Self { address: address.recv().expect("an address"), reader, stopper, thread: Some(thread), stop }
    }

    /// Waits until the source of frames has ended.
    fn ended(&mut self) {
        let reader = self.reader.as_mut().expect("there is a source");
        while !matches!(reader.next(Duration::from_secs(1)), Update::End) {}
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("a connection");
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(head.as_bytes()).expect("it is taken");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.stopper.stop();
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Clients that each subscribe to 60 rows ten times a second, and the number of messages that each has received.
struct Clients {
    counts: Vec<Arc<AtomicU64>>,
    sockets: Vec<TcpStream>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Clients {
    fn new(running: &Running, count: usize) -> Self {
        let mut clients = Self { counts: Vec::new(), sockets: Vec::new(), threads: Vec::new() };
        for _ in 0..count {
            let socket = connect(running.address);
            let count = Arc::new(AtomicU64::new(0));
            let (of, reads) = (Arc::clone(&count), socket.try_clone().expect("a handle"));
            clients.threads.push(std::thread::spawn(move || {
                let mut reads = BufReader::new(reads);
                while message(&mut reads).is_some() {
                    of.fetch_add(1, Ordering::Relaxed);
                }
            }));
            clients.counts.push(count);
            clients.sockets.push(socket);
        }
        // all clients are subscribed when each has received two messages
        while clients.counts().iter().any(|count| *count < 2) {
            std::thread::sleep(Duration::from_millis(10));
        }
        clients
    }

    fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    /// Waits for `time`. Returns the number of messages that each client received, and the seconds of processor time that the server
    /// took.
    fn during(&self, time: Duration) -> (Vec<u64>, f64) {
        let (counts, cpu) = (self.counts(), server_cpu());
        std::thread::sleep(time);
        let cpu = server_cpu() - cpu;
        (self.counts().iter().zip(&counts).map(|(now, before)| now - before).collect(), cpu)
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.sockets.iter().for_each(|socket| drop(socket.shutdown(std::net::Shutdown::Both)));
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// Opens a WebSocket and subscribes.
fn connect(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "GET /stream HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it is taken");
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    let text = br#"{"type":"subscribe","id":1,"window":{"from":0,"count":60},"rate":10}"#;
    // the mask of a client is zeros here, which changes nothing
    let head = [&[0x81, 0x80 | text.len() as u8][..], &[0; 4]].concat();
    stream.write_all(&[&head, &text[..]].concat()).expect("it is taken");
    stream
}

/// Reads a message and drops it. Returns `None` at the end of the connection.
fn message(from: &mut impl Read) -> Option<()> {
    let mut head = [0; 2];
    from.read_exact(&mut head).ok()?;
    let mut longer = [0; 8];
    let length = match head[1] {
        126 => {
            from.read_exact(&mut longer[6..]).ok()?;
            u64::from_be_bytes(longer)
        }
        127 => {
            from.read_exact(&mut longer).ok()?;
            u64::from_be_bytes(longer)
        }
        length => length.into(),
    };
    std::io::copy(&mut from.take(length), &mut std::io::sink()).ok().filter(|read| *read == length).map(drop)
}

/// Returns the seconds of processor time that the threads of the server have taken so far; 0 if the system has no /proc.
fn server_cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<u64> =
            rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        name.starts_with("streamlens-").then(|| fields.iter().sum::<u64>())
    });
    ticks.sum::<u64>() as f64 / 100.0
}

/// Returns the frames a second of a server with a number of clients; of the engine alone if `clients` is `None`.
fn speed(frames: u64, clients: Option<usize>) -> f64 {
    let Some(clients) = clients else {
        let (mut engine, mut source) = (engine(), fast(frames));
        let begun = Instant::now();
        engine.run(|batch| source.read_batch(batch)).expect("frames");
        return frames as f64 / begun.elapsed().as_secs_f64();
    };
    // the first frame waits until the clients have connected
    let (go, is_there) = channel::<()>();
    let (mut source, mut has_begun) = (fast(frames), false);
    let source = Source(move |batch: &mut FrameBatch| {
        if !std::mem::replace(&mut has_begun, true) {
            let _ = is_there.recv();
        }
        source.read_batch(batch).expect("frames")
    });
    let mut running = Running::new(Kind::Capture, Some(source), Arc::default());
    let sockets: Vec<TcpStream> = (0..clients).map(|_| connect(running.address)).collect();
    for socket in &sockets {
        let mut reads = BufReader::new(socket.try_clone().expect("a handle"));
        std::thread::spawn(move || while message(&mut reads).is_some() {});
    }
    let begun = Instant::now();
    go.send(()).expect("it is waited for");
    running.ended();
    let took = begun.elapsed();
    sockets.iter().for_each(|socket| drop(socket.shutdown(std::net::Shutdown::Both)));
    frames as f64 / took.as_secs_f64()
}

/// Returns the seconds of processor time that a server takes per second, with a number of flows and clients.
fn cpu(flows: u32, changing: u32, clients: usize, time: Duration) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let running = Running::new(Kind::Replay(1.0), Some(paced(flows, changing, Arc::clone(&stop))), stop);
    let clients = Clients::new(&running, clients);
    // the first messages and the first second of rates are not measured: waits until messages come at their steady pace
    for _ in 0..60 {
        let (counts, _) = clients.during(time / 10);
        if counts.into_iter().min() >= Some((time / 10).as_millis() as u64 / 125) {
            break;
        }
    }
    clients.during(time / 4);
    clients.during(time).1 / time.as_secs_f64()
}

/// Returns the messages a second of the slowest of 20 clients, without and with another client that never reads.
fn least(time: Duration) -> (f64, f64) {
    let stop = Arc::new(AtomicBool::new(false));
    let running = Running::new(Kind::Replay(1.0), Some(paced(1_000, 1_000, Arc::clone(&stop))), stop);
    let clients = Clients::new(&running, 20);
    let rate = || clients.during(time).0.into_iter().min().unwrap_or_default() as f64 / time.as_secs_f64();
    let without = rate();
    let never = connect(running.address);
    let with = rate();
    drop(never);
    (without, with)
}

/// Uploads a capture of about `bytes` bytes. Returns the seconds until its first row is there, and until all of it is analysed.
fn upload(bytes: usize) -> (f64, f64) {
    let running = Running::new(Kind::Capture, None::<Source<fn(&mut FrameBatch) -> bool>>, Arc::default());
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    let mut piece = Vec::new();
    for number in 0..1_000_u32 {
        let mut frame = made(number);
        frame.resize(1_000, 0);
        let length = (frame.len() as u32).to_le_bytes();
        piece.extend([1_700_000_000_u32.to_le_bytes(), number.to_le_bytes(), length, length].concat());
        piece.extend(frame);
    }
    let mut stream = TcpStream::connect(running.address).expect("a connection");
    let pieces = bytes / piece.len();
    let head = format!(
        "POST /api/v1/analyses HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {}\r\n\r\n",
        running.address,
        file.len() + pieces * piece.len()
    );
    let begun = Instant::now();
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            while !running.get("/api/v1/analyses/1/flows?count=1").contains("\"flows\":{\"") {
                std::thread::sleep(Duration::from_millis(5));
            }
            begun.elapsed()
        });
        file.splice(0..0, head.into_bytes());
        stream.write_all(&file).expect("it is taken");
        (0..pieces).for_each(|_| stream.write_all(&piece).expect("it is taken"));
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        first.join().expect("rows")
    });
    (first.as_secs_f64(), begun.elapsed().as_secs_f64())
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let time = Duration::from_secs(if is_test { 1 } else { 10 });
    let (frames, many) = if is_test { (50_000, 20) } else { (10_000_000, 200) };
    let (alone, none, some) = (speed(frames, None), speed(frames, Some(0)), speed(frames, Some(many)));
    println!("frames a second: the engine alone {alone:.0}, served {none:.0}, with {many} clients {some:.0}");
    println!("served : alone = {:.3} (at least 0.99)", none / alone);
    println!("with clients : without = {:.3} (at least 0.85)", some / none);
    let flows = if is_test { 4_000 } else { 100_000 };
    let (large, small) = (cpu(flows, 1_000, 20, time), cpu(1_000, 1_000, 20, time));
    println!("processor with {flows} flows of which 1000 change {large:.3}, with 1000 {small:.3}");
    println!("ratio = {:.2} (at most 1.5)", large / small);
    let (few, all) = (cpu(1_000, 1_000, many / 10, time), cpu(1_000, 1_000, many, time));
    println!(
        "processor with {} clients {few:.3}, with {many} {all:.3}; ratio = {:.2} (at most 8)",
        many / 10,
        all / few
    );
    let (without, with) = least(time);
    println!("least messages a second {without:.2}, beside one that never reads {with:.2}");
    println!("ratio = {:.3} (at least 0.98)", with / without);
    let (first, all) = upload(if is_test { 20_000_000 } else { 1_000_000_000 });
    println!(
        "first row of an upload after {first:.3} s, all after {all:.3} s; ratio = {:.4} (at most 0.05)",
        first / all
    );
}
