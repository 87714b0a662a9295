//! CSV: a line for each row of the hierarchy that is shown.

use std::io::{self, Write};

use streamlens::model::Flow;
use streamlens::model::row::{Csv, Field, Level};

use super::view::View;

/// Writes a header and the rows of all flows.
pub(crate) fn write<'a>(out: &mut impl Write, flows: &'a [Flow], fields: &[Field], view: View<'a>) -> io::Result<()> {
    let csv =
        if fields.is_empty() { Csv::usual(view.depth.shows(Level::Stream)) } else { Csv::of(fields.iter().cloned()) };
    let mut text = String::new();
    csv.header(&mut text);
    for flow in flows {
        view.rows(flow).for_each(|row| csv.row(&row, &mut text));
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    // the header, where there is no flow
    out.write_all(text.as_bytes())
}
