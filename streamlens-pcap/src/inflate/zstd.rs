//! Zstandard (RFC 8878), any number of frames, skippable ones passed over.

use std::io::{self, BufRead, Read};

use zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge as WINDOW_TOO_LARGE;
use zstd_safe::{DCtx, InBuffer, OutBuffer};

use super::{damaged, ends_early, skip_frame, trailing};
use crate::detect::Compression::Zstd as NAME;

/// Bytes of a block header (RFC 8878, section 3.1.1.2).
const BLOCK_HEADER: usize = 3;

/// Gives the decoder exactly the pieces it asks for, because what it decoded in a call that fails is lost: a block comes
/// out before the decoder sees anything that follows it.
pub(super) struct Zstd<R> {
    source: R,
    decoder: DCtx<'static>,
    /// What was last taken from the source, and how much of it the decoder has taken.
    piece: Vec<u8>,
    fed: usize,
    state: State,
}

enum State {
    Between,
    Frame,
    /// A fault was reported; nothing more is decoded.
    Over,
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: DCtx::create(), piece: Vec::new(), fed: 0, state: State::Between }
    }

    /// Begins the next frame. False at the end of the source.
    fn next_frame(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.take(4)?;
        match self.piece.first_chunk().map_or(0, |magic| u32::from_le_bytes(*magic)) {
            0xfd2f_b528 => self.state = State::Frame,
            0x184d_2a50..=0x184d_2a5f => skip_frame(&mut self.source)?,
            _ => return Err(trailing(NAME)),
        }
        Ok(true)
    }

    /// Takes the next `count` bytes of the source for the decoder.
    fn take(&mut self, count: usize) -> io::Result<()> {
        self.fed = 0;
        self.piece.resize(count, 0);
        self.source.read_exact(&mut self.piece)
    }

    /// Decodes what was taken, and takes more until some bytes come out or the frame ends.
    fn decode(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut input = InBuffer::around(self.piece.get(self.fed..).unwrap_or_default());
            let mut output = OutBuffer::around(&mut *buffer);
            let hint = self.decoder.decompress_stream(&mut output, &mut input).map_err(fault)?;
            let (read, written) = (input.pos(), output.pos());
            self.fed += read;
            if hint == 0 {
                self.state = State::Between;
                return Ok(written);
            }
            if written > 0 {
                return Ok(written);
            }
            if self.fed == self.piece.len() {
                // Where it asks for a block it asks for the header behind it as well.
                self.take(if hint > BLOCK_HEADER { hint - BLOCK_HEADER } else { hint })?;
            }
        }
    }
}

fn fault(code: usize) -> io::Error {
    if zstd_safe::is_error_kind(code, WINDOW_TOO_LARGE) {
        return damaged(NAME, "it needs a window of more than 128 MiB; pipe it through 'zstd -dc --long=31'");
    }
    damaged(NAME, zstd_safe::get_error_name(code))
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let result = match self.state {
                State::Between => match self.next_frame() {
                    Ok(true) => continue,
                    other => other.map(|_| None),
                },
                State::Frame => self.decode(buffer).map(Some),
                State::Over => Ok(None),
            };
            match result {
                Ok(Some(0)) => {}
                Ok(count) => return Ok(count.unwrap_or(0)),
                Err(error) => {
                    self.state = State::Over;
                    let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
                    return Err(if is_cut { ends_early(NAME) } else { error });
                }
            }
        }
    }
}
