//! gzip (RFC 1952), any number of members.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::{damaged, ends_early, trailing};
use crate::detect::Compression::Gzip as NAME;

/// Driven over the bare inflater and not over a ready reader, because that drops what it decoded in the same call
/// before it met a fault.
pub(super) struct Gzip<R> {
    source: R,
    inflater: Decompress,
    state: State,
}

enum State {
    /// Inside a member.
    Member,
    /// Behind a member: another one, padding or the end.
    Between,
    /// A fault was met; it is told once all that was decoded before it is handed out.
    Fault(Option<io::Error>),
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, inflater: Decompress::new_gzip(15), state: State::Member }
    }

    /// Looks for another member. False at the end of the source.
    fn next_member(&mut self) -> io::Result<bool> {
        loop {
            let input = self.source.fill_buf()?;
            match input.first() {
                None => return Ok(false),
                Some(0x1f) => {
                    self.inflater = Decompress::new_gzip(15);
                    self.state = State::Member;
                    return Ok(true);
                }
                // Tapes and some tools pad with zeros; gzip itself passes over them.
                Some(0) => {
                    let zeros = input.iter().take_while(|byte| **byte == 0).count();
                    self.source.consume(zeros);
                }
                Some(_) => return Err(trailing(NAME)),
            }
        }
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match &mut self.state {
                State::Fault(error) => return error.take().map_or(Ok(0), Err),
                State::Between => {
                    if !self.next_member()? {
                        return Ok(0);
                    }
                }
                State::Member => {
                    let input = self.source.fill_buf()?;
                    let at_end = input.is_empty();
                    let (read_before, written_before) = (self.inflater.total_in(), self.inflater.total_out());
                    let result = self.inflater.decompress(input, buffer, FlushDecompress::None);
                    let read = (self.inflater.total_in() - read_before) as usize;
                    let written = (self.inflater.total_out() - written_before) as usize;
                    self.source.consume(read);
                    match result {
                        Ok(Status::StreamEnd) => self.state = State::Between,
                        Ok(_) if at_end && written == 0 => self.state = State::Fault(Some(ends_early(NAME))),
                        Ok(_) if read == 0 && written == 0 && !buffer.is_empty() => {
                            self.state = State::Fault(Some(damaged(NAME, "it makes no progress")));
                        }
                        Ok(_) => {}
                        Err(error) => {
                            let what = error.message().map_or_else(|| error.to_string(), ToOwned::to_owned);
                            self.state = State::Fault(Some(damaged(NAME, what)));
                        }
                    }
                    if written > 0 || buffer.is_empty() {
                        return Ok(written);
                    }
                }
            }
        }
    }
}
