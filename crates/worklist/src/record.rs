//! What is kept of orders and patients.

use serde::{Deserialize, Serialize};
use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Order, PartialDateTime, Patient, PatientId,
    PersonName, SiteId, Timestamp,
};

use crate::sayings::Sayings;
use crate::status::{Advance, StepEvent, StepHistory, StepStatus};

/// What an order is kept under: site, issuer of the accession number and accession number, as one printable text.
///
/// Equal numbers of two issuers or two sites are two orders.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct OrderKey(String);

impl OrderKey {
    /// `site|issuer|number`, where `|` and `%` inside the parts are written `%7C` and `%25`.
    pub fn new(site: &SiteId, accession: &AccessionNumber) -> Self {
        let plain = |text: &str| text.replace('%', "%25").replace('|', "%7C");
        let issuer = accession.issuer().map_or_else(String::new, |issuer| issuer.to_string());
        Self(format!("{site}|{}|{}", plain(&issuer), plain(accession.value())))
    }

    /// A key as [`OrderKey::as_str`] gave it, for example from a record that only keeps the text.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text. It holds the accession number: keep it out of logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OrderKey(<redacted>)")
    }
}

/// One scheduled procedure step of an order: one line of a modality's worklist.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ScheduledStep {
    /// (0040,0009), unique within the order.
    pub step_id: String,
    /// (0008,0060)
    pub modality: String,
    /// (0040,0001); empty = any station of the site.
    pub station_ae_titles: Vec<String>,
    /// (0040,0010)
    pub station_name: String,
    /// (0040,0011)
    pub location: String,
    /// (0040,0002) and (0040,0003), in the site's local time unless it has an offset.
    pub start: Option<PartialDateTime>,
    /// (0040,0006)
    pub performing_physician: PersonName,
    /// (0040,0007)
    pub description: String,
    /// (0040,0008)
    pub protocol: Code,
    /// Which side, as the order's modifiers say: OBR-46, OBR-45 or OBR-15.5.
    #[serde(default)]
    pub laterality: Code,
    /// Where on the body: OBR-15.4.
    #[serde(default)]
    pub body_site: String,
    /// Further items of (0040,0008), where one step has several protocols.
    #[serde(default)]
    pub further_protocols: Vec<Code>,
    /// (0040,0020); [`ScheduledStep::advance`] changes it.
    pub status: StepStatus,
    /// Not to be done for now, whatever the status is: DICOM has no term for it, so that it is on no worklist.
    #[serde(default)]
    pub is_held: bool,
    /// What it was told, and when.
    #[serde(default)]
    pub history: StepHistory,
}

impl ScheduledStep {
    /// Tells the step an event that was said to happen at this time.
    ///
    /// Events are taken in the order of their times. Of equal times, of a missing one, and of two of which only one has
    /// a zone, the one that arrives later counts as later; times are compared as exactly as both are known.
    pub fn advance(&mut self, event: StepEvent, said_at: Option<PartialDateTime>) -> Advance {
        let advance = self.history.tell((self.status, self.is_held), event, said_at);
        (self.status, self.is_held) = (advance.after, advance.held.1);
        advance
    }

    /// Whether the step is to be done, and not held: only then is it on a worklist.
    pub fn is_open(&self) -> bool {
        self.status.is_open() && !self.is_held
    }
}

/// What staff at the modality must know of the patient.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Clinical {
    /// Medical Alerts (0010,2000), OBR-13.
    pub medical_alerts: String,
    /// Allergies (0010,2110), AL1-3, one text each.
    pub allergies: Vec<String>,
    /// Patient State (0038,0500), OBR-12: isolation, infection, danger.
    pub patient_state: String,
    /// Pregnancy Status (0010,21C0): 3, definitely pregnant, when PV1-15 says `B6`; `None` when nothing was said.
    pub pregnancy_status: Option<u16>,
    /// Patient's Weight (0010,1030) in kilograms, as decimal text.
    pub weight_kg: String,
    /// Patient's Size (0010,1020) in metres, as decimal text.
    pub size_m: String,
    /// Patient Comments (0010,4000), the notes after PID.
    pub comments: String,
}

impl std::fmt::Debug for Clinical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clinical(<redacted>)")
    }
}

