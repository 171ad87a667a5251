//! Who the gateway sends HL7 messages to.

use telerad_core::SiteId;
use telerad_report::RisDialect;

use crate::configuration::Configuration;

/// What a receiver is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// That a report is available, without its text.
    Announcement,
    /// The report.
    Report,
}

/// An HL7 application that the gateway sends to.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    /// Stable across restarts: queued messages name it.
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) site: SiteId,
    pub(crate) content: Content,
    pub(crate) dialect: RisDialect,
}

/// Every receiver that a configuration names.
pub(crate) fn receivers(configuration: &Configuration) -> Vec<Receiver> {
    let ours = |application: &str, facility: &str| RisDialect {
        sending_application: configuration.hl7.application.clone(),
        sending_facility: configuration.hl7.facility.clone(),
        application: application.to_owned(),
        facility: facility.to_owned(),
        ..RisDialect::default()
    };
    let reports = configuration.report_destinations.iter().map(|to| Receiver {
        name: format!("report {} {}", to.site.get_ref(), to.address.get_ref()),
        address: to.address.get_ref().clone(),
        site: to.site.get_ref().clone(),
        content: Content::Report,
        dialect: RisDialect {
            accession_prefix: to.accession_prefix.clone(),
            acknowledgement: to.acknowledgement.mode(),
            ..ours(&to.application, &to.facility)
        },
    });
    let announcements = configuration.announcements.iter().map(|to| Receiver {
        name: format!("announcement {} {}", to.site.get_ref(), to.address.get_ref()),
        address: to.address.get_ref().clone(),
        site: to.site.get_ref().clone(),
        content: Content::Announcement,
        dialect: RisDialect {
            acknowledgement: to.acknowledgement.mode(),
            ..ours(&to.application, &to.facility)
        },
    });
    reports.chain(announcements).collect()
}
