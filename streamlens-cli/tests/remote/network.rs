//! A hub and three probes in network namespaces, joined by virtual interfaces that the test makes and deletes.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::unistd::Uid;
use serde_json::Value;

use super::common::{pcap, rtp, udp};
use super::lab::{Lab, Process, encoded, named};

const SHARED: &str = "10.0.0.9:5004 -> 239.1.1.1:5004";
const NAMES: [&str; 3] = ["studio-a", "studio-b", "studio-c"];
const HUB_PORT: u16 = 8443;

/// Namespaces of a hub and its probes, each of which has a link to the hub.
struct Network {
    hub: String,
    probes: [String; 3],
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

impl Network {
    fn new() -> Result<Self, String> {
        if !Uid::effective().is_root() {
            return Err("namespaces need root".to_owned());
        }
        let tag = format!("slr{}", std::process::id());
        let network = Self { hub: format!("{tag}h"), probes: [1, 2, 3].map(|number| format!("{tag}p{number}")) };
        ip(&["netns", "add", &network.hub])?;
        ip(&["-n", &network.hub, "link", "set", "lo", "up"])?;
        for (number, space) in (1..).zip(&network.probes) {
            ip(&["netns", "add", space])?;
            let (near, far) = (format!("h{number}"), "up0");
            ip(&["link", "add", &near, "netns", &network.hub, "type", "veth", "peer", "name", far, "netns", space])?;
            for (space, interface, host) in [(&network.hub, near.as_str(), 1), (space, far, 2)] {
                ip(&["-n", space, "addr", "add", &format!("10.77.{number}.{host}/24"), "dev", interface])?;
                ip(&["-n", space, "link", "set", interface, "up"])?;
            }
        }
        Ok(network)
    }

    /// The command in a namespace.
    fn command(lab: &Lab, space: &str, arguments: &[&str]) -> Command {
        let plain = lab.command(arguments);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", space]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(&lab.0).env("XDG_STATE_HOME", &lab.0);
        command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        command
    }

