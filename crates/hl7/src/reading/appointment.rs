//! Appointments.

use std::fmt;

use super::declare::readings;
use super::lookup::{Lookup, Shared};
use super::observation::lines;
use super::{Conflict, PatientSources, PatientValues};
use crate::Message;
use crate::datatype::{Ce, Ei, Pl, Ts, Xcn};
use crate::group::Groups;

readings! {
    /// What a message says of an appointment.
    AppointmentValues
    /// Where to read an appointment.
    AppointmentSources {
        /// The placer's number.
        placer_appointment_id: Ei = ["SCH-1", "ARQ-1"],
        /// The filler's number: the key of the appointment.
        filler_appointment_id: Ei = ["SCH-2", "ARQ-2"],
        /// Status, table 0278.
        status: Ce = ["SCH-25", "AIS-10"],
        /// When it begins.
        start: Ts = ["AIS-4", "AIL-6", "AIG-8", "AIP-6", "TQ1-7", "SCH-11.4"],
        /// When it ends.
        end: Ts = ["TQ1-8", "SCH-11.5"],
        /// How long it takes.
        duration: String = ["AIS-7", "SCH-9"],
        /// In which unit.
        duration_units: Ce = ["AIS-8", "SCH-10"],
        /// The examination.
        service: Ce = ["AIS-3"],
        /// Why the message was sent.
        event_reason: Ce = ["SCH-6"],
        /// Why the appointment was made.
        reason: Ce = ["SCH-7"],
        /// Type, table 0277.
        appointment_type: Ce = ["SCH-8"],
        /// The device.
        device: Ce = ["AIG-3"],
        /// The room.
        location: Pl = ["AIL-3"],
        /// Who performs.
        person: Xcn = ["AIP-3"],
        /// The placer's order.
        placer_order_number: Ei = ["SCH-26", "ORC-2"],
        /// The filler's order, at times the accession number.
        filler_order_number: Ei = ["SCH-27", "ORC-3"],
    }
}

/// One appointment of SIU.
#[derive(Clone)]
pub struct AppointmentView {
    /// What happened, by MSH-9.2.
    pub action: AppointmentAction,
    /// Whom it is for; the first patient, where a group has an appointment together.
    pub patient: PatientValues,
    /// What the message says.
    pub values: AppointmentValues,
    /// NTE, as lines.
    pub notes: Vec<String>,
    /// How many patients the message names.
    pub patients: usize,
}

/// What happened to an appointment (HL7 2.5.1 section 10.4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AppointmentAction {
    /// S12
    Book,
    /// S15
    Cancel,
    /// S18 to S22: one service or resource was added, changed or taken away.
    ChangeResource,
    /// S17
    Delete,
    /// S16
    Discontinue,
    /// S14
    Modify,
    /// S26
    NoShow,
    /// S13
    Reschedule,
    /// S23, S24: time slots, no appointment.
    Slots,
    /// Anything else.
    Unknown,
}

impl AppointmentAction {
    /// The action of a trigger event.
    pub fn of_event(event: &str) -> Self {
        match event.trim() {
            "S12" => Self::Book,
            "S13" => Self::Reschedule,
            "S14" => Self::Modify,
            "S15" => Self::Cancel,
            "S16" => Self::Discontinue,
            "S17" => Self::Delete,
            "S18" | "S19" | "S20" | "S21" | "S22" => Self::ChangeResource,
            "S23" | "S24" => Self::Slots,
            "S26" => Self::NoShow,
            _ => Self::Unknown,
        }
    }
}

impl AppointmentView {
    /// The appointment of a message; `None` without SCH.
    pub fn read(message: &Message, sources: &AppointmentSources) -> Option<Self> {
        let groups = Groups::of(message);
        groups.schedule?;
        let patient = groups.patients.first();
        let shared = Shared::of(&groups, patient);
        let lookup = Lookup { shared: &shared, patient, order: None, document: None };
        let mut values = AppointmentValues::read(&lookup, sources);
        // Each service and resource has times and a status of its own; the first one speaks for the appointment.
        values.status = values.status.first_only();
        values.service = values.service.first_only();
        values.device = values.device.first_only();
        values.location = values.location.first_only();
        values.person = values.person.first_only();
        values.duration = values.duration.first_only();
        values.duration_units = values.duration_units.first_only();
        let sources = PatientSources::default();
        let resources = groups.resources.iter().flat_map(|group| &group.notes);
        Some(Self {
            action: AppointmentAction::of_event(&message.trigger_event()),
            patient: patient
                .map(|patient| PatientValues::of(&groups, patient, &sources))
                .unwrap_or_default(),
            values,
            notes: groups.notes.iter().chain(resources).map(|note| lines(note, 3)).collect(),
            patients: groups.patients.len(),
        })
    }

    /// Every pair of sources that disagree.
    pub fn conflicts(&self) -> impl Iterator<Item = Conflict> {
        self.patient.conflicts().chain(self.values.conflicts())
    }
}

impl fmt::Debug for AppointmentView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppointmentView")
            .field("action", &self.action)
            .field("values", &self.values)
            .field("notes", &format_args!("<redacted>"))
            .finish()
    }
}
