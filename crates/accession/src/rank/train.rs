//! Probabilities of agreement, without knowing which pairs are true.

use std::collections::HashMap;

use super::{Field, Level, Prepared, Scorer, Trained};

impl Scorer {
    /// Learns from records of two sources and from pairs of them, of which some should be true and most not: what a few
    /// exact keys bring together. Nothing says which.
    ///
    /// How often values agree by chance comes from pairs taken at large, how often they agree in true pairs from expectation
    /// and maximisation over the given ones (30 rounds). The result depends on nothing else.
    pub fn train<R: AsRef<[String]>>(
        fields: &[Field],
        ours: &[R],
        theirs: &[R],
        pairs: &[(usize, usize)],
    ) -> Self {
        let mut scorer = Self::untrained(fields);
        for record in ours.iter().chain(theirs) {
            for (trained, value) in scorer.fields.iter_mut().zip(record.as_ref()) {
                trained.count(value);
            }
        }
        let prepare = |records: &[R]| -> Vec<Prepared> {
            records.iter().map(|record| scorer.prepare(record.as_ref())).collect()
        };
        let (ours, theirs) = (prepare(ours), prepare(theirs));
        let by_chance = scorer.patterns(&ours, &theirs, at_large(ours.len(), theirs.len()));
        scorer.learn_chance(&by_chance);
        let given = scorer.patterns(&ours, &theirs, pairs.iter().copied());
        scorer.learn_truth(&given);
        scorer
    }

    fn patterns(
        &self,
        ours: &[Prepared],
        theirs: &[Prepared],
        pairs: impl Iterator<Item = (usize, usize)>,
    ) -> Vec<(Vec<Level>, f64)> {
        let mut counts: HashMap<Vec<Level>, f64> = HashMap::new();
        for (one, other) in pairs {
            if let (Some(one), Some(other)) = (ours.get(one), theirs.get(other)) {
                *counts.entry(self.levels(one, other)).or_default() += 1.0;
            }
        }
        let mut counts: Vec<(Vec<Level>, f64)> = counts.into_iter().collect();
        // Sums of floating point numbers depend on their order.
        counts.sort_by(|one, other| one.0.cmp(&other.0));
        counts
    }

    fn learn_chance(&mut self, patterns: &[(Vec<Level>, f64)]) {
        let weights = vec![1.0; patterns.len()];
        for (place, trained) in self.fields.iter_mut().enumerate() {
            trained.chance = share(place, patterns, &weights);
        }
    }

    fn learn_truth(&mut self, patterns: &[(Vec<Level>, f64)]) {
        // Pairs that were brought together agree more often than by chance even where they are false, so that the false
        // ones among them get probabilities of their own, which are forgotten afterwards.
        let mut false_ones: Vec<[f64; Level::COUNT]> =
            self.fields.iter().map(|trained| trained.chance).collect();
        let mut true_share = 0.05;
        for _ in 0..ROUNDS {
            let weights: Vec<f64> = patterns
                .iter()
                .map(|(levels, _)| {
                    let (mut truth, mut chance) = (true_share, 1.0 - true_share);
                    for ((level, trained), other) in
                        levels.iter().zip(&self.fields).zip(&false_ones)
                    {
                        if *level != Level::Missing {
                            truth *= trained.truth[*level as usize];
                            chance *= other[*level as usize];
                        }
                    }
                    truth / (truth + chance).max(f64::MIN_POSITIVE)
                })
                .collect();
            let inverse: Vec<f64> = weights.iter().map(|weight| 1.0 - weight).collect();
            for (place, trained) in self.fields.iter_mut().enumerate() {
                trained.truth = share(place, patterns, &weights);
                if let Some(other) = false_ones.get_mut(place) {
                    *other = share(place, patterns, &inverse);
                }
            }
            let of = |(weight, (_, count)): (&f64, &(Vec<Level>, f64))| weight * count;
            let all: f64 = patterns.iter().map(|(_, count)| count).sum();
            let sum: f64 = weights.iter().zip(patterns).map(of).sum();
            true_share = (sum / all.max(1.0)).clamp(1e-6, 0.99);
        }
    }
}

impl Trained {
    fn count(&mut self, value: &str) {
        let value = super::normalised(value, self.field.comparison);
        if !value.is_empty() {
            *self.frequencies.entry(value).or_default() += 1;
            self.values += 1;
        }
    }
}

/// The share of each level of one field, each pattern by its weight; none is left at nothing.
fn share(place: usize, patterns: &[(Vec<Level>, f64)], weights: &[f64]) -> [f64; Level::COUNT] {
    let mut sums = [0.01; Level::COUNT];
    for ((levels, count), weight) in patterns.iter().zip(weights) {
        if let Some(level) = levels.get(place).filter(|level| **level != Level::Missing) {
            sums[*level as usize] += count * weight;
        }
    }
    let all: f64 = sums.iter().skip(1).sum();
    sums.map(|sum| sum / all)
}

/// Pairs at large, evenly spread and always the same.
fn at_large(ours: usize, theirs: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = ours.saturating_mul(theirs).min(PAIRS_AT_LARGE);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(state) * below as u128) >> 64) as usize
    };
    (0..count).map(move |_| (next(ours), next(theirs)))
}

const ROUNDS: usize = 30;
const PAIRS_AT_LARGE: usize = 200_000;