/// An order with its steps, as the site's messages have left it.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct OrderRecord {
    /// What it is kept under.
    pub key: OrderKey,
    /// Who, what, and the numbers.
    pub order: Order,
    /// Its steps, in the order they were first named.
    pub steps: Vec<ScheduledStep>,
    /// Admission ID (0038,0010) with issuer (0038,0014): PV1-19, else PID-18.
    pub admission_id: Option<EntityIdentifier>,
    /// Current Patient Location (0038,0300): PV1-3 as `point^room^bed`.
    pub patient_location: String,
    /// Patient class, PV1-2 (HL7 table 0004): `E` emergency, `I` inpatient, `O` outpatient.
    #[serde(default)]
    pub patient_class: String,
    /// When the patient was admitted, (0038,0020) and (0038,0021): PV1-44.
    #[serde(default)]
    pub admitted_at: Option<PartialDateTime>,
    /// Special Needs (0038,0050): PV1-15, except for pregnancy.
    #[serde(default)]
    pub special_needs: String,
    /// Confidentiality Constraint on Patient Data (0040,3001), where the site declares a source.
    #[serde(default)]
    pub patient_confidentiality: String,
    /// Institution Name (0008,0080): ORC-21, else what the site declares.
    #[serde(default)]
    pub institution: String,
    /// The accession number as modalities see it, where the site's rule shortens it; empty = the whole one.
    #[serde(default)]
    pub short_accession: String,
    /// Reason for the Requested Procedure as a code (0040,100A), OBR-31.
    #[serde(default)]
    pub reason_code: Code,
    /// Patient Transport Arrangements (0040,1004), OBR-30.
    pub transport: String,
    /// Requesting Service (0032,1033), ORC-17.
    pub requesting_service: String,
    /// Confidentiality Code (0040,1008), ORC-28.
    pub confidentiality: String,
    /// Requested Procedure Comments (0040,1400), the notes after OBR.
    pub comments: String,
    /// What the order says of the patient's condition.
    pub clinical: Clinical,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// The latest time at which something was said of it, by [`crate::StatusRules::event_time`].
    pub event_time: Option<PartialDateTime>,
    /// What was told of all its steps, or before the order itself was known: steps that are named later follow it too.
    #[serde(default)]
    pub told: Vec<Told>,
    /// The order itself is not known: what was told of it waits for it until then.
    #[serde(default)]
    pub tombstone_until: Option<Timestamp>,
    /// Which message has the say about each of its values.
    #[serde(default)]
    pub said: Sayings,
    /// ORC-8: the placer's number of the order that this one is a part of.
    #[serde(default)]
    pub parent: String,
    /// The orders in whose place it is.
    #[serde(default)]
    pub replaces: Vec<OrderKey>,
    /// The orders that took its place.
    #[serde(default)]
    pub replaced_by: Vec<OrderKey>,
    /// The revision it was read at; 0 = new.
    pub revision: u64,
}

/// Something that was told of an order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Told {
    /// Of which step; `None` = of all.
    pub step_id: Option<String>,
    /// What.
    pub event: StepEvent,
    /// When it was said to happen.
    pub at: Option<PartialDateTime>,
}

impl OrderRecord {
    /// An order with nothing but its core and no steps.
    pub fn new(order: Order, now: Timestamp) -> Self {
        Self {
            key: OrderKey::new(&order.site, &order.accession),
            order,
            steps: Vec::new(),
            admission_id: None,
            patient_location: String::new(),
            patient_class: String::new(),
            admitted_at: None,
            special_needs: String::new(),
            patient_confidentiality: String::new(),
            institution: String::new(),
            short_accession: String::new(),
            reason_code: Code::default(),
            transport: String::new(),
            requesting_service: String::new(),
            confidentiality: String::new(),
            comments: String::new(),
            clinical: Clinical::default(),
            updated_at: now,
            event_time: None,
            told: Vec::new(),
            tombstone_until: None,
            said: Sayings::default(),
            parent: String::new(),
            replaces: Vec::new(),
            replaced_by: Vec::new(),
            revision: 0,
        }
    }

    /// Whether only what was told of the order is known, such as a cancellation that came before it. Nothing is ever to be
    /// found by such a record, or matched with it.
    pub fn is_tombstone(&self) -> bool {
        self.tombstone_until.is_some()
    }

    /// The accession number as modalities see it: (0008,0050) of worklist answers and so of images.
    pub fn worklist_accession(&self) -> &str {
        if self.short_accession.is_empty() {
            self.order.accession.value()
        } else {
            &self.short_accession
        }
    }

