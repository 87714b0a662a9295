//! What the interface is told, and what it asks for: it knows neither files nor sockets.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use streamlens_model::row::{Delta, FlowId, Level, RowId, RowName, RowTable};
use streamlens_model::{CaptureSummary, Flow, FlowKey, Position, RingUse, Timestamp};

/// Where frames come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Files, as fast as they can be read: rates are those of the whole span.
    #[default]
    File,
    /// Files at their own pace.
    Replay,
    /// Interfaces.
    Live,
}

/// How it stands with the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What is read: names of files or interfaces.
    pub name: String,
    /// What kind of source it is.
    pub kind: Kind,
    /// Whether all has been read.
    pub has_ended: bool,
    /// Why it ended, where something failed.
    pub failure: Option<String>,
    /// In a word what is wrong where something of it could not be read, such as `cut off`.
    pub lacking: Option<&'static str>,
    /// How far a file has been read.
    pub position: Position,
    /// Who stamped the frames: `kernel`, `adapter`; empty where that is unknown.
    pub stamps: String,
    /// Frames dropped by the ring; `None` where there is none.
    pub dropped: Option<u64>,
    /// How full the rings of all interfaces are; `None` where there are none.
    pub ring: Option<RingUse>,
    /// Whether it passes only once, so that nothing can be read again: standard input does.
    pub is_once: bool,
    /// What there is to say of the source, in sentences; new ones are shown when they come.
    pub notices: Vec<String>,
}

/// Which packets are to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Packets {
    /// Those of these flows; of all where there are none.
    pub flows: BTreeSet<FlowKey>,
    /// Those of this span of time; of all times where there is none.
    pub span: Option<Range<Timestamp>>,
    /// Of the one flow that is named, those of a row below it alone; all where there is none.
    pub row: Option<RowPath>,
}

/// A row below a flow by what leads to it, so that it is found in another analysis of the same flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPath {
    level: Level,
    /// What the rows are called from the transport on; streams by their identifiers.
    names: Vec<Arc<str>>,
}

impl RowPath {
    /// Of a row of a table; `None` of flows, and where there is no such row.
    #[must_use]
    pub fn of(table: &RowTable, id: RowId) -> Option<Self> {
        let (mut names, mut at) = (Vec::new(), id);
        while at.level != Level::Flow {
            let (row, name) = table.rows.get(&at)?;
            match name.as_ref()? {
                RowName::Named(name) | RowName::Stream(name, _) => names.push(Arc::clone(name)),
                RowName::Flow(..) => return None,
            }
            at = row.parent?;
        }
        names.reverse();
        (!names.is_empty()).then_some(Self { level: id.level, names })
    }
}

/// Displayed as `IENA P-type`; a transport is named where nothing else is.
impl fmt::Display for RowPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = if self.names.len() > 1 { self.names.get(1..).unwrap_or_default() } else { &self.names };
        f.write_str(&names.join(" "))
    }
}

/// What is asked of whoever runs the interface.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Write packets to a file; answered by [`Answer::Said`].
    Write(Packets, PathBuf),
    /// Decode the packets of a flow's transport as an encoding: files are read again, live it holds from now on. Answered
    /// by [`Answer::Said`].
    DecodeAs(FlowKey, String, String),
    /// These flows are not to end for want of room.
    Keep(BTreeSet<FlowId>),
    /// Counts per interval of so many nanoseconds of a flow's rows over the whole capture; answered by [`Answer::Series`].
    Series(FlowId, u64),
}

/// What comes of a request, some time later.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To be told in the status line.
    Said(String),
    /// A flow with its intervals; the share that was read so far, 0.0 to 1.0, where it isn't all.
    Series(FlowId, Result<Box<Flow>, f64>),
}

/// The running analysis.
pub trait Feed {
    /// What changed since the last call; doesn't wait.
    fn changes(&mut self) -> Vec<Arc<Delta>>;

    /// The whole of a flow; `None` where it has ended.
    fn detail(&mut self, flow: FlowId) -> Option<Box<Flow>>;

    /// What is known of the capture as a whole; `None` where it can't be had.
    fn capture(&mut self) -> Option<Box<CaptureSummary>>;

    /// What there is to say of the process that reads: names, such as `memory` and `sandbox`, each with a sentence. A name may
    /// come several times.
    fn process(&mut self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// How it stands with the source.
    fn status(&mut self) -> Status;

    /// Asks for something.
    fn ask(&mut self, request: Request);

    /// What came of requests since the last call; doesn't wait.
    fn answers(&mut self) -> Vec<Answer>;
}
