//! What the command may do, and what it gives up.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::Command;

use crate::compare::{demo, document};
use crate::lab::{BINARY, Capture, Lab, is_real_root, needs_root, run, with_lab};

/// The command where everyone can run it.
fn binary_for_all(lab: &Lab) -> PathBuf {
    std::fs::set_permissions(&lab.folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let path = lab.folder.join("streamlens");
    std::fs::copy(BINARY, &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Values of `/proc/PID/status`.
fn status(live: &Capture, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/status", live.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect("it is there");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn assert_nothing_is_left(live: &Capture) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(live, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(live, "NoNewPrivs"), "1");
}

#[test]
fn without_the_right_to_capture_the_way_to_it_is_told() {
    with_lab("rights::without_the_right_to_capture_the_way_to_it_is_told", |lab| {
        let program = binary_for_all(lab);
        let mut command = lab.command("setpriv");
        command.args(["--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]).arg(&program).args(["-i", "slvb"]);
        let output = run(command);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = format!(
            "slvb: no permission to capture: CAP_NET_RAW is missing; sudo setcap cap_net_raw=ep {}, or run it with sudo \
             (root is given up after opening)",
            program.display()
        );
        assert_eq!((output.status.code(), said.contains(&expected)), (Some(4), true), "{said}");
    });
}

#[test]
fn nobody_with_that_one_right_captures_and_keeps_none() {
    let name = "rights::nobody_with_that_one_right_captures_and_keeps_none";
    if !is_real_root() {
        return needs_root(name);
    }
    with_lab(name, |lab| {
        let program = binary_for_all(lab);
        let mut command = lab.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.args(["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw"]);
        command.arg(program).args(["-i", "slvb", "-v", "--probe-sandbox", "/etc/passwd"]);
        let live = Capture::start(command);
        assert_nothing_is_left(&live);
        assert_eq!(status(&live, "Uid"), "65534 65534 65534 65534");
        let said = live.lines.join("\n");
        assert!(said.contains("/etc/passwd: Permission denied"), "{said}");
        assert_eq!(live.interrupt().status, Some(0));
    });
}

#[test]
fn root_becomes_the_user_of_sudo_or_nobody_and_files_are_theirs() {
    let name = "rights::root_becomes_the_user_of_sudo_or_nobody_and_files_are_theirs";
    if !is_real_root() {
        return needs_root(name);
    }
    with_lab(name, |lab| {
        for (environment, user) in [(None, 65_534), (Some("12345"), 12_345)] {
            let path = lab.folder.join(format!("{user}.pcapng"));
            let mut command: Command = lab.command(BINARY);
            command.env_remove("SUDO_UID").env_remove("SUDO_GID");
            if let Some(id) = environment {
                command.env("SUDO_UID", id).env("SUDO_GID", id);
            }
            command.args(["-i", "slvb", "-v", "--probe-sandbox", "/etc/passwd", "-w"]).arg(&path);
            let live = Capture::start(command);
            assert_nothing_is_left(&live);
            assert_eq!(status(&live, "Uid"), format!("{user} {user} {user} {user}"));
            assert_eq!(status(&live, "Groups"), "");
            assert!(live.lines.iter().any(|line| line.contains("/etc/passwd: Permission denied")), "{:?}", live.lines);
            assert_eq!(path.metadata().unwrap().uid(), user);
            assert_eq!(live.interrupt().status, Some(0));
        }
    });
}

#[test]
fn without_the_sandbox_files_can_be_read() {
    with_lab("rights::without_the_sandbox_files_can_be_read", |lab| {
        let path = lab.folder.join("kept.pcapng");
        let live = lab.capture(&["-i", "slvb", "--no-sandbox", "-w", path.to_str().unwrap()]);
        assert_ne!(status(&live, "CapEff"), "0000000000000000");
        assert_eq!(path.metadata().unwrap().uid(), lab.folder.metadata().unwrap().uid(), "files are the user's too");
        assert_eq!(live.interrupt().status, Some(0));
    });
}

/// What a server answers, asked from within the receiver's namespace.
#[cfg(feature = "web")]
fn get(lab: &Lab, address: &str, path: &str) -> serde_json::Value {
    use std::io::{Read, Write};
    let answer = lab.inside(&lab.b, || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let head = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[cfg(feature = "web")]
#[test]
fn a_server_captures_with_no_right_left() {
    let name = "rights::a_server_captures_with_no_right_left";
    if !is_real_root() {
        return needs_root(name);
    }
    with_lab(name, |lab| {
        let mut command = lab.command(BINARY);
        command.env_remove("SUDO_UID").env_remove("SUDO_GID");
        command.args(["serve", "-i", "slvb", "--port", "0", "-v", "--probe-sandbox", "/etc/passwd"]);
        let live = Capture::start_until(command, "shows the flows");
        assert_nothing_is_left(&live);
        assert_eq!(status(&live, "Uid"), "65534 65534 65534 65534");
        let said = live.lines.join("\n");
        assert!(said.contains("/etc/passwd: Permission denied"), "{said}");
        let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        let file = document(&demo());
        lab.replay(&["--pps=4000"], &demo());
        let found = loop {
            let found = get(lab, address, "/api/v1/analyses/1/document");
            if found["capture"]["packets"] == file["capture"]["packets"] {
                break found;
            }
        };
        assert_eq!(found["capture"]["dropped"]["slvb"], 0);
        // flows are identified to their end only when nothing more comes
        assert_eq!(found["flows"].as_array().map(Vec::len), file["flows"].as_array().map(Vec::len));
        assert_eq!(live.interrupt().status, Some(0));
    });
}
