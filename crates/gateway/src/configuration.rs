//! The configuration of a gateway: typed, complete, checked before anything starts.
//!
//! A configuration is read from TOML by [`Configuration::from_toml`] or built in Rust, field by field. Either way
//! [`Configuration::check`] has the last word on what refers to what.

mod lanes;
mod onward;
mod orders;
mod read;
mod sending;
mod spool;
mod steps;
#[cfg(test)]
mod tests;
mod tls;
mod warnings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use telerad_accession::{AccessionPolicy, CanonicalRule};
use telerad_core::{AeTitle, Issuer, SiteId};
use telerad_hl7::{AckCondition, AckMode};
use telerad_routing::{
    DestinationGroup, DestinationId, DuplicatePolicy, LaneRule, LinkId, ResendPolicy, Rule,
    Schedule,
};
use telerad_worklist::reconcile::{ReconcilePolicy, SideWords};
use telerad_worklist::{AccessionSource, AdtFeed, AdtPolicy, Mapping, PerformedRules};
use toml::Spanned;

pub use onward::{Hl7CharacterSet, Hl7Version, OrderDestination, OrderFeed, PriorReports};
pub use orders::{Facility, Modality, OrderMapping, Place, Stations};
pub use read::{ConfigurationError, Fault};
pub use sending::Link;
pub use spool::{Spool, Watermark};
pub use steps::Steps;
pub use tls::{ClientCertificate, DestinationTls, ListenerTls, SourceCertificate};

/// Everything a gateway is told before it starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Where state and payloads live; the only folder the gateway writes to.
    pub data_directory: PathBuf,
    /// The DICOM side that others connect to.
    pub dicom: DicomEndpoint,
    /// The HL7 side that others connect to.
    pub hl7: Hl7Endpoint,
    /// How full the disk may become.
    #[serde(default)]
    pub spool: Spool,
    /// The imaging centres served.
    #[serde(rename = "site", default)]
    pub sites: Vec<Site>,
    /// Application entities that may associate with the gateway.
    #[serde(rename = "source", default)]
    pub sources: Vec<Source>,
    /// HL7 applications that may send to the gateway.
    #[serde(rename = "hl7_source", default)]
    pub hl7_sources: Vec<Hl7Source>,
    /// Application entities that studies are sent to.
    #[serde(rename = "destination", default)]
    pub destinations: Vec<Destination>,
    /// Lines whose bytes are limited.
    #[serde(rename = "link", default)]
    pub links: Vec<Link>,
    /// Destinations of which one gets a study, and the next one when that is down for long.
    #[serde(rename = "group", default)]
    pub groups: Vec<Spanned<DestinationGroup>>,
    /// Which studies go where. Every rule that matches adds its destinations.
    #[serde(rename = "rule", default)]
    pub rules: Vec<Spanned<Rule>>,
    /// How urgent a study is, where that is not just what its order says. The first that matches decides.
    #[serde(rename = "lane", default)]
    pub lanes: Vec<Spanned<LaneRule>>,
    /// Where the reports of each site go.
    #[serde(rename = "report_destination", default)]
    pub report_destinations: Vec<ReportDestination>,
    /// Where the orders of each site go.
    #[serde(rename = "order_destination", default)]
    pub order_destinations: Vec<OrderDestination>,
    /// Who is told what the modalities of each site perform.
    #[serde(rename = "mpps_destination", default)]
    pub mpps_destinations: Vec<MppsDestination>,
    /// Who is told that a report is available.
    #[serde(rename = "announcement", default)]
    pub announcements: Vec<Announcement>,
}

/// The gateway's own application entity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DicomEndpoint {
    /// The title that peers call, and with which the gateway calls them.
    pub ae_title: AeTitle,
    /// `host:port` to listen on; port 0 lets the system choose.
    pub listen: Spanned<String>,
    /// Associations served at once; further ones are rejected as transient (PS3.8 section 9.3.4).
    #[serde(default = "defaults::associations_max")]
    pub associations_max: usize,
    /// The most answers to one worklist query; of more steps the first to start are answered, and
    /// [`Event::WorklistCut`](crate::Event::WorklistCut) tells it.
    #[serde(default = "defaults::worklist_answers_max")]
    pub worklist_answers_max: usize,
    /// Without it, plain text.
    pub tls: Option<Spanned<ListenerTls>>,
}

