//! Profiles to check messages by.

use anyhow::{Context, Result};
use telerad::hl7::validate::Profile;

/// A profile that is built in (`RAD-4`, `TLR-FR-1`, …), or a TOML file with a site's own rules.
pub fn read_profile(name: &str) -> Result<Profile> {
    if name.ends_with(".toml") {
        let text = std::fs::read_to_string(name).with_context(|| format!("cannot read {name}"))?;
        return Profile::from_toml(&text).with_context(|| format!("cannot use {name}"));
    }
    Profile::named(name).with_context(|| {
        format!(
            "no profile is called {name}: there are order, report, RAD-1 to RAD-4, RAD-12, RAD-13, \
             RAD-28, RAD-128, TLR-FR-1 to TLR-FR-4, and files that end in .toml"
        )
    })
}
