//! Which columns stand on a screen of a width: those of the model's table, the most important ones first.

use streamlens_model::row::{Amount, COLUMNS, Field, Kind};

/// A column of the screen.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// What it shows.
    pub field: Field,
    /// Its heading.
    pub heading: String,
    /// Columns of the terminal that it takes, with the one in front of it.
    pub width: usize,
}

/// How a column of the model is called here, how wide it is, and from which width of the screen on it stands there by itself.
struct Known {
    name: &'static str,
    heading: &'static str,
    width: usize,
    from: usize,
}

const fn known(name: &'static str, heading: &'static str, width: usize, from: usize) -> Known {
    Known { name, heading, width, from }
}

/// The columns that are shown unless others are chosen, in their order.
const KNOWN: &[Known] = &[
    known("vlan", "VLAN", 5, 110),
    known("transport", "Proto", 6, 62),
    known("cast", "Cast", 6, 72),
    known("packets", "#Frames", 9, 0),
    known("bytes", "Bytes", 7, 50),
    known("rate", "Rate", 7, 87),
    known("pps", "pkt/s", 8, 95),
    known("dt", "ΔT", 8, 58),
    known("p99", "ΔT p99", 8, 118),
    known("jitter", "Jitter", 8, 103),
    known("lost", "Lost", 6, 126),
];

/// Columns that live rows do not carry.
const ABSENT: [&str; 11] =
    ["mac", "mac.src", "mac.dst", "eth.addr", "eth.src", "eth.dst", "dscp", "ttl", "candidate", "reason", "name"];

/// The least width of the tree, and of its part for sources.
const LEAST_TREE: usize = 20;
/// Columns for the chart of the last minute, with the one in front.
pub(crate) const CHART: usize = 11;
/// From this width on the chart stands there by itself.
const CHART_FROM: usize = 137;

/// What stands where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    /// Width of the tree: names of rows, and sources of flows.
    pub tree: usize,
    /// Width of the destinations; 0 where there is no room.
    pub destination: usize,
    /// The columns behind them.
    pub columns: Vec<Shown>,
    /// Whether there is a chart of the last minute.
    pub has_chart: bool,
}

/// The names of all columns that can be chosen.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    let names = COLUMNS.iter().map(|column| column.name);
    names.filter(|name| !ABSENT.contains(name) && !matches!(*name, "src" | "dst" | "level") && !name.contains("ip."))
}

/// A column of that name as it is shown.
#[must_use]
pub(crate) fn shown(name: &str) -> Option<Shown> {
    let field = Field::find(name)?;
    if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
        return Some(Shown { field, heading: known.heading.to_owned(), width: known.width });
    }
    let width = match field.kind() {
        Kind::Number(Amount::Duration | Amount::Size | Amount::BitRate) => 8,
        Kind::Number(Amount::PacketRate | Amount::Plain) => 9,
        Kind::Number(Amount::Share | Amount::Ppm) => 10,
        Kind::Instant => 16,
        Kind::Endpoint => 22,
        Kind::Mac => 18,
        Kind::Text | Kind::Any => 18,
        Kind::Name(_) => 11,
    };
    let heading = name.to_owned();
    Some(Shown { width: width.max(heading.len() + 1), field, heading })
}

/// The names of the columns that stand on a screen of that width by themselves.
#[must_use]
pub(crate) fn by_width(width: usize) -> Vec<&'static str> {
    KNOWN.iter().filter(|known| width >= known.from).map(|known| known.name).collect()
}

/// Lays the columns out: those that were chosen, or those that fit. What is left goes to sources and destinations.
#[must_use]
pub(crate) fn layout(width: usize, chosen: Option<&[String]>, is_exact: bool) -> Layout {
    let names: Vec<&str> = match chosen {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => by_width(width),
    };
    let has_chart = match chosen {
        Some(names) => names.iter().any(|name| name == "history"),
        None => width >= CHART_FROM,
    };
    let mut left = width.saturating_sub(LEAST_TREE + 2 + if has_chart { CHART } else { 0 });
    let mut columns = Vec::new();
    for mut shown in names.into_iter().filter_map(shown) {
        if is_exact && matches!(shown.field.kind(), Kind::Number(_)) {
            shown.width = shown.width.max(16);
        }
        if shown.width > left {
            break;
        }
        left -= shown.width;
        columns.push(shown);
    }
    // 24 and 20 on a screen of 80; on wider ones as much as addresses of IPv6 need
    let both = LEAST_TREE + left;
    let destination = match both {
        0..36 => 0,
        _ => (both * 20 / 44).min(46),
    };
    Layout { tree: (both - destination).min(52), destination, columns, has_chart }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_with_the_width() {
        let names = |width| {
            let layout = layout(width, None, false);
            let names: Vec<_> = layout.columns.iter().map(|column| column.heading.clone()).collect();
            (layout.tree, layout.destination, names.join(" "))
        };
        assert_eq!(names(80), (23, 19, "Proto Cast #Frames Bytes ΔT".to_owned()));
        assert_eq!(names(40), (29, 0, "#Frames".to_owned()));
        let wide = names(200);
        assert_eq!(wide.2, "VLAN Proto Cast #Frames Bytes Rate pkt/s ΔT ΔT p99 Jitter Lost");
    }

    #[test]
    fn no_layout_is_wider_than_the_screen() {
        for width in 20..220 {
            for is_exact in [false, true] {
                let layout = layout(width, None, is_exact);
                let columns: usize = layout.columns.iter().map(|column| column.width).sum();
                let chart = if layout.has_chart { CHART } else { 0 };
                assert!(layout.tree + layout.destination + columns + chart + 2 <= width.max(22), "{width}");
            }
        }
    }

    #[test]
    fn every_column_can_be_shown() {
        assert!(all().count() > 40);
        assert!(all().all(|name| shown(name).is_some()));
    }
}