/// The gateway's own HL7 application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hl7Endpoint {
    /// `host:port` to listen on; port 0 lets the system choose.
    pub listen: Spanned<String>,
    /// MSH-3 of what the gateway sends.
    pub application: String,
    /// MSH-4 of what the gateway sends.
    pub facility: String,
    /// The largest message accepted, in bytes.
    #[serde(default = "defaults::message_bytes_max")]
    pub message_bytes_max: usize,
    /// Connections at a time; more are closed at once, since MLLP has no word for "not now".
    #[serde(default = "defaults::connections_max")]
    pub connections_max: usize,
    /// Connections at a time from one host: an interface engine opens one for each of the feeds that it sends on.
    #[serde(default = "defaults::connections_per_host_max")]
    pub connections_per_host_max: usize,
    /// Without it, plain text.
    pub tls: Option<Spanned<ListenerTls>>,
}

/// An imaging centre.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its short name.
    pub id: Spanned<SiteId>,
    /// Issuer of accession numbers that come without one.
    pub accession_issuer: Option<String>,
    /// Assigning authority of patient identifiers that come without one.
    pub patient_authority: Option<String>,
    /// Fields of an order that hold the accession number, first choice first: `OBR-18`, `OBR-3`, `IPC-1` and the
    /// like. Empty means OBR-18, then IPC-1.
    #[serde(default)]
    pub accession_sources: Vec<AccessionSource>,
    /// Modality (0008,0060) by procedure code, for orders that name no modality.
    #[serde(default)]
    pub modality_by_procedure: BTreeMap<String, String>,
    /// How its orders become worklist entries.
    pub orders: Option<Spanned<OrderMapping>>,
    /// Facilities of the site that write their orders otherwise.
    #[serde(rename = "facility", default)]
    pub facilities: Vec<Facility>,
    /// How ADT messages are taken: merged identifiers, inverse merges, arrival and departure.
    #[serde(default)]
    pub adt: AdtPolicy,
    /// For how many hours after it came in the data set of an instance is kept, when every destination has it or does not
    /// want it. Without it data sets are kept for good. What is still to be sent, or waits for a person, is never removed.
    pub keep_hours: Option<u64>,
    /// Whether it sends orders.
    #[serde(default)]
    pub order_feed: OrderFeed,
    /// Reasons (codes of scheme DCM, such as `110501`, equipment failure) for which a discontinued performed step puts its
    /// scheduled step back on the worklist. For any other reason the scheduled step is discontinued.
    #[serde(default)]
    pub rescheduling_reasons: Vec<String>,
    /// Declared rules by which accession numbers of reports are brought to the site's own form.
    #[serde(default)]
    pub accession_rules: Vec<CanonicalRule>,
    /// How the steps of its worklist come to their ends.
    #[serde(default)]
    pub steps: Steps,
    /// Words and codes by which this site names sides, in procedures and protocols of orders and in series descriptions,
    /// protocol names and body parts of images: an image of the wrong side stops the filing of reports. None are guessed.
    #[serde(default)]
    pub sides: SideWords,
    /// Words and procedure codes by the body part (0018,0015) that they mean: images of another one are told.
    #[serde(default)]
    pub body_parts: BTreeMap<String, Vec<String>>,
}

impl Site {
    /// What the matcher needs to know of this site.
    pub fn accession_policy(&self) -> AccessionPolicy {
        AccessionPolicy {
            default_issuer: self.issuer(self.accession_issuer.as_deref()),
            patient_authority: self.issuer(self.patient_authority.as_deref()),
            rules: self.accession_rules.iter().cloned().chain(self.shortened()).collect(),
        }
    }

    /// How this site's messages are read.
    pub fn mapping(&self) -> Mapping {
        let policy = self.accession_policy();
        let mut mapping = Mapping::new(self.id.get_ref().clone());
        mapping.adt = self.adt.clone();
        mapping.accession_issuer = policy.default_issuer;
        mapping.patient_authority = policy.patient_authority;
        mapping.modality_by_procedure.clone_from(&self.modality_by_procedure);
        mapping.status = self.steps.rules();
        if !self.accession_sources.is_empty() {
            mapping.accession_sources.clone_from(&self.accession_sources);
        }
        mapping.identifies = telerad_accession::is_identifying;
        if let Some(orders) = &self.orders {
            orders.get_ref().put(&mut mapping);
        }
        mapping
    }

    /// How this site's performed procedure steps are read.
    pub fn performed_rules(&self) -> PerformedRules {
        let policy = self.accession_policy();
        let mut rules = PerformedRules::new(self.id.get_ref().clone());
        rules.accession_issuer = policy.default_issuer;
        rules.patient_authority = policy.patient_authority;
        rules.rescheduling_reasons.clone_from(&self.rescheduling_reasons);
        rules
    }

    /// What decides whether images contradict their order.
    pub fn reconcile_policy(&self) -> ReconcilePolicy {
        let AccessionPolicy { default_issuer, patient_authority, .. } = self.accession_policy();
        ReconcilePolicy {
            accession_issuer: default_issuer,
            also_known_as: Vec::new(),
            body_parts: self.body_parts.clone().into_iter().collect(),
            patient_authority,
            sides: self.sides.clone(),
        }
    }

