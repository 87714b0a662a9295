//! Runs a compiled filter on a frame, as the kernel does.

use super::program::op;
use super::{Filter, Instruction, Link};

/// TPIDs of the tags that Linux takes off: IEEE 802.1Q C-tags and S-tags.
const TPIDS: [u16; 2] = [0x8100, 0x88A8];
/// Bytes in front of a tag.
const ADDRESSES: usize = 12;
const TAG: usize = 4;

/// Tag control information of the outermost VLAN tag that the kernel would take off a frame; `None` where there is none.
#[must_use]
pub fn untagged(frame: &[u8]) -> Option<u16> {
    let [t0, t1, c0, c1] = *frame.get(ADDRESSES..)?.first_chunk::<TAG>()?;
    // a tag is taken off where the EtherType behind it is there as well
    let is_tagged = TPIDS.contains(&u16::from_be_bytes([t0, t1])) && frame.len() >= ADDRESSES + TAG + 2;
    is_tagged.then(|| u16::from_be_bytes([c0, c1]))
}

/// A frame without its outermost tag.
struct View<'a> {
    data: &'a [u8],
    tag: Option<u16>,
    length: u32,
}

impl View<'_> {
    fn byte(&self, at: u32) -> Option<u8> {
        let at = at as usize;
        let moved = if self.tag.is_some() && at >= ADDRESSES { at.checked_add(TAG)? } else { at };
        self.data.get(moved).copied()
    }

    /// The big-endian number of so many bytes at an offset.
    fn number(&self, at: u32, bytes: u32) -> Option<u32> {
        (0..bytes).try_fold(0_u32, |sum, byte| Some(sum << 8 | u32::from(self.byte(at.checked_add(byte)?)?)))
    }
}

impl Filter {
    /// Whether a frame passes. `original_length` is its length on the wire, in bytes; a filter that asks for bytes which
    /// are not there refuses the frame.
    #[must_use]
    pub fn accepts(&self, frame: &[u8], original_length: u32) -> bool {
        let tag = if self.link == Link::Ethernet { untagged(frame) } else { None };
        let length = original_length.saturating_sub(if tag.is_some() { TAG as u32 } else { 0 });
        run(&self.instructions, &View { data: frame, tag, length }).unwrap_or(0) > 0
    }
}

/// What a program returns; `None` where it loads what is not there, or ends without returning.
fn run(program: &[Instruction], view: &View<'_>) -> Option<u32> {
    let (mut a, mut x, mut at) = (0_u32, 0_u32, 0_usize);
    // jumps only lead ahead, so this ends
    loop {
        let &Instruction { code, jt, jf, k } = program.get(at)?;
        at += 1;
        let mut branch = |holds: bool| at += usize::from(if holds { jt } else { jf });
        match code {
            op::LOAD_BYTE | op::LOAD_HALF | op::LOAD_WORD if k >= op::ANCILLARY => {
                a = match k {
                    op::VLAN_TAG => view.tag.unwrap_or(0).into(),
                    op::VLAN_PRESENT => view.tag.is_some().into(),
                    _ => return None,
                };
            }
            op::LOAD_BYTE => a = view.number(k, 1)?,
            op::LOAD_HALF => a = view.number(k, 2)?,
            op::LOAD_WORD => a = view.number(k, 4)?,
            op::LOAD_HALF_INDEXED => a = view.number(x.checked_add(k)?, 2)?,
            op::LOAD_LENGTH => a = view.length,
            op::LOAD_HEADER_LENGTH => x = 4 * u32::from(view.byte(k)? & 0xF),
            op::AND => a &= k,
            op::JUMP => at = at.checked_add(k as usize)?,
            op::IF_EQUAL => branch(a == k),
            op::IF_ABOVE => branch(a > k),
            op::IF_AT_LEAST => branch(a >= k),
            op::IF_SET => branch(a & k != 0),
            op::RETURN => return Some(k),
            _ => return None,
        }
    }
}
