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

    /// One line of the text, as it is broken; where that is found, and what is said.
    #[track_caller]
    fn check_line(from: &str, to: &str, expected: &str) {
        assert!(TEXT.contains(from), "{from}");
        let error = Configuration::from_toml(&TEXT.replacen(from, to, 1), "g.toml").unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn every_fault_of_how_studies_leave_is_named_with_its_line() {
        let window = |text: &str| format!("windows = [{{ {text} }}]");
        let good = window("from = \"20:00\", to = \"06:00\"");
        check_line(
            &good,
            &window("from = \"20:00\", to = \"20:00\""),
            "g.toml:18: from and to are both `20:00`; expected 00:00 to 24:00 for a whole day",
        );
        check_line(
            &good,
            &window("from = \"20:00\", to = \"06:00\", days = [\"holiday\"]"),
            "g.toml:18: lane high has windows on holidays only, which never open after the last of them; expected a window on a day of the week too",
        );
        check_line(&good, "windows = []", "g.toml:18: a schedule needs at least one window");
        check_line(
            &good,
            &window("from = \"20:00\", to = \"06:60\""),
            "g.toml:18: `06:60` is not a time of day; expected HH:MM from 00:00 to 24:00",
        );
        check_line(
            &good,
            &window("from = \"20:00\", to = \"06:00\", lanes = [\"urgent\"]"),
            "g.toml:18: lane `urgent` is unknown; expected stat, high, routine, medium or low",
        );
        check_line(
            "Europe/Paris",
            "Europe/Pari",
            "g.toml:18: time zone `Europe/Pari` is unknown; expected an IANA name such as Europe/Berlin",
        );
        check_line(
            "bytes_per_second = 1000000",
            "bytes_per_second = 0",
            "g.toml:11: bytes_per_second must be at least 1",
        );
        check_line(
            "[\"day\", \"night\"]",
            "[\"day\"]",
            "g.toml:24: group `readers` needs at least two members",
        );
        check_line(
            "[\"day\", \"night\"]",
            "[\"day\", \"day\"]",
            "g.toml:24: group `readers` names `day` twice",
        );
        check_line(
            "duplicates = \"same\"",
            "duplicates = \"equal\"",
            "g.toml:23: unknown variant `equal`, expected one of `ask`, `compare`, `same`",
        );
        check_line(
            "send_to = [\"readers\"]",
            "send_to = []",
            "g.toml:28: rule `all` names no destination; expected send_to = [a destination or a group]",
        );
        check_line(
            "id = \"vpn\"",
            "id = \"v p n\"",
            "g.toml:10: destination name must have 1 to 64 letters, digits, `-`, `_` or `.`",
        );
        check_line(
            "resend = \"verify\"",
            "resend = \"verify\"\nassociations_max = 0",
            "g.toml:13: destination `day`: expected associations_max of at least 1 and retry_seconds = [first, longest] with 1 <= first <= longest",
        );
    }

    #[test]
    fn a_window_for_stat_is_told_as_a_warning() {
        let warnings = |to: &str| -> Vec<String> {
            let text = TEXT.replacen("to = \"06:00\"", to, 1);
            let configuration = Configuration::from_toml(&text, "g.toml").unwrap();
            configuration.warnings().into_iter().map(|warning| warning.message).collect()
        };
        assert!(warnings("to = \"06:00\"").is_empty());
        assert!(warnings("to = \"06:00\", lanes = [\"low\"]").is_empty());
        let expected = "destination `day`: a window names lane stat, so urgent studies wait outside of it; leave stat out of lanes to have them sent at any time";
        assert_eq!(warnings("to = \"06:00\", lanes = [\"stat\", \"low\"]"), [expected]);
    }
}