    fn issuer(&self, name: Option<&str>) -> Option<Issuer> {
        name.and_then(|name| Issuer::local(name).ok())
    }
}

/// An application entity that may associate with the gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The one site it belongs to.
    pub site: Spanned<SiteId>,
    /// Its calling AE title.
    pub ae_title: Spanned<AeTitle>,
    /// What it may use. Verification is always answered.
    #[serde(default = "defaults::services")]
    pub services: Vec<Service>,
    /// When its C-STOREs are answered.
    #[serde(default)]
    pub acknowledge: Acknowledge,
    /// With `acknowledge = "after_delivery"`, so many seconds after an instance is durable its sender is answered A700H if
    /// a destination has not answered by then. It should be less than the sender waits.
    #[serde(default = "defaults::acknowledge_seconds_max")]
    pub acknowledge_seconds_max: u64,
    /// Whether it has to wait when the disk fills.
    #[serde(default)]
    pub priority: SourcePriority,
    /// Which steps its worklist queries see.
    #[serde(default)]
    pub worklist: WorklistView,
    /// The certificate that it has to show, besides calling itself so. Once one source has to, all have to.
    pub certificate: Option<Spanned<SourceCertificate>>,
}

/// When a C-STORE is answered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledge {
    /// When every destination that the instance is to reach has answered as well: 0000H says that all of them have it, a
    /// refusal is passed on, and A700H says that it is queued and not yet delivered, or goes nowhere.
    ///
    /// For senders that delete what was answered 0000H and must not do so before it is read. The price: an association
    /// carries one instance per round trip to the slowest destination, whatever the line; while a destination is down
    /// everything is answered A700H after `acknowledge_seconds_max`, and most senders repeat or give up then; and a sender
    /// that repeats sends every byte again, though nothing is delivered twice.
    AfterDelivery,
    /// When it is durable here.
    #[default]
    Durable,
}

/// Whether a source has to wait when the disk fills.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum SourcePriority {
    /// Below the soft watermark its C-STOREs are answered A700H, but for STAT studies: an archive that sends old studies, a
    /// research system.
    Low,
    /// It is served until the hard watermark.
    #[default]
    Normal,
}

/// Which steps a source's worklist queries see. Steps for which no station is named are always among them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum WorklistView {
    /// Only those of its own station: for modalities that ask for everything and show everything.
    OwnStation,
    /// Those of its site.
    #[default]
    Site,
}

/// A DICOM service that a source may use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Verification (PS3.4 annex A).
    Echo,
    /// Modality Performed Procedure Step (PS3.4 section F.7).
    Mpps,
    /// Storage (PS3.4 annex B).
    Store,
    /// Modality Worklist (PS3.4 annex K).
    Worklist,
}

/// An HL7 application that may send to the gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hl7Source {
    /// The one site it speaks for.
    pub site: Spanned<SiteId>,
    /// MSH-3 of its messages.
    pub application: Spanned<String>,
    /// MSH-4 of its messages.
    pub facility: String,
    /// What it is.
    pub role: Hl7Role,
    /// Whether patients are registered by ADT messages beside its orders: `none` lets what its orders say of a patient be
    /// the newest there is, `present` never. Without it, orders speak for patients of whom no ADT message has spoken.
    #[serde(default)]
    pub adt_feed: AdtFeed,
    /// The certificate that it has to show, besides calling itself so. Once one source has to, all have to.
    pub certificate: Option<Spanned<SourceCertificate>>,
}

/// What an HL7 sender is, and so which messages are taken from it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Hl7Role {
    /// A reading platform: reports (ORU).
    Reader,
    /// A radiology information system: patients (ADT), orders (ORM, OMG, OMI) and their appointments (SIU).
    Ris,
}

/// An application entity that studies are sent to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// The name that rules use.
    pub id: Spanned<DestinationId>,
    /// Its called AE title.
    pub ae_title: AeTitle,
    /// `host:port`.
    pub address: Spanned<String>,
    /// Associations held open to it at once, 4 without this; of two or more, one is kept for STAT. The others share what is
    /// queued: over a link with a long way an association waits for each answer, and several wait at the same time. A peer
    /// that rejects some of them is asked for fewer.
    #[serde(default = "defaults::destination_associations")]
    pub associations_max: usize,
    /// The first and the longest pause after a fault, in seconds.
    #[serde(default = "defaults::retry_seconds")]
    pub retry_seconds: (u64, u64),
    /// For how many minutes it is believed that it does not take a SOP class: instances of it are not wanted there without
    /// asking. People add classes to a platform; [`crate::desk::Desk::ask_again`] forgets it at once, and 0 asks each time.
    #[serde(default = "defaults::refused_class_minutes")]
    pub refused_class_minutes: u64,
    /// When it is sent to; without it, always.
    pub schedule: Option<Schedule>,
    /// The line it is reached by, where its bytes are limited.
    pub link: Option<Spanned<LinkId>>,
    /// Whether an instance whose answer was lost is looked for (C-FIND) before it is sent again.
    #[serde(default)]
    pub resend: ResendPolicy,
    /// What its word is taken for that it holds an instance already (0111H).
    #[serde(default)]
    pub duplicates: DuplicatePolicy,
    /// Without it, plain text.
    pub tls: Option<Spanned<DestinationTls>>,
}

