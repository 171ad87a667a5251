//! The patient of a message.

use super::declare::readings;
use super::lookup::{Lookup, Shared};
use crate::datatype::{Cx, Datatype, Pl, Ts, Xcn, Xpn};
use crate::group::{Groups, PatientGroup};

readings! {
    /// Who the patient is and where the patient lies.
    PatientValues
    /// Where to read the patient.
    PatientSources {
        /// The primary identifier; [`PatientValues::identifiers_of`] reads all.
        identifier: Cx = ["PID-3"],
        /// The name; [`PatientValues::names_of`] reads all.
        name: Xpn = ["PID-5"],
        /// The birth date.
        birth: Ts = ["PID-7"],
        /// Administrative sex, table 0001.
        sex: String = ["PID-8"],
        /// The account.
        account_number: Cx = ["PID-18"],
        /// The visit; the account stands for it where PV1-19 is empty (IHE RAD TF-2 section 4.1).
        visit_number: Cx = ["PV1-19", "PID-18"],
        /// Patient class, table 0004.
        patient_class: String = ["PV1-2"],
        /// Where the patient is.
        location: Pl = ["PV1-3"],
        /// The referring physician.
        referring_doctor: Xcn = ["PV1-8"],
        /// The attending physician.
        attending_doctor: Xcn = ["PV1-7"],
        /// When the patient's record was last changed, by which stale updates are known.
        last_update: Ts = ["PID-33"],
    }
}

impl PatientValues {
    /// Reads the patient of a group.
    pub fn of(groups: &Groups<'_>, patient: &PatientGroup<'_>, sources: &PatientSources) -> Self {
        Self::with(&Shared::of(groups, Some(patient)), sources)
    }

    pub(super) fn with(shared: &Shared<'_>, sources: &PatientSources) -> Self {
        let lookup = Lookup { shared, patient: None, order: None, document: None };
        // PV1-19 and PID-18 are different numbers where both are there; only the first one counts as the visit.
        let mut values = Self::read(&lookup, sources);
        values.visit_number = values.visit_number.first_only();
        values
    }

    /// Every identifier in PID-3, in the message's order.
    pub fn identifiers_of(patient: &PatientGroup<'_>) -> Vec<Cx> {
        patient.patient.map(|pid| Cx::read_all(pid.field(3))).unwrap_or_default()
    }

    /// Every name in PID-5, in the message's order.
    pub fn names_of(patient: &PatientGroup<'_>) -> Vec<Xpn> {
        patient.patient.map(|pid| Xpn::read_all(pid.field(5))).unwrap_or_default()
    }
}
