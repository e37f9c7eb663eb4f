//! Repeated measurements as one number, and their spread.

/// The median of some numbers, and their spread.
#[derive(Debug, PartialEq)]
pub struct Spread {
    least: f64,
    /// The median.
    pub median: f64,
    most: f64,
}

impl Spread {
    /// Of these numbers; the median is not a number when there are none.
    pub fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut numbers: Vec<f64> = numbers.collect();
        numbers.sort_by(f64::total_cmp);
        let at = |at: usize| numbers.get(at).copied().unwrap_or(f64::NAN);
        Self {
            least: at(0),
            median: at(numbers.len() / 2),
            most: at(numbers.len().saturating_sub(1)),
        }
    }

    /// The median, the least and the greatest as text.
    pub fn shown(&self) -> String {
        match self.median.is_nan() {
            true => String::new(),
            false => format!("{:.2} ({:.2}–{:.2})", self.median, self.least, self.most),
        }
    }
}

/// A number as text, or nothing when nothing was measured.
pub fn written(number: f64, decimals: usize) -> String {
    match number.is_nan() {
        true => String::new(),
        false => format!("{number:.decimals$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_numbers() {
        let spread = Spread::of([3.0, 1.0, 10.0].into_iter());
        assert_eq!(spread.shown(), "3.00 (1.00–10.00)");
    }
}
