//! The straight line through points.

/// The slope of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// What y rises by for each x.
    pub value: f64,
    /// The standard error of that: how far the value may well be off by what the points scatter.
    pub error: f64,
}

impl Slope {
    /// The slope in another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { value: self.value * factor, error: self.error * factor }
    }

    /// The value, where twice its standard error is at most so much, or half of the value; `None` where the points tell less.
    #[must_use]
    pub fn known_within(self, least: f64) -> Option<f64> {
        (2.0 * self.error <= least.max(self.value.abs() / 2.0)).then_some(self.value)
    }
}

/// A straight line through points by least squares, in constant memory (Welford's form of variances and covariance).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Line {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    /// Sums of products of what the points differ from the means by: x with x, x with y, y with y.
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Line {
    /// Adds a point.
    #[inline]
    pub fn push(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        let (dx, dy) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += dx / self.count;
        self.mean_y += dy / self.count;
        self.xx += dx * (x - self.mean_x);
        self.xy += dx * (y - self.mean_y);
        self.yy += dy * (y - self.mean_y);
    }

    /// Number of points.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count as u64
    }

    /// The slope; `None` below three points, or where all have the same x.
    #[must_use]
    pub fn slope(&self) -> Option<Slope> {
        if self.count < 3.0 || self.xx <= 0.0 {
            return None;
        }
        Some(Slope { value: self.xy / self.xx, error: (self.left() / (self.count - 2.0) / self.xx).sqrt() })
    }

    /// The sum of squares of what y rises by along the line.
    #[must_use]
    pub fn rise(&self) -> f64 {
        if self.xx > 0.0 { self.xy * self.xy / self.xx } else { 0.0 }
    }

    /// The sum of squares of what lies beside the line.
    #[must_use]
    pub fn left(&self) -> f64 {
        (self.yy - self.rise()).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_what_lies_beside_it_are_those_of_two_passes() {
        let points: Vec<_> =
            (0..200_i32).map(|n| (f64::from(n) * 0.02, f64::from(n) * 0.3 + f64::from(n * n % 7))).collect();
        let mut line = Line::default();
        points.iter().for_each(|&(x, y)| line.push(x, y));
        let count = points.len() as f64;
        let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
        let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
        let value = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / spread;
        let left: f64 = points.iter().map(|point| (point.1 - y - value * (point.0 - x)).powi(2)).sum();
        let slope = line.slope().expect("a slope");
        assert!((slope.value - value).abs() < 1e-9, "{slope:?}");
        assert!((slope.error - (left / (count - 2.0) / spread).sqrt()).abs() < 1e-9, "{slope:?}");
        assert!((line.left() - left).abs() < 1e-6);
    }

    #[test]
    fn two_points_or_one_place_have_no_slope() {
        let mut line = Line::default();
        line.push(0.0, 1.0);
        line.push(1.0, 2.0);
        assert_eq!(line.slope(), None);
        let mut line = Line::default();
        (0..9).for_each(|y| line.push(1.0, f64::from(y)));
        assert_eq!(line.slope(), None);
    }
}
