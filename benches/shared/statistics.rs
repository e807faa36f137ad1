//! What is told of many measurements.

/// The measurements of one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value below which `share` of them are; 0 when there are none.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    }

    /// Each of them beside the other's of the same place: what was measured in turn has the machine's ups and downs in common.
    pub(crate) fn ratios(&self, other: &Self) -> Self {
        self.0.iter().zip(&other.0).map(|(one, two)| one / two).collect()
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}
