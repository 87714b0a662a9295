//! Reports as text in columns, and as CSV.

use std::io::{self, Write};

use super::Report;
use crate::text::{escaped, width};

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    writeln!(out, "{}\n", report.title)?;
    for (name, value) in &report.about {
        writeln!(out, "{name:<10}{}", escaped(value))?;
    }
    for section in &report.sections {
        writeln!(out, "\n{}", section.title)?;
        if section.rows.is_empty() {
            writeln!(out, "  none")?;
            continue;
        }
        let mut widths: Vec<usize> = section.columns.iter().map(|title| width(title)).collect();
        for row in &section.rows {
            widths.iter_mut().zip(row).for_each(|(most, cell)| *most = (*most).max(width(&escaped(cell))));
        }
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for (cell, wide) in cells.zip(&widths) {
                let cell = escaped(cell);
                line += &format!("  {cell}{}", " ".repeat(wide.saturating_sub(width(&cell))));
            }
            line.trim_end().to_owned()
        };
        if section.columns.len() > 1 {
            writeln!(out, "{}", line(&mut section.columns.iter().copied()))?;
        }
        for row in &section.rows {
            writeln!(out, "{}", line(&mut row.iter().map(String::as_str)))?;
        }
    }
    Ok(())
}

/// A line for each row of each section: the section, then each cell behind the title of its column. What the report is about stands
/// before them, with its filter, in a section of its own. Every line has as many fields as the widest needs.
pub(super) fn write_csv(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let quoted = |text: &str| format!("\"{}\"", escaped(text).replace('"', "\"\""));
    let widest = report.sections.iter().map(|section| section.columns.len()).max().unwrap_or(0).max(1);
    let titles = (1..=widest).map(|place| format!(",column_{place},value_{place}"));
    writeln!(out, "section{}", titles.collect::<String>())?;
    let mut line = |section: &str, cells: &mut dyn Iterator<Item = (&str, &str)>| {
        let cells: Vec<_> = cells.map(|(title, cell)| format!(",{},{}", quoted(title), quoted(cell))).collect();
        writeln!(out, "{}{}{}", quoted(section), cells.concat(), ",,".repeat(widest.saturating_sub(cells.len())))
    };
    for (name, value) in &report.about {
        line(report.title, &mut std::iter::once((*name, value.as_str())))?;
    }
    for section in &report.sections {
        for row in &section.rows {
            line(section.title, &mut section.columns.iter().copied().zip(row.iter().map(String::as_str)))?;
        }
    }
    Ok(())
}
