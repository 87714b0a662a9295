//! Files that the packets of an analysis can be read from again.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::source::Progress;

/// The files of an analysis.
#[derive(Debug)]
pub(crate) struct Packets {
    paths: Vec<PathBuf>,
    /// Whether they were made here, and go with the analysis.
    are_ours: bool,
}

impl Packets {
    /// Files that are others'.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        Self { paths: paths.to_vec(), are_ours: false }
    }

    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

impl Drop for Packets {
    fn drop(&mut self) {
        if self.are_ours {
            self.paths.iter().for_each(|path| drop(std::fs::remove_file(path)));
        }
    }
}

/// A folder of the server's own for captures that are dropped. It goes with the server.
#[derive(Debug)]
pub(crate) struct KeptFolder(PathBuf);

impl KeptFolder {
    /// Makes a new folder that others can't read.
    ///
    /// # Errors
    ///
    /// Where it can't be made.
    pub(crate) fn new() -> io::Result<Self> {
        let name: String = crate::server::token()?.chars().take(16).collect();
        let path = std::env::temp_dir().join(format!("streamlens-uploads-{name}"));
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        builder.create(&path).map_err(named)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Begins the file of an analysis.
    ///
    /// # Errors
    ///
    /// Where it can't be made.
    pub(crate) fn begin(&self, id: &str) -> io::Result<(File, Arc<Packets>)> {
        let path = self.0.join(id);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok((file, Arc::new(Packets { paths: vec![path], are_ours: true })))
    }
}

impl Drop for KeptFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads on, and keeps what is read.
pub(crate) struct Keeping<R> {
    from: R,
    file: Option<File>,
    progress: Arc<Progress>,
}

impl<R> Keeping<R> {
    pub(crate) fn new(from: R, file: Option<File>, progress: Arc<Progress>) -> Self {
        Self { from, file, progress }
    }
}

impl<R: Read> Read for Keeping<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        let read = into.get(..count).unwrap_or_default();
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write_all(read)) {
            // the analysis goes on: the packets behind this can't be had again
            self.file = None;
            self.progress.tell(|told| told.messages.push(format!("the capture is not kept any more: {error}")));
        }
        Ok(count)
    }
}
