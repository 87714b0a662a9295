//! The table for people: the hierarchy as a tree, then the capture and the findings.

mod bursts;
mod figures;
mod gaps;
mod layout;
mod networks;
mod rows;
mod summary;
mod unidentified;

pub(crate) use self::gaps::HOLE;
#[cfg(test)]
pub(crate) use self::rows::percent;
pub(crate) use self::summary::MOST_FINDINGS;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use streamlens::model::Analysis;
use streamlens::model::row::Field;

use self::figures::Figures;
use self::layout::Layout;
use super::view::View;

/// What the output can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Columns of the output; `None` where there is no limit.
    pub(crate) width: Option<usize>,
    /// Whether styles are written.
    pub(crate) is_coloured: bool,
}

const TITLE: Style = Style::new().bold();
const ENCODING: Style = AnsiColor::Cyan.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const INFO: Style = AnsiColor::Blue.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();

impl Look {
    /// The text in a style, where styles are written.
    fn paint(self, style: Style, text: &str) -> String {
        if self.is_coloured && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// What of the table is shown beside or in place of the flows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    /// All of what spans flows, in place of these.
    pub(crate) networks: bool,
    /// All gaps, in place of the flows.
    pub(crate) gaps: bool,
    /// What no decoder takes, in place of the flows.
    pub(crate) unidentified: bool,
}

/// What spans flows, as titles and lines, for whoever shows it elsewhere.
pub(crate) fn networks_of(analysis: &Analysis) -> Vec<(&'static str, Vec<String>)> {
    networks::groups(analysis).into_iter().map(|group| (group.title, group.lines)).collect()
}

/// Writes the table. `matched` is how many flows a filter showed, where there is one; `fields` are the columns of figures, the usual ones
/// where there are none; `sort` is that by which the flows are in order, where it was asked for.
pub(crate) fn write(
    out: &mut impl Write,
    analysis: &Analysis,
    matched: Option<usize>,
    (fields, sort): (&[Field], Option<&Field>),
    (view, parts): (View<'_>, Parts),
    look: Look,
) -> io::Result<()> {
    if parts.gaps {
        gaps::write(out, analysis, look)?;
    } else if parts.unidentified {
        unidentified::write(out, analysis, look)?;
    } else if !parts.networks && !analysis.flows.is_empty() {
        flows(out, analysis, &Figures::new(fields, sort), view, look)?;
    }
    summary::write(out, analysis, matched, parts.networks, look)
}

/// Writes the flows as a tree.
fn flows(out: &mut impl Write, analysis: &Analysis, figures: &Figures, view: View<'_>, look: Look) -> io::Result<()> {
    let mut measured = layout::Natural::default();
    analysis.flows.iter().for_each(|flow| rows::of_flow(flow, view, figures, &mut |row| measured.note(row)));
    let layout = Layout::new(&measured, figures, look);
    layout.write_titles(out)?;
    for flow in &analysis.flows {
        let mut result = Ok(());
        rows::of_flow(flow, view, figures, &mut |row| {
            if result.is_ok() {
                result = layout.write_row(out, row);
            }
        });
        result?;
    }
    writeln!(out)
}