    /// Whether some step is still to be done, and so is answered to the worklist.
    pub fn is_open(&self) -> bool {
        self.steps.iter().any(ScheduledStep::is_open)
    }
}

impl std::fmt::Debug for OrderRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderRecord")
            .field("site", &self.order.site)
            .field("study_instance_uid", &self.order.study_instance_uid)
            .field("steps", &self.steps.len())
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// A patient of a site as its messages have left them. Kept under the primary identifier.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct PatientRecord {
    /// The site.
    pub site: SiteId,
    /// Identifiers (the primary one first, at least one), name, birth date, sex.
    pub patient: Patient,
    /// What ADT messages say of the patient's condition.
    pub clinical: Clinical,
    /// The identifier that took this one's place.
    pub merged_into: Option<PatientId>,
    /// What the merge moved, so that it can be undone; with `merged_into` only.
    #[serde(default)]
    pub merge: Option<Merge>,
    /// Identifiers that were merged into this one, each that of a record of its own.
    #[serde(default)]
    pub aliases: Vec<PatientId>,
    /// Identifiers of records that are said to be of the same person (A24): a cross reference, which moves nothing.
    #[serde(default)]
    pub links: Vec<PatientId>,
    /// Whether an ADT message has spoken of the patient, and not only orders.
    #[serde(default)]
    pub is_registered: bool,
    /// Known from a merge only: nobody else has spoken of it.
    #[serde(default)]
    pub is_from_merge: bool,
    /// Left by a merge that was undone, and never said by anybody else: as if it were not known.
    #[serde(default)]
    pub is_void: bool,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// The revision it was read at; 0 = new.
    pub revision: u64,
}

impl PatientRecord {
    /// A patient who is not merged into another.
    pub fn new(site: SiteId, patient: Patient, now: Timestamp) -> Self {
        Self {
            site,
            patient,
            clinical: Clinical::default(),
            merged_into: None,
            merge: None,
            aliases: Vec::new(),
            links: Vec::new(),
            is_registered: false,
            is_from_merge: false,
            is_void: false,
            updated_at: now,
            revision: 0,
        }
    }
}

impl PatientRecord {
    /// Whether what it says of the patient counts: it was not merged away, and is known from more than a merge that was
    /// undone.
    pub fn is_current(&self) -> bool {
        self.merged_into.is_none() && !self.is_void
    }
}

/// What a merge did, on the record of the identifier that it ended. `Debug` prints no values.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Merge {
    /// The orders that went to the surviving patient.
    pub moved: Vec<MovedOrder>,
    /// MSH-10 of the message that asked for it.
    pub control_id: String,
    /// When it was done.
    pub merged_at: Timestamp,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Merge(message {}, {} orders)", self.control_id, self.moved.len())
    }
}

/// An order that a merge moved. `Debug` prints no values.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct MovedOrder {
    /// The order.
    pub key: OrderKey,
    /// Whose it was, as it said so.
    pub patient: Patient,
}

impl std::fmt::Debug for MovedOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MovedOrder(<redacted>)")
    }
}

impl std::fmt::Debug for PatientRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PatientRecord(site: {}, <redacted>, revision: {})", self.site, self.revision)
    }
}

/// What the caller found for `Inbound::patients` and `Inbound::orders`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// Patients of the site.
    pub patients: Vec<PatientRecord>,
    /// Orders of the site.
    pub orders: Vec<OrderRecord>,
}

impl Known {
    /// Patients that others were merged into and that are not here: to be looked up too, until there are none.
    pub fn missing(&self) -> Vec<PatientId> {
        let is_here = |id: &&PatientId| {
            self.patients.iter().any(|record| record.patient.primary_id() == Some(id))
        };
        let wanted = self.patients.iter().filter_map(|record| record.merged_into.as_ref());
        let mut missing: Vec<PatientId> = wanted.filter(|id| !is_here(id)).cloned().collect();
        missing.sort();
        missing.dedup();
        missing
    }
}

/// Equal values of authorities that are equal, agree, or are unknown on one side.
pub(crate) fn same_patient(kept: Option<&PatientId>, said: Option<&PatientId>) -> bool {
    let (Some(kept), Some(said)) = (kept, said) else { return false };
    let issuers = match (kept.issuer(), said.issuer()) {
        (Some(kept), Some(said)) => kept == said || kept.agrees_with(said),
        _ => true,
    };
    kept.value() == said.value() && issuers
}
