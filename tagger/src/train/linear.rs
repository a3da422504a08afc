//! The sparse softmax model in training: rows of weights with per-weight AdaGrad (Duchi, Hazan,
//! Singer 2011), a shared row and one row per source for every feature (Daumé 2007). Must not know
//! what a feature means.

/// Weights of one set of rows: per row `lanes` weights, then `lanes` sums of squared gradients.
#[derive(Debug)]
pub(crate) struct Rows {
    pub lanes: usize,
    data: Vec<f32>,
}

impl Rows {
    pub(crate) fn new(rows: usize, lanes: usize) -> Self {
        Self {
            lanes,
            data: vec![0.0; rows * lanes * 2],
        }
    }

    pub(crate) fn weights(&self, row: usize) -> &[f32] {
        let at = row * 2 * self.lanes;
        &self.data[at..at + self.lanes]
    }

    /// scores += row
    #[inline(always)]
    pub(crate) fn add_to(&self, row: usize, scores: &mut [f32]) {
        for (score, weight) in scores.iter_mut().zip(self.weights(row)) {
            *score += weight;
        }
    }

    /// One AdaGrad step against `gradient`.
    #[inline(always)]
    pub(crate) fn step(&mut self, row: usize, gradient: &[f32], rate: f32) {
        let at = row * 2 * self.lanes;
        let (weights, squares) = self.data[at..at + 2 * self.lanes].split_at_mut(self.lanes);
        for ((weight, square), g) in weights.iter_mut().zip(squares).zip(gradient) {
            *square += g * g;
            *weight -= rate * g / (square.sqrt() + 1e-6);
        }
    }
}

/// Turns scores into probabilities in place over the first `tags`; the other lanes become 0.
pub(crate) fn softmax(scores: &mut [f32], tags: usize) {
    let top = scores[..tags].iter().copied().fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for score in &mut scores[..tags] {
        *score = (*score - top).exp();
        sum += *score;
    }
    for score in &mut scores[..tags] {
        *score /= sum;
    }
    scores[tags..].fill(0.0);
}

/// Index of the highest score; the first of equals.
pub(crate) fn best(scores: &[f32]) -> usize {
    let mut at = 0;
    for (index, score) in scores.iter().enumerate() {
        if *score > scores[at] {
            at = index;
        }
    }
    at
}
