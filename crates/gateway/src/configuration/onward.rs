//! Where the orders of a site go on to.

use std::collections::BTreeSet;

use serde::Deserialize;
use telerad_charset::Charset;
use telerad_core::{Issuer, SiteId};
use telerad_worklist::{OnwardEvent, OrderForm, PatientUpdate, PlatformDialect};
use toml::Spanned;

use super::{AcknowledgementMode, DestinationTls, Hl7Endpoint};

/// Where the orders of a site go, with what changes of their patients: a reading platform.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderDestination {
    /// The site whose orders go there.
    pub site: Spanned<SiteId>,
    /// `host:port` of its MLLP listener.
    pub address: Spanned<String>,
    /// MSH-5 of what it is sent.
    pub application: String,
    /// MSH-6 of what it is sent.
    pub facility: String,
    /// MSH-12 of what it is sent.
    #[serde(default)]
    pub version: Hl7Version,
    /// ORM^O01 or OMI^O23.
    #[serde(default)]
    pub form: OrderForm,
    /// Put before the site's accession number to give the platform's own format.
    #[serde(default)]
    pub accession_prefix: String,
    /// What the platform calls the issuer of the site's accession numbers. Without it OBR-18 is the number alone.
    pub accession_authority: Option<String>,
    /// What the platform calls the authority of patient identifiers that have none.
    pub patient_authority: Option<String>,
    /// MSH-18 by table 0211. What it cannot write waits for a person. Without it ASCII where that is enough, else UTF-8.
    pub character_set: Option<Hl7CharacterSet>,
    /// The event by which patients are updated.
    #[serde(default)]
    pub patient_update: PatientUpdate,
    /// What it is told of; without it everything but the start of a step.
    pub events: Option<BTreeSet<OnwardEvent>>,
    /// With it, earlier reports of the patient follow a new order.
    pub priors: Option<PriorReports>,
    /// Which answer of the platform is a delivery.
    #[serde(default)]
    pub acknowledgement: AcknowledgementMode,
    /// Without it, plain text.
    pub tls: Option<Spanned<DestinationTls>>,
}

impl OrderDestination {
    /// How it wants its orders, from a gateway of this name.
    pub(crate) fn dialect(&self, ours: &Hl7Endpoint) -> PlatformDialect {
        let issuer = |name: &Option<String>| Issuer::local(name.as_deref()?).ok();
        let dialect = PlatformDialect::default();
        PlatformDialect {
            sending_application: ours.application.clone(),
            sending_facility: ours.facility.clone(),
            application: self.application.clone(),
            facility: self.facility.clone(),
            version: self.version.as_str().to_owned(),
            form: self.form,
            accession_prefix: self.accession_prefix.clone(),
            accession_authority: issuer(&self.accession_authority),
            patient_authority: issuer(&self.patient_authority),
            charset: self.character_set.map(|set| set.0),
            patient_update: self.patient_update,
            events: self.events.clone().unwrap_or(dialect.events),
            acknowledgement: self.acknowledgement.mode(),
            processing_id: dialect.processing_id,
        }
    }
}

/// Which of a patient's earlier reports go along.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PriorReports {
    /// The most for one order, the youngest first chosen.
    #[serde(default = "count_max")]
    pub count_max: usize,
    /// None that was filed more days ago.
    #[serde(default = "days_max")]
    pub days_max: u32,
}

fn count_max() -> usize {
    5
}

fn days_max() -> u32 {
    1826
}

/// The version of what is sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum Hl7Version {
    /// What IHE Radiology's older transactions are written in.
    #[default]
    #[serde(rename = "2.3.1")]
    V2_3_1,
    /// What OMI^O23 came with.
    #[serde(rename = "2.5.1")]
    V2_5_1,
}

impl Hl7Version {
    /// MSH-12.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2_3_1 => "2.3.1",
            Self::V2_5_1 => "2.5.1",
        }
    }
}

/// A character set by its name in table 0211, such as `8859/1` or `UNICODE UTF-8`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct Hl7CharacterSet(pub Charset);

impl TryFrom<String> for Hl7CharacterSet {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = Charset::from_hl7(&text);
        known.map(Self).ok_or_else(|| {
            format!("character set `{text}` is not of table 0211; expected a name such as 8859/1 or UNICODE UTF-8")
        })
    }
}

/// Whether a site sends orders.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum OrderFeed {
    /// As HL7 messages.
    #[default]
    Hl7,
    /// It does not: for the platform an order is built from the head of the first image of each study, and says so.
    None,
}
