//! Writes the demo capture and the capture of faults. Every byte follows from field tables (see `streamlens-testing`), so two runs
//! write the same files.
//!
//! `cargo run --example make_demo [FOLDER]`

use std::path::PathBuf;
use std::{env, fs, io};

use streamlens_testing::{demo, faults};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args().nth(1).unwrap_or_else(|| "examples/captures".to_owned()));
    let captures =
        [("demo.pcapng", demo::capture(), demo::frames()), ("faults.pcapng", faults::capture(), faults::frames())];
    for (name, capture, frames) in captures {
        let path = folder.join(name);
        fs::write(&path, &capture)?;
        println!("{}: {} frames, {} bytes", path.display(), frames.len(), capture.len());
    }
    Ok(())
}
