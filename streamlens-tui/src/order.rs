//! The order of the flows: by a column, renewed now and then, of changed flows alone.

use std::collections::HashMap;

use streamlens_model::row::{Field, FlowId, Gather, Level, LiveFlow, RowTable, SortKey, rows};

use crate::touched::Touched;

/// By which column flows are ordered, and what each flow has there.
#[derive(Debug)]
pub(crate) struct Order {
    field: Field,
    is_turned: bool,
    keys: HashMap<FlowId, Option<SortKey>>,
    /// Flows that changed since their keys were read.
    changed: Touched,
}

impl Default for Order {
    /// The flow that was seen first stands first.
    fn default() -> Self {
        Self::by("first_seen").unwrap_or_else(|| unreachable!("the model has the column"))
    }
}

impl Order {
    /// The order by a column.
    #[must_use]
    pub(crate) fn by(name: &str) -> Option<Self> {
        let field = Field::find(name)?;
        Some(Self { field, is_turned: false, keys: HashMap::new(), changed: Touched::default() })
    }

    /// The column.
    #[must_use]
    pub(crate) fn field(&self) -> &Field {
        &self.field
    }

    /// Turns the order.
    pub(crate) fn turn(&mut self) {
        self.is_turned = !self.is_turned;
    }

    /// Whether values grow from the top to the bottom.
    #[must_use]
    pub(crate) fn is_ascending(&self) -> bool {
        (self.field.gather() == Gather::Least) != self.is_turned
    }

    /// Whether flows are ordered by what changes with each frame.
    pub(crate) fn asks_figures(&self) -> bool {
        !matches!(self.field.name(), "first_seen" | "src" | "dst" | "vlan" | "cast")
    }

    /// A flow changed, appeared or ended.
    pub(crate) fn touch(&mut self, flow: FlowId) {
        self.changed.add(flow);
    }

    /// All flows are others.
    pub(crate) fn forget(&mut self) {
        self.keys.clear();
        self.changed.clear();
    }

    /// Brings flows into order. Equal ones stay in the order of their identifiers. Those that changed are read again where
    /// `reads_changed`, for which the table has to have their figures.
    pub(crate) fn sort(&mut self, flows: &mut [FlowId], table: &RowTable, reads_changed: bool) {
        if self.keys.len() > 2 * flows.len() + 1024 {
            self.keys.clear();
        }
        if reads_changed {
            for flow in self.changed.each() {
                self.keys.remove(flow);
            }
            self.changed.clear();
        }
        let is_of_flows = self.field.is_at(Level::Flow);
        for flow in flows.iter() {
            if self.keys.contains_key(flow) {
                continue;
            }
            let live = if is_of_flows { LiveFlow::alone(table, *flow) } else { LiveFlow::new(table, *flow) };
            let key = live.and_then(|live| SortKey::of(rows(live.flow(), live.context(table, None)), &self.field));
            self.keys.insert(*flow, key);
        }
        let key = |flow: &FlowId| self.keys.get(flow).and_then(Option::as_ref);
        flows.sort_by(|one, other| {
            let (first, second) = (key(one), key(other));
            let order = match (first, second, self.is_turned) {
                // what is undefined stays last
                (Some(_), Some(_), true) => SortKey::compare(second, first, self.field.gather()),
                _ => SortKey::compare(first, second, self.field.gather()),
            };
            order.then(one.cmp(other))
        });
    }
}

#[cfg(test)]
mod tests {
    use streamlens_model::row::{Row, RowId, RowName};
    use streamlens_model::{FlowKey, TrafficType};

    use super::*;

    #[test]
    fn equal_flows_keep_their_order_and_undefined_ones_are_last() {
        let mut table = RowTable::default();
        for (slot, rate) in [(0, None), (1, Some(5.0)), (2, Some(9.0)), (3, Some(5.0))] {
            let id = RowId::flow(FlowId { slot, generation: 0 });
            let name = RowName::Flow(FlowKey::default(), Some(TrafficType::default()));
            table.rows.insert(id, (Row { id, bit_rate: rate, ..Row::default() }, Some(name)));
        }
        let mut order = Order::by("rate").unwrap();
        let mut flows: Vec<FlowId> = table.rows.keys().map(|id| id.flow).collect();
        let slots = |flows: &[FlowId]| flows.iter().map(|flow| flow.slot).collect::<Vec<_>>();
        order.sort(&mut flows, &table, true);
        assert_eq!((slots(&flows), order.is_ascending()), (vec![2, 1, 3, 0], false));
        order.turn();
        order.sort(&mut flows, &table, true);
        assert_eq!((slots(&flows), order.is_ascending()), (vec![1, 3, 2, 0], true));
    }
}
