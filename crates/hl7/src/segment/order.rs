//! Segments of orders (HL7 2.5.1 chapter 4) and of IHE RAD.

use super::segment;
use crate::datatype::{Ce, Cq, Cwe, Ei, Eip, Ndl, Pl, Rp, Tq, Ts, Xad, Xcn, Xon, Xtn};

segment! {
    /// ORC, common order (HL7 2.5.1 section 4.5.1).
    Orc "ORC" {
        /// ORC-1, table 0119.
        1 order_control: String,
        /// ORC-2
        2 placer_order_number: Ei,
        /// ORC-3
        3 filler_order_number: Ei,
        /// ORC-4
        4 placer_group_number: Ei,
        /// ORC-5, table 0038.
        5 order_status: String,
        /// ORC-6, table 0121.
        6 response_flag: String,
        /// ORC-7, in 2.3.1; TQ1 from 2.5.
        7 quantity_timing: Vec<Tq>,
        /// ORC-8
        8 parent_order: Eip,
        /// ORC-9, when the order changed: order updates by this.
        9 transaction_time: Ts,
        /// ORC-10
        10 entered_by: Vec<Xcn>,
        /// ORC-11
        11 verified_by: Vec<Xcn>,
        /// ORC-12
        12 ordering_providers: Vec<Xcn>,
        /// ORC-13
        13 enterers_location: Pl,
        /// ORC-14
        14 call_back_phones: Vec<Xtn>,
        /// ORC-15
        15 effective: Ts,
        /// ORC-16
        16 order_control_reason: Ce,
        /// ORC-17
        17 entering_organization: Ce,
        /// ORC-18
        18 entering_device: Ce,
        /// ORC-19
        19 action_by: Vec<Xcn>,
        /// ORC-21
        21 ordering_facilities: Vec<Xon>,
        /// ORC-22
        22 ordering_facility_addresses: Vec<Xad>,
        /// ORC-23
        23 ordering_facility_phones: Vec<Xtn>,
        /// ORC-25, from 2.4.
        25 order_status_modifier: Cwe,
        /// ORC-28, table 0177, from 2.5.
        28 confidentiality: Cwe,
    }

    /// TQ1, timing (HL7 2.5.1 section 4.5.4).
    Tq1 "TQ1" {
        /// TQ1-1
        1 set_id: String,
        /// TQ1-2
        2 quantity: Cq,
        /// TQ1-6, in the French profile how many days the images are kept.
        6 service_duration: Cq,
        /// TQ1-7
        7 start: Ts,
        /// TQ1-8
        8 end: Ts,
        /// TQ1-9, table 0485.
        9 priorities: Vec<Cwe>,
        /// TQ1-10
        10 condition: String,
        /// TQ1-11
        11 instruction: String,
    }

    /// OBR, observation request (HL7 2.5.1 section 4.5.3).
    Obr "OBR" {
        /// OBR-1
        1 set_id: String,
        /// OBR-2
        2 placer_order_number: Ei,
        /// OBR-3
        3 filler_order_number: Ei,
        /// OBR-4
        4 universal_service_identifier: Ce,
        /// OBR-5, of old senders.
        5 priority: String,
        /// OBR-6, of old senders.
        6 requested: Ts,
        /// OBR-7, when the examination began.
        7 observed: Ts,
        /// OBR-8
        8 observation_end: Ts,
        /// OBR-12
        12 danger: Ce,
        /// OBR-13
        13 relevant_clinical_information: String,
        /// OBR-16
        16 ordering_providers: Vec<Xcn>,
        /// OBR-17
        17 call_back_phones: Vec<Xtn>,
        /// OBR-18, in IHE RAD the accession number.
        18 placer_field_1: String,
        /// OBR-19, in IHE RAD the requested procedure id.
        19 placer_field_2: String,
        /// OBR-20, in IHE RAD the scheduled procedure step id.
        20 filler_field_1: String,
        /// OBR-21
        21 filler_field_2: String,
        /// OBR-22
        22 status_changed: Ts,
        /// OBR-24, in IHE RAD the modality.
        24 diagnostic_service_section: String,
        /// OBR-25, table 0123.
        25 result_status: String,
        /// OBR-27, in 2.3.1; TQ1 from 2.5.
        27 quantity_timing: Vec<Tq>,
        /// OBR-28
        28 result_copies_to: Vec<Xcn>,
        /// OBR-29
        29 parent: Eip,
        /// OBR-30, table 0124.
        30 transportation_mode: String,
        /// OBR-31
        31 reasons_for_study: Vec<Ce>,
        /// OBR-32
        32 principal_interpreter: Ndl,
        /// OBR-33
        33 assistant_interpreters: Vec<Ndl>,
        /// OBR-34, in IHE RAD-4 the performing physician.
        34 technicians: Vec<Ndl>,
        /// OBR-35
        35 transcriptionists: Vec<Ndl>,
        /// OBR-36
        36 scheduled: Ts,
        /// OBR-44
        44 procedure_code: Ce,
        /// OBR-45
        45 procedure_code_modifiers: Vec<Ce>,
        /// OBR-46, from 2.4.
        46 placer_supplemental_information: Vec<Ce>,
        /// OBR-47, from 2.4.
        47 filler_supplemental_information: Vec<Ce>,
    }

    /// IPC, imaging procedure control (HL7 2.5.1 section 4.5.6).
    Ipc "IPC" {
        /// IPC-1
        1 accession_identifier: Ei,
        /// IPC-2
        2 requested_procedure_id: Ei,
        /// IPC-3
        3 study_instance_uid: Ei,
        /// IPC-4
        4 scheduled_procedure_step_id: Ei,
        /// IPC-5
        5 modality: Ce,
        /// IPC-6
        6 protocol_codes: Vec<Ce>,
        /// IPC-7, repeated by IHE practice.
        7 scheduled_station_names: Vec<Ei>,
        /// IPC-8
        8 scheduled_procedure_step_locations: Vec<Ce>,
        /// IPC-9, repeated by IHE practice.
        9 scheduled_station_ae_titles: Vec<String>,
    }

    /// ZDS, the study of an order (IHE RAD TF-2 section 4.4, HL7 2.3.1 option).
    Zds "ZDS" {
        /// ZDS-1, its pointer is the UID.
        1 study_instance_uid: Rp,
    }
}
