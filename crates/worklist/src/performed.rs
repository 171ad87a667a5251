//! Modality performed procedure steps (PS3.4 section F.7): what a modality says it does, and what that makes of the
//! steps that were scheduled.
//!
//! [`Creation::read`] and [`Change::read`] check a data set by table F.7.2-1; [`Creation::apply`] and [`Change::apply`]
//! join it with what is known. Both end in a [`Refusal`] that the modality is to hear, or in an [`Applied`] to write.
//! [`await_order`] links what was performed before its order came.
//!
//! Where the table is stricter than devices are, nothing is refused that would only lose what was done: a type 2
//! attribute that is absent counts as empty, one that an N-SET repeats unchanged although it may not name it is passed
//! over, and each is a [`Finding`].

mod apply;
mod attributes;
mod link;
mod read;
mod steps;
mod table;

use serde::{Deserialize, Serialize};
use telerad_core::{
    AccessionNumber, Code, Issuer, PartialDateTime, Patient, PatientId, SiteId, Timestamp, Uid,
};
use telerad_dicom::{Status, Tag};

use crate::{Finding, OrderKey, OrderRecord};

pub use apply::{Change, Creation};
pub use attributes::Attributes;
pub use link::{Awaited, await_order};

/// Performed Procedure Step Status (0040,0252) (PS3.3 section C.4.14). The last two are final.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum PerformedStatus {
    /// `IN PROGRESS`
    InProgress,
    /// `DISCONTINUED`
    Discontinued,
    /// `COMPLETED`
    Completed,
}

impl PerformedStatus {
    /// The term of (0040,0252).
    pub fn as_dicom(self) -> &'static str {
        match self {
            Self::InProgress => "IN PROGRESS",
            Self::Discontinued => "DISCONTINUED",
            Self::Completed => "COMPLETED",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [Self::InProgress, Self::Discontinued, Self::Completed];
        all.into_iter().find(|status| status.as_dicom() == text.trim())
    }
}

/// A performed procedure step, as its modality's messages have left it. Kept under its site and SOP Instance UID.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct PerformedStep {
    /// The site of the modality.
    pub site: SiteId,
    /// The SOP Instance UID that the modality gave it.
    pub sop_instance_uid: Uid,
    /// (0040,0252)
    pub status: PerformedStatus,
    /// (0040,0253)
    pub performed_step_id: String,
    /// (0040,0241)
    pub station_ae_title: String,
    /// (0008,0060)
    pub modality: String,
    /// Whom the modality examines, as it says.
    pub patient: Patient,
    /// (0040,0270): what was scheduled, one item for each step of a group.
    pub scheduled: Vec<ScheduledReference>,
    /// (0040,0260): what was done, which may differ from what was scheduled.
    pub protocols: Vec<Code>,
    /// (0040,0244) and (0040,0245), as the modality's clock says.
    pub start: Option<PartialDateTime>,
    /// (0040,0250) and (0040,0251).
    pub end: Option<PartialDateTime>,
    /// (0040,0281)
    pub discontinuation_reason: Option<Code>,
    /// (0020,000E) of each item of (0040,0340).
    pub series_instance_uids: Vec<String>,
    /// The attributes as they were created.
    pub created: Attributes,
    /// The attributes as they are now.
    pub attributes: Attributes,
    /// When it was created here: which of several was the first.
    pub received_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// The revision it was read at; 0 = new.
    pub revision: u64,
}

impl PerformedStep {
    /// Whether it ended because the modality's staff had selected the wrong entry of the worklist: the images, if there are
    /// any, carry another patient's or another order's data.
    pub fn is_wrong_entry(&self) -> bool {
        self.status == PerformedStatus::Discontinued
            && self.discontinuation_reason.as_ref().is_some_and(|reason| {
                reason.scheme == "DCM" && reason.value == INCORRECT_WORKLIST_ENTRY
            })
    }

    /// The studies that its items name, each once.
    pub fn study_instance_uids(&self) -> Vec<Uid> {
        let mut studies = Vec::new();
        for item in &self.scheduled {
            if !studies.contains(&item.study_instance_uid) {
                studies.push(item.study_instance_uid.clone());
            }
        }
        studies
    }

    /// The orders it is linked with, each once; a suspect link is none.
    pub fn order_keys(&self) -> Vec<OrderKey> {
        let mut keys = Vec::new();
        for item in &self.scheduled {
            match &item.link {
                Link::Linked { order, .. } if !keys.contains(order) => keys.push(order.clone()),
                _ => {}
            }
        }
        keys
    }

    /// Whether some item is not linked with an order, or not for certain.
    pub fn is_waiting(&self) -> bool {
        self.scheduled.iter().any(|item| !matches!(item.link, Link::Linked { .. }))
    }
}

impl std::fmt::Debug for PerformedStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PerformedStep")
            .field("site", &self.site)
            .field("sop_instance_uid", &self.sop_instance_uid)
            .field("status", &self.status)
            .field("scheduled", &self.scheduled.len())
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// DCM 110514, "Incorrect worklist entry selected" (PS3.16 CID 9300).
const INCORRECT_WORKLIST_ENTRY: &str = "110514";

