//! Patient administration.

use std::fmt;

use super::{ChosenName, Conflict, PatientSources, PatientValues, choose_name};
use crate::Message;
use crate::datatype::{Cx, Datatype, Ts, Xpn};
use crate::group::{Groups, PatientGroup};

/// What an ADT message tells of one patient. Identities that change are read by [`MergeView`](super::MergeView).
#[derive(Clone)]
pub struct PatientView {
    /// What happened, by MSH-9.2, else EVN-1.
    pub event: PatientEvent,
    /// Who the patient is and where.
    pub values: PatientValues,
    /// Every identifier of PID-3.
    pub identifiers: Vec<Cx>,
    /// Every name of PID-5.
    pub names: Vec<Xpn>,
    /// Whether PID-3 as a whole is null `""`: all identifiers are to be deleted, which an empty list does not say.
    pub deletes_identifiers: bool,
    /// Whether PID-5 as a whole is null `""`: all names are to be deleted, which an empty list does not say.
    pub deletes_names: bool,
    /// When it was recorded: EVN-2.
    pub recorded: Ts,
    /// When it happened: EVN-6, by which events are ordered where it is filled.
    pub occurred: Ts,
}

/// What happened to a patient (HL7 2.5.1 section 3.3).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum PatientEvent {
    /// A01, A04, A05, A14: a visit begins or is announced.
    Admit,
    /// A11, A38, A27: a visit did not begin.
    CancelAdmit,
    /// A13, A25
    CancelDischarge,
    /// A12, A26, A32, A33
    CancelTransfer,
    /// A06, A07: inpatient to outpatient and back.
    ChangeClass,
    /// A23, A29: the record is deleted.
    Delete,
    /// A03, A16: a visit ends.
    Discharge,
    /// A18, A24, A30, A34 to A37, A39 to A51: who is who changes.
    Identity,
    /// A28: a person without a visit is added.
    Register,
    /// A17: two patients swap beds.
    Swap,
    /// A02, A09, A10, A15, A20, A21, A22, A52, A53: the patient, or a bed, is elsewhere.
    Transfer,
    /// Anything else.
    Unknown,
    /// A08, A31, A54, A55, A60 to A62: something about the patient or visit changed.
    Update,
}

impl PatientEvent {
    /// The meaning of an ADT event.
    pub fn of_event(event: &str) -> Self {
        match event.trim() {
            "A01" | "A04" | "A05" | "A14" => Self::Admit,
            "A02" | "A09" | "A10" | "A15" | "A20" | "A21" | "A22" | "A52" | "A53" => Self::Transfer,
            "A03" | "A16" => Self::Discharge,
            "A06" | "A07" => Self::ChangeClass,
            "A08" | "A31" | "A54" | "A55" | "A60" | "A61" | "A62" => Self::Update,
            "A11" | "A27" | "A38" => Self::CancelAdmit,
            "A12" | "A26" | "A32" | "A33" => Self::CancelTransfer,
            "A13" | "A25" => Self::CancelDischarge,
            "A17" => Self::Swap,
            "A23" | "A29" => Self::Delete,
            "A28" => Self::Register,
            "A18" | "A24" | "A30" | "A34" | "A35" | "A36" | "A37" | "A39" | "A40" | "A41"
            | "A42" | "A43" | "A44" | "A45" | "A46" | "A47" | "A48" | "A49" | "A50" | "A51" => {
                Self::Identity
            }
            _ => Self::Unknown,
        }
    }
}

impl PatientView {
    /// Every patient of a message, whatever its type: a report says who it is about as well.
    pub fn read_all(message: &Message, sources: &PatientSources) -> Vec<Self> {
        let groups = Groups::of(message);
        let of_evn =
            |n| groups.event.map(|evn| evn.field(n).text().into_owned()).unwrap_or_default();
        let event = match message.trigger_event() {
            event if event.trim().is_empty() => of_evn(1),
            event => event,
        };
        let event = PatientEvent::of_event(&event);
        let patients = groups.patients.iter().filter(|patient| patient.patient.is_some());
        patients.map(|patient| Self::of(&groups, patient, event, sources)).collect()
    }

    fn of(
        groups: &Groups<'_>,
        patient: &PatientGroup<'_>,
        event: PatientEvent,
        sources: &PatientSources,
    ) -> Self {
        let time = |n| groups.event.map(|evn| Ts::read(evn.field(n))).unwrap_or_default();
        let is_null = |n| patient.patient.is_some_and(|pid| pid.field(n).is_null());
        Self {
            event,
            values: PatientValues::of(groups, patient, sources),
            identifiers: PatientValues::identifiers_of(patient),
            names: PatientValues::names_of(patient),
            deletes_identifiers: is_null(3),
            deletes_names: is_null(5),
            recorded: time(2),
            occurred: time(6),
        }
    }

    /// The patient's name among those of PID-5, as [`choose_name`] chooses it.
    pub fn chosen_name(&self) -> Option<ChosenName> {
        choose_name(&self.names)
    }

    /// Every pair of sources that disagree.
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict> {
        self.values.conflicts()
    }
}

impl fmt::Debug for PatientView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatientView")
            .field("event", &self.event)
            .field("values", &self.values)
            .field("patient", &format_args!("<redacted>"))
            .finish()
    }
}
