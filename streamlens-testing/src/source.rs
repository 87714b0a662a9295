//! A source of frames that a closure makes.

use streamlens_model::{FrameBatch, FrameSource, Interface, SourceError, Warning};

/// Fills each batch by the closure, which is given it empty, until that says that nothing follows. It has no interface, no
/// warning, and is called `made`.
#[derive(Debug)]
pub struct Source<F>(pub F);

impl<F: FnMut(&mut FrameBatch) -> bool + Send> FrameSource for Source<F> {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        Ok((self.0)(batch))
    }
    fn interfaces(&self) -> &[Interface] {
        &[]
    }
    fn warnings(&self) -> &[Warning] {
        &[]
    }
    fn format(&self) -> &'static str {
        "made"
    }
    fn name(&self) -> &'static str {
        "made"
    }
}