    /// Asks the hub within its namespace.
    fn ask(&self, path: &str, token: &str) -> Value {
        let space = File::open(format!("/run/netns/{}", self.hub)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], HUB_PORT));
        let bytes = std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                setns(space, CloneFlags::CLONE_NEWNET).unwrap();
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                let head = format!("Host: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n");
                stream.write_all(format!("GET /api/v1/{path} HTTP/1.1\r\n{head}\r\n").as_bytes()).unwrap();
                let mut bytes = Vec::new();
                let _ = stream.read_to_end(&mut bytes);
                bytes
            });
            asked.join().unwrap()
        });
        let text = String::from_utf8(bytes).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap_or_default().1).unwrap_or_default()
    }

    fn until(&self, path: &str, token: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..600 {
            let answer = self.ask(path, token);
            if is_so(&answer) {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{path}: {:#}", self.ask(path, token));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for space in self.probes.iter().chain([&self.hub]) {
            let _ = ip(&["netns", "del", space]);
        }
    }
}

/// What a probe sees: a stream of its own, and one that all see, of which each misses something else.
fn capture(lab: &Lab, number: u8) -> String {
    let mut frames = Vec::new();
    for step in 0..160_u16 {
        let at = u32::from(step) * 50;
        frames.push((at, udp((number, 4000), (100, 4000), b"its own")));
        if step % 40 != u16::from(number) {
            let mut shared = udp((9, 5004), (1, 5004), &rtp(step));
            shared[30..34].copy_from_slice(&[239, 1, 1, 1]);
            frames.push((at + 10, shared));
        }
    }
    let name = format!("{number}.pcap");
    std::fs::write(lab.0.join(&name), pcap(&frames)).unwrap();
    name
}

/// Packets of a flow by the second, as the command counts them.
fn truth(document: &Value, port: u16) -> BTreeMap<String, u64> {
    let flow = document["flows"].as_array().unwrap().iter().find(|flow| flow["src"]["port"] == port).unwrap();
    let of = |interval: &Value| (interval["start"].as_str().unwrap().to_owned(), interval["packets"].as_u64().unwrap());
    flow["intervals"].as_array().unwrap().iter().map(of).filter(|(_, packets)| *packets > 0).collect()
}

#[test]
fn three_probes_across_links_one_of_which_is_cut() {
    let network = match Network::new() {
        Ok(network) => network,
        Err(why) => {
            let message = format!("NETWORK TEST NOT RUN: three probes across links: {why}");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            return eprintln!("\n******** {message} ********\n");
        }
    };
    let lab = Lab::new();
    let page = lab.output(&["token"]).trim().to_owned();
    std::fs::write(lab.0.join("page"), &page).unwrap();
    let listen = format!("0.0.0.0:{HUB_PORT}");
    for name in NAMES {
        std::fs::write(lab.0.join(name), lab.output(&["token", "--token-dir", "tokens", "--name", name])).unwrap();
    }
    let arguments = ["hub", "--listen", &listen, "--token-file", "page", "--token-dir", "tokens"];
    let hub = Process::start(Network::command(&lab, &network.hub, &arguments));
    hub.line_with("shows the flows");
    let captures = [1, 2, 3].map(|number| capture(&lab, number));
    let mut probes = Vec::new();
    for (number, (name, capture)) in (1..).zip(NAMES.iter().zip(&captures)) {
        let url = format!("ws://10.77.{number}.1:{HUB_PORT}");
        let arguments = ["probe", "--replay", capture, "--hub", &url, "--token-file", name, "--name", name];
        probes.push(Process::start(Network::command(&lab, &network.probes[number - 1], &arguments)));
    }
    // one link is cut while frames come, until the hub hears nothing
    let first = &network.probes[0];
    network.until("probes", &page, |all| named(all, NAMES[0]).is_some_and(|probe| probe["frames"].as_u64() > Some(0)));
    ip(&["-n", first, "link", "set", "up0", "down"]).unwrap();
    network.until("probes", &page, |all| named(all, NAMES[0]).is_some_and(|probe| probe["state"] == "late"));
    ip(&["-n", first, "link", "set", "up0", "up"]).unwrap();
    for (name, capture) in NAMES.iter().zip(&captures) {
        let document: Value =
            serde_json::from_str(&lab.output(&["--format", "json", "--interval", "1s", capture])).unwrap();
        let frames = document["capture"]["packets"].clone();
        let all = network.until("probes", &page, |all| {
            named(all, name)
                .is_some_and(|probe| probe["state"] == "live" && probe["frames"] == frames && probe["pending"] == 0)
        });
        // its rows are those of its own document, and its seconds as well
        let analysis = named(&all, name).unwrap()["analysis"].as_str().unwrap().to_owned();
        let page_of = network.until(&format!("analyses/{analysis}/flows"), &page, |page| page["total_flows"] == 2);
        for flow in document["flows"].as_array().unwrap() {
            let key = format!(
                "{}:{} -> {}:{}",
                flow["src"]["address"].as_str().unwrap(),
                flow["src"]["port"],
                flow["dst"]["address"].as_str().unwrap(),
                flow["dst"]["port"]
            );
            for field in ["total_packets", "total_bytes", "first_seen", "last_seen"] {
                assert_eq!(page_of["flows"][&key][field], flow[field], "{name} {key} {field}");
            }
            let port = u16::try_from(flow["src"]["port"].as_u64().unwrap()).unwrap();
            let wanted = truth(&document, port);
            let path = format!("probes/{name}/series?flow={}", encoded(&key));
            network.until(&path, &page, |series| {
                let seconds = series["seconds"].as_array().into_iter().flatten();
                let of =
                    |second: &Value| (second["from"].as_str().unwrap().to_owned(), second["packets"].as_u64().unwrap());
                let shown: BTreeMap<String, u64> = seconds.map(of).filter(|(_, packets)| *packets > 0).collect();
                shown == wanted && series["gaps"].as_array().is_some_and(Vec::is_empty)
            });
        }
    }
    // what all see is one row, and nothing is tripled
    let all = network.until("analyses/1/flows?depth=stream", &page, |page| {
        page["total_flows"] == 4 && page["capture"]["packets"] == 156 + 3 * 160
    });
    assert_eq!(all["flows"][SHARED]["total_packets"], 156);
    assert_eq!(all["flows"][SHARED]["probes"].as_object().unwrap().keys().collect::<Vec<_>>(), NAMES);
    let of_filter =
        |text: &str| network.ask(&format!("analyses/1/flows?filter={}", encoded(text)), &page)["total_flows"].clone();
    assert_eq!((of_filter("probe == \"studio-a\""), of_filter("count(probe) > 1")), (2.into(), 1.into()));
    drop((probes, hub));
}
