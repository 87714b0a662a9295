//! The payload header of RFC 4175 §4.2.

use nom::Parser;

use crate::wire::{array, u16};

/// The most sample row segments that are read of one packet. ST 2110-20 allows 3, RFC 4175 any number; software
/// senders of narrow pictures have been seen with more than 3.
pub(crate) const MAX_ROWS: usize = 31;

/// What keeps a payload from being rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowFault {
    /// Headers and data don't add up to the payload's length.
    Length,
    /// A field has a value that it can't have.
    Field,
}

/// One sample row segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Bytes of data.
    pub(crate) length: u16,
    /// 0 or 1.
    pub(crate) field: u8,
    /// Line in the field, from 0.
    pub(crate) line: u16,
    /// First pixel, from 0.
    pub(crate) offset: u16,
}

/// The header of one packet:
///
/// ```text
/// | extended sequence 16 | then per row: length 16 | F 1, line 15 | C 1, offset 15 |
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) extended_sequence: u16,
    /// The row headers, 6 bytes each.
    headers: &'a [u8],
    /// How many rows.
    pub(crate) count: u32,
    /// Bytes of all rows.
    pub(crate) bytes: u32,
}

impl<'a> Rows<'a> {
    /// Reads the headers. Data may end before the payload does only in the last packet of a unit (`marker`), where a
    /// sender of constant packet lengths fills up with zeros.
    pub(crate) fn parse(payload: &'a [u8], marker: bool) -> Result<Self, RowFault> {
        let (rest, extended_sequence) = u16("extended sequence number")(payload).map_err(|_| RowFault::Length)?;
        let (mut bytes, mut count, mut headers) = (0_u32, 0, rest);
        let mut previous = None;
        loop {
            let (more, header) = array("sample row header")(headers).map_err(|_| RowFault::Length)?;
            let row = Row::read(&header);
            count += 1;
            bytes += u32::from(row.length);
            let continues = header[4] & 0x80 != 0;
            // 8K has 4320 lines of 8192 pixels. A lone header may be empty.
            if row.line >= 4400 || row.offset >= 8200 || row.length == 0 && (continues || count > 1) {
                return Err(RowFault::Field);
            }
            if previous.is_some_and(|line| line > row.line) {
                return Err(RowFault::Field);
            }
            previous = Some(row.line);
            headers = more;
            if !continues {
                break;
            }
            if count == MAX_ROWS {
                return Err(RowFault::Field);
            }
        }
        let data = headers;
        let length = usize::try_from(bytes).map_err(|_| RowFault::Length)?;
        match data.split_at_checked(length) {
            Some((_, [])) => {}
            Some((_, fill)) if marker && fill.iter().all(|&byte| byte == 0) => {}
            _ => return Err(RowFault::Length),
        }
        let headers = rest.get(..count * 6).unwrap_or_default();
        Ok(Self { extended_sequence, headers, count: count as u32, bytes })
    }

    /// The row headers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8; 6]> + use<'a> {
        let mut headers = self.headers;
        std::iter::from_fn(move || {
            let (header, rest) = headers.split_first_chunk()?;
            headers = rest;
            Some(header)
        })
    }
}

impl Row {
    #[inline]
    pub(crate) fn read(header: &[u8; 6]) -> Self {
        let mut fields = (u16("length"), u16("field and line"), u16("continuation and offset"));
        let Ok((_, (length, line, offset))) = fields.parse(header) else { return Self::default() };
        Self { length, field: (line >> 15) as u8, line: line & 0x7FFF, offset: offset & 0x7FFF }
    }
}
