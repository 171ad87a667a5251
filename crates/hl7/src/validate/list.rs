//! Collecting findings.

use std::ops::Range;

use super::FINDINGS_MAX;
use super::adjustment::{Adjustment, adjusted};
use super::finding::{Finding, FindingCode};
use crate::{Location, Severity};

/// The list of findings, bounded, as a site wants them.
#[derive(Default)]
pub(super) struct Findings<'a> {
    adjustments: &'a [Adjustment],
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(adjustments: &'a [Adjustment]) -> Self {
        Self { adjustments, list: Vec::new() }
    }

    /// Adds what the site does not silence, which takes no room.
    pub(super) fn add(
        &mut self,
        (code, severity): (FindingCode, Severity),
        location: Location,
        span: Range<usize>,
        text: impl Into<String>,
    ) {
        if self.is_full() {
            return;
        }
        let adjusted = adjusted(self.adjustments, code, location, severity);
        if let Some(severity) = adjusted {
            self.list.push(Finding { code, severity, location, span, text: text.into() });
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= FINDINGS_MAX
    }

    /// A profile may ask again for what the tables ask for: one finding for each code and place is enough, the gravest.
    pub(super) fn into_list(self) -> Vec<Finding> {
        let mut list: Vec<Finding> = Vec::with_capacity(self.list.len());
        let mut places = std::collections::BTreeMap::new();
        for finding in self.list {
            let key = (finding.code, finding.location);
            match places.get(&key).and_then(|&index: &usize| list.get_mut(index)) {
                Some(known) if known.severity < finding.severity => *known = finding,
                Some(_) => {}
                None => {
                    places.insert(key, list.len());
                    list.push(finding);
                }
            }
        }
        list
    }
}
