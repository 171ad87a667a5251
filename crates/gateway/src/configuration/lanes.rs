//! How urgent studies are.

use std::collections::BTreeSet;

use super::Configuration;
use super::read::{Fault, fault, unknown};

impl Configuration {
    pub(super) fn check_lanes(&self) -> Result<(), Fault> {
        let sites: BTreeSet<&str> =
            self.sites.iter().map(|site| site.id.get_ref().as_str()).collect();
        let mut known = BTreeSet::new();
        for spanned in &self.lanes {
            let rule = spanned.get_ref();
            if !known.insert(rule.id.as_str()) {
                return fault(spanned, format!("lane `{}` is declared twice", rule.id));
            }
            if let Some(site) = rule.site.as_ref().filter(|site| !sites.contains(site.as_str())) {
                return fault(spanned, unknown("site", site.as_str(), &sites));
            }
        }
        Ok(())
    }
}
