//! Who the gateway sends HL7 messages to.

use telerad_core::SiteId;
use telerad_report::RisDialect;
use telerad_routing::{DestinationId, Digest, InvalidDestinationId};

use telerad_worklist::PlatformDialect;

use crate::configuration::{Configuration, PriorReports};

/// What a receiver is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// That a report is available, without its text.
    Announcement,
    /// Orders, and what changes of their patients.
    Orders { dialect: Box<PlatformDialect>, priors: Option<PriorReports> },
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

/// Under which name a receiver's breaker is kept. A receiver's own name has characters that no destination's has; the
/// digest keeps apart what looks alike without them, and apart from every destination that somebody would name.
pub(crate) fn breaker_id(receiver: &str) -> Result<DestinationId, InvalidDestinationId> {
    let digest = Digest::of(receiver.as_bytes()).to_string();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = receiver.chars().map(plain).take(NAME_LETTERS).collect();
    let digest: String = digest.chars().take(DIGEST_LETTERS).collect();
    DestinationId::new(&format!("{name}.{digest}"))
}

/// Of the 64 characters of a destination's name.
const NAME_LETTERS: usize = 47;
const DIGEST_LETTERS: usize = 16;

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
    let orders = configuration.order_destinations.iter().map(|to| Receiver {
        name: format!("order {} {}", to.site.get_ref(), to.address.get_ref()),
        address: to.address.get_ref().clone(),
        site: to.site.get_ref().clone(),
        content: Content::Orders {
            dialect: Box::new(to.dialect(&configuration.hl7)),
            priors: to.priors,
        },
        dialect: ours(&to.application, &to.facility),
    });
    reports.chain(announcements).chain(orders).collect()
}
