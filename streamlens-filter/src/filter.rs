//! A filter that was read.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use streamlens_model::row::{FindingIndex, FlowId, Level, LiveFlow, RowContext, RowId, RowRef, RowTable, rows};
use streamlens_model::{ApplicationEncoding, Flow, PacketTypeStats};

use crate::ast::Expr;
use crate::catalogue::Catalogue;
use crate::check::Checker;
use crate::error::FilterError;
use crate::eval::{Memo, Truth};
use crate::parse::parse;
use crate::program::Node;

/// A filter: asked of a row, it says yes, no, or that rows below decide.
///
/// ```
/// use streamlens_filter::{Catalogue, Filter};
/// use streamlens_model::Flow;
/// use streamlens_model::row::{RowContext, RowRef};
/// let filter = Filter::parse("packets > 2 and bytes < 1kB", &Catalogue::new())?;
/// let flow = Flow { total_packets: 3, total_bytes: 999, ..Flow::default() };
/// assert!(filter.matches(&RowRef::of_flow(&flow, RowContext::default())));
/// # Ok::<(), streamlens_filter::FilterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    expr: Expr,
    node: Node,
}

impl Filter {
    /// Reads a filter; the empty one is that of everything.
    ///
    /// # Errors
    ///
    /// Where it doesn't follow the grammar, where there is no such field or name, where types don't agree, and where it is
    /// longer than 4,096 characters or deeper than 64 brackets.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, FilterError> {
        let expr = parse(text)?;
        let node = Checker::new(text, catalogue).node(&expr)?;
        Ok(Self { expr, node })
    }

    /// What a row answers. Allocates nothing.
    #[must_use]
    pub fn ask(&self, row: &RowRef<'_>) -> Truth {
        self.node.ask(row, &mut Memo::default())
    }

    /// Whether a row matches.
    #[must_use]
    pub fn matches(&self, row: &RowRef<'_>) -> bool {
        self.node.holds(row, &mut Memo::default())
    }

    /// Whether it is the filter of everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        matches!(self.node, Node::Everything)
    }

    /// Whether it asks for findings, so that rows have to be read with a
    /// [`FindingIndex`](streamlens_model::row::FindingIndex).
    #[must_use]
    pub fn asks_for_findings(&self) -> bool {
        self.node.asks_for_findings()
    }

    /// Whether a flow is shown: it matches, or a row below it does. Allocates nothing, but where packet types lie in packet
    /// types.
    #[must_use]
    pub fn shows(&self, flow: &Flow, context: RowContext<'_>) -> bool {
        let mut memo = Memo::default();
        rows(flow, context).any(|row| self.node.holds(&row, &mut memo))
    }

    /// The rows of a flow that are shown, from the top: those that match, and those that lead to them. None where the flow is
    /// not shown.
    #[must_use]
    pub fn shown<'a>(&self, flow: &'a Flow, context: RowContext<'a>) -> Vec<RowRef<'a>> {
        let mut memo = Memo::default();
        let mut found: Vec<(RowRef<'a>, bool)> = Vec::new();
        // the rows above the last one, by their places
        let mut above: Vec<usize> = Vec::new();
        for row in rows(flow, context) {
            while above
                .last()
                .and_then(|last| found.get(*last))
                .is_some_and(|(last, _)| Some(last.id()) != row.parent())
            {
                above.pop();
            }
            let is_shown = self.node.holds(&row, &mut memo);
            if is_shown {
                for place in above.iter().rev() {
                    match found.get_mut(*place) {
                        Some((_, leads)) if !*leads => *leads = true,
                        // those above it are shown already
                        _ => break,
                    }
                }
            }
            above.push(found.len());
            found.push((row, is_shown));
        }
        found.into_iter().filter(|(_, is_shown)| *is_shown).map(|(row, _)| row).collect()
    }

    /// The live rows of a flow that are shown, as [`shown`](Self::shown) has them; none where the flow is not shown, or not in
    /// the table. `findings` are those of the table ([`RowTable::finding_index`]), which only filters need that
    /// [ask for them](Self::asks_for_findings). A look changes the answer of the flows that it has rows of, and with the time
    /// those of filters that ask for `age` or `idle`. What live rows don't carry is absent: see [`LiveFlow`].
    #[must_use]
    pub fn shown_live(&self, table: &RowTable, flow: FlowId, findings: Option<&FindingIndex>) -> Vec<RowId> {
        let Some(live) = LiveFlow::new(table, flow) else { return Vec::new() };
        let shown = self.shown(live.flow(), live.context(table, findings));
        shown.iter().filter_map(|row| live.row(row)).map(|row| row.id).collect()
    }

    /// Takes away the rows below a flow that are not shown, their figures staying as they are in those that are; false, and
    /// nothing is taken away, where the flow is not shown.
    pub fn prune(&self, flow: &mut Flow, context: RowContext<'_>) -> bool {
        if self.is_everything() {
            return true;
        }
        let shown: BTreeSet<RowId> = self.shown(flow, context).iter().map(RowRef::id).collect();
        if shown.is_empty() {
            return false;
        }
        let is_shown = |id: RowId| shown.contains(&id);
        let (id, mut transports) = (flow.id, 0..);
        flow.transport_protocols.retain_mut(|transport| {
            let place = transports.next().unwrap_or_default();
            let mut encodings = 0..;
            transport.application_encodings.retain_mut(|encoding| {
                let own = RowId::encoding(id, place, encodings.next().unwrap_or_default());
                is_shown(own) && {
                    prune_encoding(encoding, own, &is_shown);
                    true
                }
            });
            is_shown(RowId::transport(id, place))
        });
        true
    }
}

fn prune_encoding(encoding: &mut ApplicationEncoding, own: RowId, is_shown: &dyn Fn(RowId) -> bool) {
    let mut streams = 0..;
    encoding.health.streams.retain(|_| is_shown(own.below(Level::Stream, streams.next().unwrap_or_default())));
    let mut next = 0;
    prune_types(&mut encoding.packet_types, own, &mut next, is_shown);
}

/// Packet types are numbered in pre-order.
fn prune_types(kinds: &mut Vec<PacketTypeStats>, own: RowId, next: &mut u32, is_shown: &dyn Fn(RowId) -> bool) {
    kinds.retain_mut(|kind| {
        let number = *next;
        *next = next.saturating_add(1);
        prune_types(&mut kind.packet_types, own, next, is_shown);
        is_shown(own.below(Level::PacketType, number))
    });
}

/// Printed so that reading it again gives the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// Two filters are equal that are written alike, but for blanks, brackets that mean nothing, and the words for signs.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

/// Without encodings and named filters: for tests and for what has no registry.
impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text, &Catalogue::new())
    }
}
