//! Bars and charts in characters.

/// Eighths of a bar.
const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
/// Eighths of a column.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar of a share of a width; whatever isn't 0 is seen.
pub(crate) fn bar(share: f64, width: usize) -> String {
    if share <= 0.0 || width == 0 {
        return String::new();
    }
    let eighths = ((share.min(1.0) * width as f64 * 8.0).round() as usize).max(1);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A line of columns, a character a value, up to the greatest; blank where there is no value.
pub(crate) fn sparkline(values: &[Option<f64>]) -> String {
    let most = values.iter().flatten().fold(0.0_f64, |most, value| most.max(*value));
    values.iter().map(|value| value.map_or(' ', |value| level(value, most))).collect()
}

fn level(value: f64, most: f64) -> char {
    if most <= 0.0 || value <= 0.0 {
        return LEVELS[0];
    }
    LEVELS[((value / most * 8.0).ceil() as usize).clamp(1, 8) - 1]
}

/// Columns of several lines, from the top.
pub(crate) fn columns(values: &[Option<f64>], most: f64, height: usize) -> Vec<String> {
    let eighths = |value: f64| {
        let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
        ((share * height as f64 * 8.0).round() as usize).max(1)
    };
    let symbol = |value: &Option<f64>, line: usize| match value.map(eighths) {
        Some(eighths) if eighths > line * 8 => LEVELS[(eighths - line * 8).min(8) - 1],
        _ => ' ',
    };
    (0..height).rev().map(|line| values.iter().map(|value| symbol(value, line)).collect()).collect()
}

/// Fits values into so many columns: neighbours are joined by the greatest of them.
pub(crate) fn fitted(values: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    if values.len() <= width || width == 0 {
        return values.to_vec();
    }
    let group = |place: usize| {
        let (from, to) = (place * values.len() / width, (place + 1) * values.len() / width);
        let values = values.get(from..to).unwrap_or_default().iter().flatten();
        values.copied().reduce(f64::max)
    };
    (0..width).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen() {
        assert_eq!([bar(0.0, 4), bar(1e-9, 4), bar(0.5, 4), bar(1.0, 4)], ["", "▏", "██", "████"]);
        assert_eq!(sparkline(&[Some(0.0), None, Some(1.0), Some(8.0)]), "▁ ▁█");
        assert_eq!(columns(&[Some(1.0), None, Some(4.0)], 4.0, 2), ["  █", "▄ █"]);
        assert_eq!(fitted(&[Some(1.0), Some(3.0), None, Some(2.0)], 2), [Some(3.0), Some(2.0)]);
    }
}
