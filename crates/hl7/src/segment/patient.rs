//! Segments of patient administration (HL7 2.5.1 chapter 3).

use super::segment;
use crate::datatype::{Ce, Cx, Hd, Pl, Ts, Xad, Xcn, Xpn, Xtn};

segment! {
    /// EVN, event type (HL7 2.5.1 section 3.4.1).
    Evn "EVN" {
        /// EVN-1, of which MSH-9.2 is the newer place.
        1 event_type_code: String,
        /// EVN-2, when the event was recorded.
        2 recorded: Ts,
        /// EVN-3, when it is planned for.
        3 planned: Ts,
        /// EVN-4, table 0062.
        4 event_reason_code: String,
        /// EVN-5
        5 operators: Vec<Xcn>,
        /// EVN-6, when it really happened: order events by this.
        6 occurred: Ts,
        /// EVN-7, from 2.5.
        7 event_facility: Hd,
    }

    /// PID, patient identification (HL7 2.5.1 section 3.4.2).
    Pid "PID" {
        /// PID-1
        1 set_id: String,
        /// PID-2, the identifier of old senders.
        2 patient_id: Cx,
        /// PID-3
        3 patient_identifier_list: Vec<Cx>,
        /// PID-4, of old senders.
        4 alternate_patient_ids: Vec<Cx>,
        /// PID-5
        5 patient_names: Vec<Xpn>,
        /// PID-6
        6 mothers_maiden_names: Vec<Xpn>,
        /// PID-7, the date, at times with the hour.
        7 birth: Ts,
        /// PID-8, table 0001.
        8 administrative_sex: String,
        /// PID-9
        9 aliases: Vec<Xpn>,
        /// PID-10
        10 races: Vec<Ce>,
        /// PID-11
        11 addresses: Vec<Xad>,
        /// PID-13
        13 home_phones: Vec<Xtn>,
        /// PID-14
        14 business_phones: Vec<Xtn>,
        /// PID-15
        15 primary_language: Ce,
        /// PID-16
        16 marital_status: Ce,
        /// PID-18, stands for the visit where PV1-19 is empty.
        18 patient_account_number: Cx,
        /// PID-21
        21 mothers_identifiers: Vec<Cx>,
        /// PID-23
        23 birth_place: String,
        /// PID-29
        29 death: Ts,
        /// PID-30, table 0136.
        30 death_indicator: String,
        /// PID-32, table 0445, from 2.5.
        32 identity_reliability_codes: Vec<String>,
        /// PID-33, from 2.5.
        33 last_update: Ts,
        /// PID-35, of animals, from 2.5.
        35 species: Ce,
    }

    /// MRG, merge patient information (HL7 2.5.1 section 3.4.9): what goes away.
    Mrg "MRG" {
        /// MRG-1
        1 prior_patient_identifier_list: Vec<Cx>,
        /// MRG-2
        2 prior_alternate_patient_ids: Vec<Cx>,
        /// MRG-3
        3 prior_patient_account_number: Cx,
        /// MRG-4, of old senders.
        4 prior_patient_id: Cx,
        /// MRG-5
        5 prior_visit_number: Cx,
        /// MRG-6
        6 prior_alternate_visit_id: Cx,
        /// MRG-7
        7 prior_patient_names: Vec<Xpn>,
    }

    /// NK1, next of kin (HL7 2.5.1 section 3.4.5).
    Nk1 "NK1" {
        /// NK1-1
        1 set_id: String,
        /// NK1-2
        2 names: Vec<Xpn>,
        /// NK1-3, table 0063.
        3 relationship: Ce,
        /// NK1-4
        4 addresses: Vec<Xad>,
        /// NK1-5
        5 phones: Vec<Xtn>,
    }

    /// PV1, patient visit (HL7 2.5.1 section 3.4.3).
    Pv1 "PV1" {
        /// PV1-1
        1 set_id: String,
        /// PV1-2, table 0004; `N` where there is no visit.
        2 patient_class: String,
        /// PV1-3
        3 assigned_patient_location: Pl,
        /// PV1-4, table 0007.
        4 admission_type: String,
        /// PV1-5
        5 preadmit_number: Cx,
        /// PV1-6
        6 prior_patient_location: Pl,
        /// PV1-7
        7 attending_doctors: Vec<Xcn>,
        /// PV1-8
        8 referring_doctors: Vec<Xcn>,
        /// PV1-9
        9 consulting_doctors: Vec<Xcn>,
        /// PV1-10, table 0069.
        10 hospital_service: String,
        /// PV1-15, table 0009; `B6` is pregnant.
        15 ambulatory_status: Vec<String>,
        /// PV1-16, table 0099.
        16 vip_indicator: String,
        /// PV1-17
        17 admitting_doctors: Vec<Xcn>,
        /// PV1-18, table 0018.
        18 patient_type: String,
        /// PV1-19
        19 visit_number: Cx,
        /// PV1-44
        44 admitted: Ts,
        /// PV1-45
        45 discharged: Ts,
        /// PV1-50
        50 alternate_visit_id: Cx,
        /// PV1-51, table 0326.
        51 visit_indicator: String,
    }

    /// AL1, allergy (HL7 2.5.1 section 3.4.6).
    Al1 "AL1" {
        /// AL1-1
        1 set_id: String,
        /// AL1-2, table 0127; a plain code in 2.3.1.
        2 allergen_type: Ce,
        /// AL1-3
        3 allergen: Ce,
        /// AL1-4, table 0128.
        4 severity: Ce,
        /// AL1-5
        5 reactions: Vec<String>,
        /// AL1-6, a date.
        6 identified: String,
    }

    /// DG1, diagnosis (HL7 2.5.1 section 6.5.2).
    Dg1 "DG1" {
        /// DG1-1
        1 set_id: String,
        /// DG1-2
        2 coding_method: String,
        /// DG1-3
        3 diagnosis_code: Ce,
        /// DG1-4
        4 description: String,
        /// DG1-5
        5 time: Ts,
        /// DG1-6, table 0052.
        6 diagnosis_type: String,
    }
}
