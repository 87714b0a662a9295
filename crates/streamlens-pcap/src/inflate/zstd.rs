//! Zstandard (RFC 8878), any number of frames, skippable ones passed over.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{damaged, ends_early, skip_frame, trailing};
use crate::detect::Compression::Zstd as NAME;

/// Bytes of a block header (RFC 8878, section 3.1.1.2).
const BLOCK_HEADER: usize = 3;
/// An empty last block, and a checksum for frames that have one.
const FAREWELL: [u8; BLOCK_HEADER + 4] = [1, 0, 0, 0, 0, 0, 0];

/// Blocks are gathered here before the decoder sees them: it keeps the last window of what it decoded until the
/// frame ends, so a frame that is cut is ended in its place by an empty block, and the window comes out.
pub(super) struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    block: Vec<u8>,
    state: State,
}

enum State {
    Between,
    Frame {
        checksum: bool,
    },
    /// A fault was met; it is told once all that was decoded before it is handed out.
    Fault(Option<io::Error>),
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), block: Vec::new(), state: State::Between }
    }

    /// Begins the next frame. False at the end of the source.
    fn next_frame(&mut self) -> io::Result<bool> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        // Frame_Header_Descriptor, the byte after the magic number, has the checksum flag.
        let mut start = [0; 5];
        self.source.read_exact(&mut start[..4])?;
        match u32::from_le_bytes([start[0], start[1], start[2], start[3]]) {
            0xfd2f_b528 => {}
            0x184d_2a50..=0x184d_2a5f => {
                skip_frame(&mut self.source)?;
                return Ok(true);
            }
            _ => return Err(trailing(NAME)),
        }
        self.source.read_exact(&mut start[4..])?;
        match self.decoder.reset(start.as_slice().chain(&mut self.source)) {
            Ok(()) => {
                self.state = State::Frame { checksum: start[4] & 4 != 0 };
                Ok(true)
            }
            Err(FrameDecoderError::ReadFrameHeaderError(
                ReadFrameHeaderError::MagicNumberReadError(error)
                | ReadFrameHeaderError::FrameDescriptorReadError(error)
                | ReadFrameHeaderError::WindowDescriptorReadError(error)
                | ReadFrameHeaderError::DictionaryIdReadError(error)
                | ReadFrameHeaderError::FrameContentSizeReadError(error),
            )) => Err(error),
            Err(error) => Err(damaged(NAME, error)),
        }
    }

    /// Takes one block from the source and decodes it.
    fn next_block(&mut self, checksum: bool) -> io::Result<()> {
        let mut header = [0; BLOCK_HEADER];
        self.source.read_exact(&mut header)?;
        let bits = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (last, kind, size) = (bits & 1 != 0, bits >> 1 & 3, bits as usize >> 3);
        // A run-length block states how often its only byte repeats. Sizes have 21 bits, so this allocates little.
        let body = if kind == 1 { 1 } else { size } + if last && checksum { 4 } else { 0 };
        self.block.clear();
        self.block.extend_from_slice(&header);
        self.block.resize(BLOCK_HEADER + body, 0);
        self.source.read_exact(&mut self.block[BLOCK_HEADER..])?;
        self.decoder
            .decode_blocks(self.block.as_slice(), BlockDecodingStrategy::UptoBlocks(1))
            .map(drop)
            .map_err(|error| damaged(NAME, error))
    }

    /// Ends the frame where a fault cuts it, so that what was decoded comes out.
    fn cut(&mut self, error: io::Error) {
        // Where this fails too, the window is lost and the fault is told at once.
        let _ = self.decoder.decode_blocks(FAREWELL.as_slice(), BlockDecodingStrategy::UptoBlocks(1));
        self.fail(error);
    }

    fn fail(&mut self, error: io::Error) {
        let error = if error.kind() == io::ErrorKind::UnexpectedEof { ends_early(NAME) } else { error };
        self.state = State::Fault(Some(error));
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.state {
                State::Between => match self.next_frame() {
                    Ok(true) => {}
                    Ok(false) => return Ok(0),
                    Err(error) => self.fail(error),
                },
                State::Frame { checksum } => {
                    let checksum = *checksum;
                    if self.decoder.can_collect() > 0 {
                        return self.decoder.read(buffer);
                    }
                    if !self.decoder.is_finished() {
                        if let Err(error) = self.next_block(checksum) {
                            self.cut(error);
                        }
                    } else if checksum
                        && self.decoder.get_checksum_from_data() != self.decoder.get_calculated_checksum()
                    {
                        self.fail(damaged(NAME, "its checksum differs"));
                    } else {
                        self.state = State::Between;
                    }
                }
                State::Fault(error) => {
                    if self.decoder.can_collect() > 0 {
                        return self.decoder.read(buffer);
                    }
                    return error.take().map_or(Ok(0), Err);
                }
            }
        }
    }
}
