//! How studies leave: lines, groups of destinations, and what each destination asks for.

use std::collections::BTreeSet;

use serde::Deserialize;
use telerad_routing::{LinkId, RateLimit};
use toml::Spanned;

use super::Configuration;
use super::read::{Fault, fault, unknown};

/// A line that one or several destinations share, and how many bytes may leave over it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The name that destinations use.
    pub id: Spanned<LinkId>,
    /// The bytes of data sets that may leave each second, by time of day. STAT does not wait for it: what follows waits
    /// the longer.
    pub rate: RateLimit,
}

impl Configuration {
    /// Names that rules may send to: destinations and groups.
    pub(super) fn check_sending(&self) -> Result<BTreeSet<&str>, Fault> {
        let mut links = BTreeSet::new();
        for link in &self.links {
            let id = link.id.get_ref().as_str();
            if !links.insert(id) {
                return fault(&link.id, format!("link `{id}` is declared twice"));
            }
        }
        let mut names = BTreeSet::new();
        for destination in &self.destinations {
            let id = destination.id.get_ref().as_str();
            if !names.insert(id) {
                return fault(&destination.id, format!("destination `{id}` is declared twice"));
            }
            let link =
                destination.link.as_ref().filter(|link| !links.contains(link.get_ref().as_str()));
            if let Some(link) = link {
                return fault(link, unknown("link", link.get_ref().as_str(), &links));
            }
        }
        let destinations = names.clone();
        for group in &self.groups {
            let id = group.get_ref().id().as_str();
            if !names.insert(id) {
                let text = format!("group `{id}`: a destination or a group has this name already");
                return fault(group, text);
            }
            let mut members = group.get_ref().members().iter();
            if let Some(member) = members.find(|member| !destinations.contains(member.as_str())) {
                let what = unknown("destination", member.as_str(), &destinations);
                return fault(group, format!("group `{id}`: {what}"));
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use crate::Configuration;

    const TEXT: &str = r#"data_directory = "data"
[dicom]
ae_title = "TELERAD"
listen = "127.0.0.1:11112"
[hl7]
listen = "127.0.0.1:2575"
application = "TELERAD"
facility = "GATEWAY"
[[link]]
id = "vpn"
rate = { bytes_per_second = 1000000 }
[[destination]]
id = "day"
ae_title = "DAY"
address = "127.0.0.1:104"
link = "vpn"
resend = "verify"
schedule = { time_zone = "Europe/Paris", windows = [{ from = "20:00", to = "06:00" }] }
[[destination]]
id = "night"
ae_title = "NIGHT"
address = "127.0.0.1:105"
duplicates = "same"
[[group]]
id = "readers"
members = ["day", "night"]
failover_after_seconds = 60
[[rule]]
id = "all"
send_to = ["readers"]
"#;

    #[track_caller]
    fn check(from: &str, to: &str, expected: Result<(), &str>) {
        assert!(TEXT.contains(from), "{from}");
        let got = Configuration::from_toml(&TEXT.replacen(from, to, 1), "g.toml");
        let got = got.map(|_| ()).map_err(|error| error.message);
        assert_eq!(got, expected.map_err(str::to_owned));
    }

    #[test]
    fn lines_and_groups_are_named_by_what_uses_them() {
        check("", "", Ok(()));
        check(
            "link = \"vpn\"",
            "link = \"adsl\"",
            Err("link `adsl` is not declared; declared: vpn"),
        );
        check(
            "[\"day\", \"night\"]",
            "[\"day\", \"dusk\"]",
            Err("group `readers`: destination `dusk` is not declared; declared: day, night"),
        );
        check(
            "[\"day\", \"night\"]",
            "[\"day\"]",
            Err("group `readers` needs at least two members"),
        );
        check(
            "id = \"readers\"",
            "id = \"day\"",
            Err("group `day`: a destination or a group has this name already"),
        );
        check(
            "send_to = [\"readers\"]",
            "send_to = [\"reader\"]",
            Err("rule `all`: destination `reader` is not declared; declared: day, night, readers"),
        );
        check("duplicates = \"same\"", "duplicates = \"compare\"", Ok(()));
    }
}
