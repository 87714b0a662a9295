//! Reports as one page: tables, and plots drawn as SVG. Nothing is loaded, nothing runs.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Plot, Report};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 180.0;
/// Room for the figures beside and below.
const LEFT: f64 = 70.0;
const BELOW: f64 = 24.0;
const COLORS: [&str; 8] = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f"];
const STYLE: &str = "body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222}table{border-collapse:collapse}\
td,th{padding:.15em .8em .15em 0;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}\
h2{margin-top:1.6em}svg{display:block;margin:.4em 0}.key{margin-right:1.2em;white-space:nowrap}\
@media print{body{margin:0}}";

pub(super) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let mut page = String::new();
    let title = escaped(report.title);
    let _ = write!(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>");
    let _ = write!(page, "<style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n<table>");
    for (name, value) in &report.about {
        let _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escaped(value));
    }
    page.push_str("</table>\n");
    for section in &report.sections {
        let _ = writeln!(page, "<h2>{}</h2>", escaped(section.title));
        if section.rows.is_empty() {
            page.push_str("<p>none</p>\n");
            continue;
        }
        page.push_str("<table>\n");
        if section.columns.len() > 1 {
            let titles: String = section.columns.iter().map(|title| format!("<th>{}</th>", escaped(title))).collect();
            let _ = writeln!(page, "<tr>{titles}</tr>");
        }
        for row in &section.rows {
            let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
            let _ = writeln!(page, "<tr>{cells}</tr>");
        }
        page.push_str("</table>\n");
    }
    report.plots.iter().for_each(|plot| draw(&mut page, plot));
    page.push_str("</body></html>\n");
    out.write_all(page.as_bytes())
}

fn draw(page: &mut String, plot: &Plot) {
    let points = || plot.lines.iter().flat_map(|(_, points)| points);
    let end = points().map(|(at, _)| *at).fold(0.0_f64, f64::max);
    let most = points().map(|(_, value)| *value).fold(0.0_f64, f64::max);
    if end <= 0.0 {
        return;
    }
    let top = if most > 0.0 { most * 1.05 } else { 1.0 };
    let x = |at: f64| LEFT + at / end * (WIDTH - LEFT);
    let y = |value: f64| HEIGHT - value / top * HEIGHT;
    let _ = writeln!(page, "<h2>{}</h2>", escaped(&plot.title));
    let _ = write!(page, "<svg width=\"{WIDTH}\" height=\"{}\" role=\"img\" font-size=\"11\">", HEIGHT + BELOW);
    let axis = HEIGHT;
    let _ = write!(page, "<path d=\"M{LEFT} 0V{axis}H{WIDTH}\" fill=\"none\" stroke=\"#999\"/>");
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let (at, below) = (x(end * share), HEIGHT + 15.0);
        let _ = write!(page, "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"{anchor}\">{:.3} s</text>", end * share);
    }
    for (value, drop) in [(most, 10.0), (0.0, 0.0)] {
        let (at, beside) = (y(value) + drop, LEFT - 5.0);
        let _ = write!(page, "<text x=\"{beside}\" y=\"{at:.1}\" text-anchor=\"end\">{value:.4} {}</text>", plot.unit);
    }
    for ((_, points), color) in plot.lines.iter().zip(COLORS.iter().cycle()) {
        let path: Vec<String> = points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ = write!(page, "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\"/>", path.join(" "));
    }
    page.push_str("</svg>\n<p>");
    for ((name, _), color) in plot.lines.iter().zip(COLORS.iter().cycle()) {
        let _ =
            write!(page, "<span class=\"key\"><span style=\"color:{color}\">&#9632;</span> {}</span> ", escaped(name));
    }
    page.push_str("</p>\n");
}

fn escaped(text: &str) -> String {
    crate::text::escaped(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