/// Who is told what the modalities of a site perform: its PACS or RIS. It gets every N-CREATE and N-SET that was taken
/// from them, as it came, in order; what it does not get now it gets later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MppsDestination {
    /// The site whose performed steps go there.
    pub site: Spanned<SiteId>,
    /// Its called AE title.
    pub ae_title: AeTitle,
    /// `host:port`.
    pub address: Spanned<String>,
    /// Without it, plain text.
    pub tls: Option<Spanned<DestinationTls>>,
}

impl MppsDestination {
    /// The name of its queue: stable across restarts.
    pub(crate) fn queue(&self) -> String {
        format!("mpps {} {}", self.site.get_ref(), self.address.get_ref())
    }
}

/// Where the reports of a site go: its RIS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportDestination {
    /// The site whose reports go there.
    pub site: Spanned<SiteId>,
    /// `host:port` of its MLLP listener.
    pub address: Spanned<String>,
    /// MSH-5 of what it is sent.
    pub application: String,
    /// MSH-6 of what it is sent.
    pub facility: String,
    /// Put before the site's accession number to give the RIS's own format.
    #[serde(default)]
    pub accession_prefix: String,
    /// Which answer of the RIS is a delivery.
    #[serde(default)]
    pub acknowledgement: AcknowledgementMode,
    /// Without it, plain text.
    pub tls: Option<Spanned<DestinationTls>>,
}

/// Which answer a receiver is asked for, and so which one is a delivery (HL7 2.5.1 section 2.9).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum AcknowledgementMode {
    /// Original mode, as IHE Radiology has it: one answer. A receiver that answers CA all the same is believed.
    #[default]
    Original,
    /// Enhanced mode: the commit answer, CA, is a delivery; no other is asked for.
    Commit,
    /// Enhanced mode: the commit answer and the application's, on the same connection. Only AA is a delivery; after a CA
    /// alone the message is sent again.
    Application,
}

impl AcknowledgementMode {
    /// What MSH-15 and MSH-16 say.
    pub fn mode(self) -> AckMode {
        use AckCondition::{Always, Never};
        match self {
            Self::Original => AckMode::Original,
            Self::Commit => AckMode::Enhanced { accept: Always, application: Never },
            Self::Application => AckMode::Enhanced { accept: Always, application: Always },
        }
    }
}

/// Who is told that a report is available.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// The site whose reports are announced.
    pub site: Spanned<SiteId>,
    /// How.
    pub kind: AnnouncementKind,
    /// `host:port` of the listener.
    pub address: Spanned<String>,
    /// MSH-5 of the announcement.
    #[serde(default)]
    pub application: String,
    /// MSH-6 of the announcement.
    #[serde(default)]
    pub facility: String,
    /// Which answer is a delivery.
    #[serde(default)]
    pub acknowledgement: AcknowledgementMode,
    /// Without it, plain text.
    pub tls: Option<Spanned<DestinationTls>>,
}

/// The form of an announcement.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum AnnouncementKind {
    /// An ORU^R01 that carries the status of the report and no text of it.
    Hl7,
}

mod defaults {
    use super::Service;

    pub(super) fn acknowledge_seconds_max() -> u64 {
        60
    }
    pub(super) fn associations_max() -> usize {
        200
    }
    pub(super) fn connections_max() -> usize {
        200
    }
    pub(super) fn connections_per_host_max() -> usize {
        64
    }
    pub(super) fn message_bytes_max() -> usize {
        64 * 1024 * 1024
    }
    pub(super) fn services() -> Vec<Service> {
        vec![Service::Echo, Service::Mpps, Service::Store, Service::Worklist]
    }
    pub(super) fn destination_associations() -> usize {
        4
    }
    pub(super) fn refused_class_minutes() -> u64 {
        60
    }
    pub(super) fn worklist_answers_max() -> usize {
        10_000
    }
    pub(super) fn retry_seconds() -> (u64, u64) {
        (1, 60)
    }
}
