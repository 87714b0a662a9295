//! A probe trusts its hub's certificate by its authority alone.

use std::process::Command;

use super::lab::{Lab, Process, demo};

#[test]
fn a_hub_whose_certificate_is_not_trusted_gets_nothing() {
    let lab = Lab::new();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=hub",
        ])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "hub.key", "-out", "hub.pem"])
        .current_dir(&lab.0)
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        let message = "TLS TEST NOT RUN: a hub whose certificate is not trusted: there is no openssl that makes one";
        assert!(std::env::var_os("CI").is_none(), "{message}");
        return eprintln!("\n******** {message} ********\n");
    }
    let hub = lab.hub(0, &["--tls-cert", "hub.pem", "--tls-key", "hub.key"]);
    let (url, demo) = (format!("wss://localhost:{}", hub.address.port()), demo().display().to_string());
    let probe = |rest: &[&str]| {
        let arguments = [&["probe", "--hub", &url, "--name", "a", &demo], rest].concat();
        Process::start(lab.command(&arguments))
    };
    probe(&["--tls-ca", "hub.pem"]).line_with("takes what a sees");
    let other = lab.file("other.pem");
    let args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=other"];
    let made = Command::new("openssl").args(args).args(["-keyout", "/dev/null", "-out", &other]).output().unwrap();
    assert!(made.status.success());
    probe(&["--tls-ca", &other]).line_with("invalid peer certificate");
    // its name has to be that of the certificate as well
    let url = format!("wss://127.0.0.1:{}", hub.address.port());
    let arguments = ["probe", "--hub", &url, "--name", "b", "--tls-ca", "hub.pem", &demo];
    Process::start(lab.command(&arguments)).line_with("invalid peer certificate");
}
