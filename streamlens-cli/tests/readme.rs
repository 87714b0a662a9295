//! The README shows what the command prints.

use std::path::Path;

#[test]
fn the_readme_shows_what_the_command_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README is there");
    let shown = readme.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).expect("a block of text");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_streamlens"))
        .arg("examples/captures/demo.pcapng")
        .current_dir(root)
        .env_remove("COLUMNS")
        .output()
        .expect("the command runs");
    let printed = String::from_utf8(run.stdout).expect("the output is text");
    let mut printed = printed.lines().map(str::trim_end);
    for line in shown.lines().filter(|line| !line.is_empty() && *line != "...") {
        assert!(printed.any(|other| other == line), "not printed, or not in this order: {line}");
    }
    assert_eq!(run.status.code(), Some(0));
}
