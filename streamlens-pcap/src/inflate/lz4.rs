//! lz4 frames, any number, skippable ones passed over.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::{Error, FrameDecoder};

use super::{damaged, ends_early, skip_frame, trailing};
use crate::detect::Compression::Lz4 as NAME;

/// Bytes that say what the decoder waits for: inside of a frame they are its end mark, between frames they are no
/// frame. Needed because the decoder tells a frame that is cut between two blocks like one that ended.
const PROBE: [u8; 32] = [0; 32];

pub(super) struct Lz4<R: Read> {
    decoder: FrameDecoder<Feed<R>>,
    ended: bool,
}

/// The source, behind bytes that were taken from it to look at, or that are put in its place.
struct Feed<R> {
    ahead: io::Cursor<Vec<u8>>,
    source: R,
    /// Whether the source counts as ended.
    cut_off: bool,
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ahead.read(buffer)? {
            0 if self.cut_off => Ok(0),
            0 => self.source.read(buffer),
            count => Ok(count),
        }
    }
}

impl<R: BufRead> Lz4<R> {
    pub(super) fn new(source: R) -> Self {
        let feed = Feed { ahead: io::Cursor::default(), source, cut_off: false };
        Self { decoder: FrameDecoder::new(feed), ended: false }
    }

    /// After the decoder said that a frame ended: looks for another one. False at the end of the source.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            let feed = self.decoder.get_mut();
            if feed.source.fill_buf()?.is_empty() {
                return self.probe().map(|()| false);
            }
            let mut magic = [0; 4];
            feed.source.read_exact(&mut magic)?;
            match u32::from_le_bytes(magic) {
                0x184d_2204 | 0x184c_2102 => {
                    feed.ahead = io::Cursor::new(magic.to_vec());
                    return Ok(true);
                }
                0x184d_2a50..=0x184d_2a5f => skip_frame(&mut feed.source)?,
                _ => return Err(trailing(NAME)),
            }
        }
    }

    /// At the end of the source: whether the last frame had ended.
    fn probe(&mut self) -> io::Result<()> {
        let feed = self.decoder.get_mut();
        feed.ahead = io::Cursor::new(PROBE.to_vec());
        feed.cut_off = true;
        match self.decoder.read(&mut [0]) {
            Err(error) if matches!(lz4_error(&error), Some(Error::WrongMagicNumber)) => Ok(()),
            _ => Err(ends_early(NAME)),
        }
    }
}

fn lz4_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let result = match self.decoder.read(buffer) {
                Ok(0) => self.next_frame(),
                Ok(count) => return Ok(count),
                Err(error) => Err(error),
            };
            match result {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.ended = true;
                    return Err(match error.kind() {
                        io::ErrorKind::UnexpectedEof => ends_early(NAME),
                        _ if lz4_error(&error).is_some() => damaged(NAME, error),
                        _ => error,
                    });
                }
            }
        }
        Ok(0)
    }
}
