//! What the packages bring along, as cargo sees it: a program outside of this workspace that takes the library gets
//! nothing of the command's, and the reader of captures needs no decoder.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages that `cargo tree` lists, without versions.
fn tree(manifest: &Path, arguments: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
    cargo.arg("--manifest-path").arg(manifest).args(arguments);
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names of packages");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A package outside of the workspace with the library as its only dependency, and this workspace's versions of the rest.
fn outside() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    std::fs::create_dir_all(folder.join("src")).expect("a folder");
    let manifest = format!(
        "[package]\nname = \"outside\"\nedition = \"2024\"\n\n[dependencies]\nstreamlens = {{ path = '{}' }}\n\n[workspace]\n",
        root().display()
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
    std::fs::write(folder.join("src/lib.rs"), "").expect("a library");
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("the versions");
    folder.join("Cargo.toml")
}

#[test]
fn a_program_outside_gets_nothing_of_the_commands() {
    let packages = tree(&outside(), &[]);
    for expected in ["outside", "streamlens", "streamlens-engine", "flate2"] {
        assert!(packages.iter().any(|package| package == expected), "{expected} is in {packages:?}");
    }
    let foreign = |package: &&String| {
        ["clap", "mimalloc", "libmimalloc-sys", "zstd-safe", "zstd-sys", "signal-hook", "cc"]
            .contains(&package.as_str())
    };
    let foreign: Vec<_> = packages.iter().filter(foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn the_reader_of_captures_needs_no_decoder() {
    let packages = tree(&root().join("Cargo.toml"), &["-p", "streamlens-pcap"]);
    assert!(packages.iter().any(|package| package == "pcap-parser"), "{packages:?}");
    let ours: Vec<_> = packages.iter().filter(|package| package.starts_with("streamlens")).collect();
    let known = ["streamlens-pcap", "streamlens-chapter10-wire", "streamlens-model"];
    assert!(ours.iter().all(|package| known.contains(&package.as_str())), "{ours:?}");
}

/// The licences of an expression that have to be taken, each as its alternatives; brackets as crates use them, around
/// alternatives.
fn alternatives(expression: &str) -> Vec<Vec<String>> {
    let plain = |text: &str| text.trim_matches(['(', ')', ' ']).to_owned();
    let alternatives = |part: &str| part.replace('/', " OR ").split(" OR ").map(plain).collect();
    expression.split(" AND ").map(alternatives).collect()
}

#[test]
fn dependencies_have_licences_that_are_taken_and_none_is_banned() {
    let rules = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml is there");
    let rules: toml::Table = rules.parse().expect("it is TOML");
    let texts = |list: &toml::Value| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|entry| entry.as_str().or_else(|| entry["crate"].as_str()).expect("a name").to_owned()).collect()
    };
    let (taken, banned) = (texts(&rules["licenses"]["allow"]), texts(&rules["bans"]["deny"]));
    // of this platform alone: those of others need not have been downloaded
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--offline", "--format-version", "1", "--filter-platform", host, "--manifest-path"]);
    let output = cargo.arg(root().join("Cargo.toml")).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    assert!(packages.len() > 50);
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        assert!(!banned.iter().any(|ban| ban == name), "{name} is banned by deny.toml");
        let licence = package["license"].as_str().unwrap_or_default();
        let is_taken = alternatives(licence).iter().all(|any| any.iter().any(|one| taken.contains(one)));
        assert!(is_taken, "{name} has the licence '{licence}', which deny.toml doesn't list");
    }
}