/// One item of the Scheduled Step Attributes Sequence (0040,0270), and what it was found to be.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct ScheduledReference {
    /// (0020,000D)
    pub study_instance_uid: Uid,
    /// (0008,0050) with (0008,0051).
    pub accession: Option<AccessionNumber>,
    /// (0040,1001)
    pub requested_procedure_id: String,
    /// (0040,0009)
    pub step_id: String,
    /// Which order and steps it is.
    pub link: Link,
}

impl std::fmt::Debug for ScheduledReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScheduledReference")
            .field("study_instance_uid", &self.study_instance_uid)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// What an item of a performed step was found to belong to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Link {
    /// An order, and the steps of it that are performed.
    Linked {
        /// The order.
        order: OrderKey,
        /// By which identifiers it was found; the patient's agrees as well.
        by: LinkedBy,
        /// (0040,0009) of its steps that go along with the performed one; none when the item leaves open which of several
        /// it is.
        steps: Vec<String>,
    },
    /// An order has the same numbers, but it is not certain that it is this one: a person decides, and no step moves.
    Suspect {
        /// The order, when it is one.
        order: Option<OrderKey>,
        /// Why, without patient data.
        reason: String,
    },
    /// No order has these numbers. It may still come.
    Unscheduled,
}

/// By which identifiers an order was found, the surest first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum LinkedBy {
    /// Study Instance UID and Scheduled Procedure Step ID.
    StudyAndStep,
    /// Study Instance UID and Requested Procedure ID.
    StudyAndProcedure,
    /// Accession number with its issuer, and Scheduled Procedure Step ID: the modality made a study of its own.
    AccessionAndStep,
    /// Study Instance UID alone: the modality knew of no order, or names a step that it does not have.
    Study,
}

/// How a site's performed steps are read.
#[derive(Clone, Debug)]
pub struct PerformedRules {
    /// The site.
    pub site: SiteId,
    /// Issuer of accession numbers that come without one.
    pub accession_issuer: Option<Issuer>,
    /// Assigning authority of patient identifiers that come without one.
    pub patient_authority: Option<Issuer>,
    /// Codes of (0040,0281), scheme DCM, that put a step back on the worklist when it is discontinued: a broken machine,
    /// say. Any other reason discontinues it.
    pub rescheduling_reasons: Vec<String>,
}

impl PerformedRules {
    /// Nothing declared: every discontinued step is discontinued.
    pub fn new(site: SiteId) -> Self {
        Self {
            site,
            accession_issuer: None,
            patient_authority: None,
            rescheduling_reasons: Vec::new(),
        }
    }

    fn patient_id(&self, id: &PatientId) -> PatientId {
        id.clone().or_issuer(self.patient_authority.as_ref())
    }

    fn puts_back(&self, step: &PerformedStep) -> bool {
        step.discontinuation_reason.as_ref().is_some_and(|reason| {
            reason.scheme == "DCM" && self.rescheduling_reasons.contains(&reason.value)
        })
    }
}

/// What the caller found for [`Creation`] or [`Change`].
#[derive(Clone, Debug, Default)]
pub struct KnownPerformed {
    /// The performed step with this SOP Instance UID at this site.
    pub step: Option<PerformedStep>,
    /// Orders of the site: those of the studies and of the numbers that are named, and those it is linked with.
    pub orders: Vec<OrderRecord>,
    /// Other performed steps that are linked with one of these orders.
    pub others: Vec<PerformedStep>,
}

/// What to write, in one transaction, before the modality hears success, and what to tell.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The performed step.
    pub step: PerformedStep,
    /// Orders that have changed by it.
    pub orders: Vec<OrderRecord>,
    /// Everything derived, doubted or passed over.
    pub findings: Vec<Finding>,
    /// What a person must see.
    pub alerts: Vec<Alert>,
}

/// What a person must see of a performed step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Alert {
    /// It is not certain which order it is; the reason has no patient data.
    Suspect(String),
    /// The modality's staff had selected the wrong entry of the worklist: these studies are to be corrected.
    WrongEntry(Vec<Uid>),
}

/// Why a request is refused, and what the modality hears.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{comment} (status {:04X}H)", status.code())]
pub struct Refusal {
    /// (0000,0900)
    pub status: Status,
    /// Attribute Identifier List (0000,1005).
    pub attributes: Vec<Tag>,
    /// Error ID (0000,0903).
    pub error_id: Option<u16>,
    /// Error Comment (0000,0902): at most 64 characters.
    pub comment: &'static str,
}

impl Refusal {
    fn new(status: Status, attributes: Vec<Tag>, comment: &'static str) -> Self {
        Self { status, attributes, error_id: None, comment }
    }
}

/// "No such Attribute" (PS3.7 section C.5.5): one that may not be set.
pub(crate) const NO_SUCH_ATTRIBUTE: Status = Status::new(0x0105);
/// "Missing Attribute Value" (PS3.7 section C.5.7).
pub(crate) const MISSING_ATTRIBUTE_VALUE: Status = Status::new(0x0121);
