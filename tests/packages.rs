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
