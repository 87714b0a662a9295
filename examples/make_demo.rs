//! Writes the demo capture. Every byte follows from field tables (see `streamlens-testing`), so two runs write
//! the same file.
//!
//! `cargo run --example make_demo [FILE]`

use std::{env, fs, io};

fn main() -> io::Result<()> {
    let path = env::args().nth(1).unwrap_or_else(|| "examples/captures/demo.pcapng".to_owned());
    let capture = streamlens_testing::demo::capture();
    fs::write(&path, &capture)?;
    println!("{path}: {} frames, {} bytes", streamlens_testing::demo::frames().len(), capture.len());
    Ok(())
}
