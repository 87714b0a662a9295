//! The corpus of real captures, with what independent tools saw in them.

use std::path::PathBuf;

/// The folder that the environment variable `STREAMLENS_CORPUS` names. Without it a test that needs it is skipped, which
/// is said.
///
/// # Panics
///
/// Where `CI` is set and there is no corpus.
#[must_use]
pub fn corpus() -> Option<PathBuf> {
    let named = std::env::var_os("STREAMLENS_CORPUS").map(PathBuf::from);
    let folder = named.filter(|folder| folder.join("captures").is_dir());
    if folder.is_none() {
        assert!(std::env::var_os("CI").is_none(), "STREAMLENS_CORPUS names no corpus, and under CI it must");
        eprintln!("SKIPPED: STREAMLENS_CORPUS names no corpus, so this test compares nothing");
    }
    folder
}
