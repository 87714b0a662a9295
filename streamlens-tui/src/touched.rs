//! Flows that changed since they were looked at: taken down as they come, which may be all flows ten times a second.

use streamlens_model::row::FlowId;

/// Flows, each as often as it was taken down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched(Vec<FlowId>);

impl Touched {
    /// Takes a flow down.
    pub(crate) fn add(&mut self, flow: FlowId) {
        // its rows change together
        if self.0.last() == Some(&flow) {
            return;
        }
        if self.0.len() == self.0.capacity() {
            // so that it stays as small as there are flows, however long nobody asks
            self.0.sort_unstable();
            self.0.dedup();
        }
        self.0.push(flow);
    }

    /// The flows, each once, in their order; they stay.
    pub(crate) fn each(&mut self) -> &[FlowId] {
        self.0.sort_unstable();
        self.0.dedup();
        &self.0
    }

    /// None from here on.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flow_is_there_once_and_memory_is_that_of_the_flows() {
        let mut touched = Touched::default();
        for round in 0..1000_u32 {
            (0..10).for_each(|slot| touched.add(FlowId { slot: (slot * 7 + round) % 10, generation: 0 }));
        }
        assert!(touched.0.capacity() < 100, "{}", touched.0.capacity());
        assert_eq!(touched.each().iter().map(|flow| flow.slot).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
        touched.clear();
        assert!(touched.each().is_empty());
    }
}
