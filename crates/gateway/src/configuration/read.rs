//! Reading and checking, with the line of whatever is wrong.

use std::collections::BTreeSet;
use std::ops::Range;

use telerad_core::SiteId;
use telerad_routing::Schedule;
use toml::Spanned;

use super::Configuration;

/// One thing wrong with a configuration: where, and what was expected.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct ConfigurationError {
    /// The file's name as the caller gave it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Configuration {
    /// Reads and checks a configuration. `file` is only used to name the place of an error.
    ///
    /// # Errors
    /// The first [`ConfigurationError`] met: bad TOML, an unknown or missing key, a value out of range, or a name
    /// that refers to nothing.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, ConfigurationError> {
        let at = |span: Option<Range<usize>>, message: String| ConfigurationError {
            file: file.to_owned(),
            line: line_of(text, span.map_or(0, |span| span.start)),
            message,
        };
        let configuration: Self = toml::from_str(text)
            .map_err(|error| at(error.span(), error.message().trim().to_owned()))?;
        configuration.check().map_err(|fault| at(Some(fault.span), fault.message))?;
        Ok(configuration)
    }

    /// Checks what no single value shows: that names are unique and refer to something, and that addresses have
    /// the form `host:port`.
    ///
    /// # Errors
    /// The first [`Fault`] in the order of the file's sections.
    pub fn check(&self) -> Result<(), Fault> {
        self.check_addresses()?;
        self.check_sites()?;
        self.check_orders()?;
        let reports = self.report_destinations.iter().map(|to| (&to.site, &to.address));
        check_receivers(reports)?;
        check_receivers(self.order_destinations.iter().map(|to| (&to.site, &to.address)))?;
        self.check_prefixes()?;
        check_receivers(self.mpps_destinations.iter().map(|to| (&to.site, &to.address)))?;
        check_receivers(self.announcements.iter().map(|to| (&to.site, &to.address)))?;
        self.check_rules()?;
        self.check_lanes()?;
        self.spool.check()?;
        self.check_tls()
    }

    fn check_addresses(&self) -> Result<(), Fault> {
        let listeners = [&self.dicom.listen, &self.hl7.listen];
        let peers = (self.destinations.iter().map(|to| &to.address))
            .chain(self.report_destinations.iter().map(|to| &to.address))
            .chain(self.order_destinations.iter().map(|to| &to.address))
            .chain(self.mpps_destinations.iter().map(|to| &to.address))
            .chain(self.announcements.iter().map(|to| &to.address));
        for address in listeners.into_iter().chain(peers) {
            let port = address
                .get_ref()
                .rsplit_once(':')
                .map(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            if port != Some(true) {
                return fault(
                    address,
                    format!(
                        "`{}` is not an address; expected host:port, such as 127.0.0.1:11112",
                        address.get_ref()
                    ),
                );
            }
        }
        Ok(())
    }

    fn check_sites(&self) -> Result<(), Fault> {
        let mut known = BTreeSet::new();
        for site in &self.sites {
            if !known.insert(site.id.get_ref().as_str()) {
                return fault(&site.id, format!("site `{}` is declared twice", site.id.get_ref()));
            }
        }
        let references = (self.sources.iter().map(|source| &source.site))
            .chain(self.hl7_sources.iter().map(|source| &source.site))
            .chain(self.report_destinations.iter().map(|to| &to.site))
            .chain(self.order_destinations.iter().map(|to| &to.site))
            .chain(self.mpps_destinations.iter().map(|to| &to.site))
            .chain(self.announcements.iter().map(|to| &to.site));
        for site in references {
            if !known.contains(site.get_ref().as_str()) {
                return fault(site, unknown("site", site.get_ref().as_str(), &known));
            }
        }
        let mut titles = BTreeSet::new();
        for source in &self.sources {
            if !titles.insert(source.ae_title.get_ref().as_str()) {
                return fault(
                    &source.ae_title,
                    format!(
                        "source `{}` is declared twice; a calling AE title belongs to one site",
                        source.ae_title.get_ref()
                    ),
                );
            }
            if !(1..=3600).contains(&source.acknowledge_seconds_max) {
                let message = "expected acknowledge_seconds_max of 1 to 3600";
                return fault(&source.ae_title, message.to_owned());
            }
        }
        let mut applications = BTreeSet::new();
        for source in &self.hl7_sources {
            let name = (source.application.get_ref().as_str(), source.facility.as_str());
            if !applications.insert(name) {
                return fault(
                    &source.application,
                    format!(
                        "HL7 source `{}` at `{}` is declared twice; MSH-3 and MSH-4 belong to one site",
                        name.0, name.1
                    ),
                );
            }
        }
        Ok(())
    }

    /// A number that has its prefix already gets no second one, so the prefix must show which number has it.
    fn check_prefixes(&self) -> Result<(), Fault> {
        let reports = self.report_destinations.iter().map(|to| (&to.address, &to.accession_prefix));
        let orders = self.order_destinations.iter().map(|to| (&to.address, &to.accession_prefix));
        for (address, prefix) in reports.chain(orders) {
            if !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit()) {
                let message = format!(
                    "accession_prefix `{prefix}` is digits only; other numbers may begin with them"
                );
                return fault(address, message);
            }
        }
        Ok(())
    }

    fn check_rules(&self) -> Result<(), Fault> {
        let known = self.check_sending()?;
        for destination in &self.destinations {
            let id = destination.id.get_ref().as_str();
            let (first, longest) = destination.retry_seconds;
            if first == 0 || longest < first || destination.associations_max == 0 {
                return fault(
                    &destination.id,
                    format!(
                        "destination `{id}`: expected associations_max of at least 1 and retry_seconds = [first, longest] with 1 <= first <= longest"
                    ),
                );
            }
        }
        let sites: BTreeSet<&str> =
            self.sites.iter().map(|site| site.id.get_ref().as_str()).collect();
        let mut rules = BTreeSet::new();
        for spanned in &self.rules {
            let rule = spanned.get_ref();
            if !rules.insert(rule.id.as_str()) {
                return fault(spanned, format!("rule `{}` is declared twice", rule.id));
            }
            if let Some(site) = rule.site.as_ref().filter(|site| !sites.contains(site.as_str())) {
                return fault(spanned, unknown("site", site.as_str(), &sites));
            }
            if rule.during.as_ref().is_some_and(Schedule::names_lanes) {
                let text = format!("rule `{}`: the windows of a rule have no lanes", rule.id);
                return fault(spanned, text);
            }
            if rule.send_to.is_empty() {
                let text = format!(
                    "rule `{}` names no destination; expected send_to = [a destination or a group]",
                    rule.id
                );
                return fault(spanned, text);
            }
            for destination in &rule.send_to {
                if !known.contains(destination.as_str()) {
                    let name = destination.as_str();
                    return fault(
                        spanned,
                        format!("rule `{}`: {}", rule.id, unknown("destination", name, &known)),
                    );
                }
            }
        }
        Ok(())
    }
}

/// Messages wait in a queue per site and address: two receivers of one queue would each send all of it.
fn check_receivers<'a>(
    receivers: impl Iterator<Item = (&'a Spanned<SiteId>, &'a Spanned<String>)>,
) -> Result<(), Fault> {
    let mut known = BTreeSet::new();
    for (site, address) in receivers {
        let (site, text) = (site.get_ref().as_str(), address.get_ref().as_str());
        if !known.insert((site, text)) {
            return fault(address, format!("`{text}` is declared twice for site `{site}`"));
        }
    }
    Ok(())
}

/// One thing wrong, with its place as a byte range of the text it was read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Bytes of the offending value.
    pub span: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
}

pub(super) fn fault<T, R>(place: &Spanned<T>, message: String) -> Result<R, Fault> {
    Err(Fault { span: place.span(), message })
}

pub(super) fn unknown(what: &str, name: &str, known: &BTreeSet<&str>) -> String {
    let declared = known.iter().copied().collect::<Vec<_>>().join(", ");
    let declared = if declared.is_empty() { "none".to_owned() } else { declared };
    format!("{what} `{name}` is not declared; declared: {declared}")
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
