//! Where a spool keeps its texts: in memory, or in a ring of files.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Files of a ring: when the last is full the first is written anew, and what was in it goes.
const FILES: usize = 8;

/// The files of a spool on disk. What an earlier start left in them goes: its numbers are not those of this one.
#[derive(Debug)]
pub struct SpoolFiles(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    files: Vec<File>,
    current: usize,
    /// Bytes of the current file.
    end: u64,
}

/// Where a text is.
#[derive(Debug)]
pub(super) enum Place {
    Memory(Box<[u8]>),
    Disk { file: usize, offset: u64, len: usize },
}

impl Place {
    /// Bytes of the text, wherever it is.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::Disk { len, .. } => *len,
        }
    }

    /// Whether it is in a file of the ring.
    pub(super) fn is_in(&self, ring: usize) -> bool {
        matches!(self, Self::Disk { file, .. } if *file == ring)
    }
}

impl SpoolFiles {
    /// Opens the files of a folder, which is made where there is none. A program that gives up rights does so before.
    ///
    /// # Errors
    ///
    /// Where they can't be written to, or another program has them.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut files = Vec::new();
        for number in 0..FILES {
            let path = folder.join(format!("spool-{number}"));
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(named)?;
            if number == 0 && file.try_lock().is_err() {
                let what = format!("{}: another probe keeps its figures here", folder.display());
                return Err(io::Error::other(what));
            }
            file.set_len(0).map_err(named)?;
            files.push(file);
        }
        Ok(Self(Mutex::new(Ring { files, current: 0, end: 0 })))
    }

    /// Writes a text. Returns where it is, and the file that was written anew for it.
    pub(super) fn write(&self, text: &[u8], most_bytes: usize) -> io::Result<(Place, Option<usize>)> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Ring { files, current, end } = &mut *ring;
        let mut anew = None;
        if *end > 0 && *end + text.len() as u64 > (most_bytes / FILES) as u64 {
            (*current, *end) = ((*current + 1) % FILES, 0);
            anew = Some(*current);
        }
        let file = files.get_mut(*current).ok_or_else(|| io::Error::other("no file"))?;
        if anew.is_some() {
            file.set_len(0)?;
        }
        let offset = *end;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(text)?;
        *end += text.len() as u64;
        Ok((Place::Disk { file: *current, offset, len: text.len() }, anew))
    }

    /// Reads a text.
    pub(super) fn read(&self, file: usize, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = ring.files.get_mut(file).ok_or_else(|| io::Error::other("no file"))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut text = vec![0; len];
        file.read_exact(&mut text)?;
        Ok(text)
    }
}
