//! A file that is written while others may delete it or write to it.

use std::fs::{File, Metadata};
use std::io::{self, Write};

/// A file whose writer is told when it is lost: the system lets a program write on into a file that somebody deleted, and fills
/// one that was shortened with zeros.
#[derive(Debug)]
pub(crate) struct WrittenFile {
    file: File,
    /// Bytes so far.
    written: u64,
    /// Whether its file system counts the names of a file.
    has_names: bool,
}

impl WrittenFile {
    /// Takes a file that is empty.
    pub(crate) fn new(file: File) -> Self {
        let has_names = file.metadata().is_ok_and(|found| names(&found) > 0);
        Self { file, written: 0, has_names }
    }

    fn check(&self) -> io::Result<()> {
        let found = self.file.metadata()?;
        if !found.is_file() {
            return Ok(());
        }
        if self.has_names && names(&found) == 0 {
            return Err(lost("was deleted".to_owned()));
        }
        let (length, written) = (found.len(), self.written);
        if length != written {
            let text = format!("has {length} bytes, and {written} were written: something else writes to it");
            return Err(lost(text));
        }
        Ok(())
    }
}

impl Write for WrittenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // before, for behind it a shortened file is as long as it should be
        self.check()?;
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.file.flush()
    }
}

fn lost(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Whether a write failed because somebody else took the file away or wrote to it: another file may do.
pub(crate) fn is_lost(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// So many names the file has in folders.
#[cfg(unix)]
fn names(found: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(found)
}

/// Not known elsewhere, where an open file can't be deleted.
#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    0
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_lost_is_told_of() {
        let path = std::env::temp_dir().join(format!("streamlens-written-file-{}", std::process::id()));
        let begin = || {
            let mut file = WrittenFile::new(File::create(&path).unwrap());
            file.write_all(b"frames").unwrap();
            file.flush().unwrap();
            file
        };
        let mut deleted = begin();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(deleted.write(b"more").unwrap_err().to_string(), "was deleted");

        for length in [2, 1000] {
            let mut changed = begin();
            File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
            let expected = format!("has {length} bytes, and 6 were written: something else writes to it");
            let error = changed.flush().unwrap_err();
            assert!(is_lost(&error) && error.to_string() == expected, "{error}");
        }

        // under another name it is not lost
        let mut moved = begin();
        let other = path.with_extension("moved");
        std::fs::rename(&path, &other).unwrap();
        moved.write_all(b"more").unwrap();
        moved.flush().unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"framesmore");
        std::fs::remove_file(&other).unwrap();

        // what is no file has neither names nor a length
        let mut nothing = WrittenFile::new(File::options().write(true).open("/dev/null").unwrap());
        nothing.write_all(b"frames").unwrap();
        nothing.flush().unwrap();
    }
}
