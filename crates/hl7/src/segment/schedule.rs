//! Segments of appointments (HL7 2.5.1 chapter 10).

use super::segment;
use crate::datatype::{Ce, Ei, Pl, Tq, Ts, Xcn, Xtn};

segment! {
    /// SCH, scheduling activity (HL7 2.5.1 section 10.6.2).
    Sch "SCH" {
        /// SCH-1
        1 placer_appointment_id: Ei,
        /// SCH-2
        2 filler_appointment_id: Ei,
        /// SCH-3
        3 occurrence_number: String,
        /// SCH-4
        4 placer_group_number: Ei,
        /// SCH-5
        5 schedule_id: Ce,
        /// SCH-6
        6 event_reason: Ce,
        /// SCH-7, table 0276.
        7 appointment_reason: Ce,
        /// SCH-8, table 0277.
        8 appointment_type: Ce,
        /// SCH-9
        9 appointment_duration: String,
        /// SCH-10
        10 appointment_duration_units: Ce,
        /// SCH-11
        11 timing_quantity: Vec<Tq>,
        /// SCH-12
        12 placer_contacts: Vec<Xcn>,
        /// SCH-13
        13 placer_contact_phone: Xtn,
        /// SCH-16
        16 filler_contacts: Vec<Xcn>,
        /// SCH-17
        17 filler_contact_phone: Xtn,
        /// SCH-20
        20 entered_by: Vec<Xcn>,
        /// SCH-23
        23 parent_placer_appointment_id: Ei,
        /// SCH-24
        24 parent_filler_appointment_id: Ei,
        /// SCH-25, table 0278.
        25 filler_status: Ce,
        /// SCH-26, from 2.4.
        26 placer_order_numbers: Vec<Ei>,
        /// SCH-27, from 2.4.
        27 filler_order_numbers: Vec<Ei>,
    }

    /// RGS, resource group (HL7 2.5.1 section 10.6.3).
    Rgs "RGS" {
        /// RGS-1
        1 set_id: String,
        /// RGS-2, table 0206.
        2 segment_action_code: String,
        /// RGS-3
        3 resource_group_id: Ce,
    }

    /// AIS, the service of an appointment (HL7 2.5.1 section 10.6.4).
    Ais "AIS" {
        /// AIS-1
        1 set_id: String,
        /// AIS-2, table 0206.
        2 segment_action_code: String,
        /// AIS-3
        3 universal_service_identifier: Ce,
        /// AIS-4
        4 start: Ts,
        /// AIS-7
        7 duration: String,
        /// AIS-8
        8 duration_units: Ce,
        /// AIS-10, table 0278.
        10 filler_status: Ce,
    }

    /// AIG, a general resource, such as a device (HL7 2.5.1 section 10.6.5).
    Aig "AIG" {
        /// AIG-1
        1 set_id: String,
        /// AIG-2, table 0206.
        2 segment_action_code: String,
        /// AIG-3
        3 resource_id: Ce,
        /// AIG-4
        4 resource_type: Ce,
        /// AIG-5
        5 resource_groups: Vec<Ce>,
        /// AIG-8
        8 start: Ts,
        /// AIG-11
        11 duration: String,
        /// AIG-12
        12 duration_units: Ce,
        /// AIG-14, table 0278.
        14 filler_status: Ce,
    }

    /// AIL, a location (HL7 2.5.1 section 10.6.6).
    Ail "AIL" {
        /// AIL-1
        1 set_id: String,
        /// AIL-2, table 0206.
        2 segment_action_code: String,
        /// AIL-3
        3 locations: Vec<Pl>,
        /// AIL-4, table 0305.
        4 location_type: Ce,
        /// AIL-6
        6 start: Ts,
        /// AIL-9
        9 duration: String,
        /// AIL-10
        10 duration_units: Ce,
        /// AIL-12, table 0278.
        12 filler_status: Ce,
    }

    /// AIP, a person (HL7 2.5.1 section 10.6.7).
    Aip "AIP" {
        /// AIP-1
        1 set_id: String,
        /// AIP-2, table 0206.
        2 segment_action_code: String,
        /// AIP-3
        3 persons: Vec<Xcn>,
        /// AIP-4, table 0182.
        4 resource_type: Ce,
        /// AIP-6
        6 start: Ts,
        /// AIP-9
        9 duration: String,
        /// AIP-10
        10 duration_units: Ce,
        /// AIP-12, table 0278.
        12 filler_status: Ce,
    }
}
