//! Instructions of classic BPF with labels, and their layout.

use super::{Instruction, Link};

/// Operations.
pub(super) mod op {
    pub(crate) const LOAD_WORD: u16 = 0x20;
    pub(crate) const LOAD_HALF: u16 = 0x28;
    pub(crate) const LOAD_BYTE: u16 = 0x30;
    pub(crate) const LOAD_HALF_INDEXED: u16 = 0x48;
    pub(crate) const LOAD_LENGTH: u16 = 0x80;
    /// X = 4 * (low nibble of the byte at k).
    pub(crate) const LOAD_HEADER_LENGTH: u16 = 0xB1;
    pub(crate) const AND: u16 = 0x54;
    pub(crate) const JUMP: u16 = 0x05;
    pub(crate) const IF_EQUAL: u16 = 0x15;
    pub(crate) const IF_ABOVE: u16 = 0x25;
    pub(crate) const IF_AT_LEAST: u16 = 0x35;
    pub(crate) const IF_SET: u16 = 0x45;
    pub(crate) const RETURN: u16 = 0x06;
    /// Loads from here on are answered by the kernel about the frame (`SKF_AD_OFF`).
    pub(crate) const ANCILLARY: u32 = (-0x1000_i32).cast_unsigned();
    /// The VLAN tag that was taken off: tag control information (`SKF_AD_VLAN_TAG`).
    pub(crate) const VLAN_TAG: u32 = ANCILLARY + 44;
    /// Whether one was (`SKF_AD_VLAN_TAG_PRESENT`).
    pub(crate) const VLAN_PRESENT: u32 = ANCILLARY + 48;
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Plain(u16, u32),
    Branch { code: u16, k: u32, yes: Label, no: Label },
    Goto(Label),
    Here(Label),
}

pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    labels: usize,
    pub(super) link: Link,
}

impl Program {
    pub(super) fn new(link: Link) -> Self {
        Self { steps: Vec::new(), labels: 0, link }
    }

    pub(super) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    pub(super) fn here(&mut self, label: Label) {
        self.steps.push(Step::Here(label));
    }

    pub(super) fn load(&mut self, code: u16, at: u32) {
        self.steps.push(Step::Plain(code, at));
    }

    pub(super) fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.steps.push(Step::Branch { code, k, yes, no });
    }

    pub(super) fn goto(&mut self, label: Label) {
        self.steps.push(Step::Goto(label));
    }

    /// Gives labels their distances. A conditional jump reaches 255 instructions: where that is too short, it goes to an
    /// unconditional one behind it, which moves what follows, so this is repeated until nothing changes.
    pub(super) fn lay_out(&self) -> Vec<Instruction> {
        let mut is_long = vec![false; self.steps.len()];
        loop {
            let mut places = vec![0_usize; self.labels];
            let mut starts = Vec::with_capacity(self.steps.len());
            let mut at = 0;
            for (step, long) in self.steps.iter().zip(&is_long) {
                starts.push(at);
                match step {
                    Step::Here(Label(label)) => places[*label] = at,
                    Step::Branch { .. } => at += if *long { 3 } else { 1 },
                    Step::Plain(..) | Step::Goto(_) => at += 1,
                }
            }
            let distance = |from: usize, to: Label| places[to.0].saturating_sub(from + 1);
            let mut has_grown = false;
            for ((step, long), start) in self.steps.iter().zip(&mut is_long).zip(&starts) {
                if let Step::Branch { yes, no, .. } = step
                    && !*long
                    && distance(*start, *yes).max(distance(*start, *no)) > usize::from(u8::MAX)
                {
                    (*long, has_grown) = (true, true);
                }
            }
            if has_grown {
                continue;
            }
            let jump =
                |from: usize, to: Label| Instruction { code: op::JUMP, jt: 0, jf: 0, k: distance(from, to) as u32 };
            let mut out = Vec::with_capacity(at);
            for (step, long) in self.steps.iter().zip(&is_long) {
                let start = out.len();
                match *step {
                    Step::Here(_) => {}
                    Step::Plain(code, k) => out.push(Instruction { code, jt: 0, jf: 0, k }),
                    Step::Goto(label) => out.push(jump(start, label)),
                    Step::Branch { code, k, yes, no } if *long => {
                        out.push(Instruction { code, jt: 0, jf: 1, k });
                        out.push(jump(start + 1, yes));
                        out.push(jump(start + 2, no));
                    }
                    Step::Branch { code, k, yes, no } => {
                        let (jt, jf) = (distance(start, yes) as u8, distance(start, no) as u8);
                        out.push(Instruction { code, jt, jf, k });
                    }
                }
            }
            return out;
        }
    }
}
