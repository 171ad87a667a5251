//! Segments of reports, documents and answers (HL7 2.5.1 chapters 2, 7 and 9).

use super::segment;
use crate::datatype::{Ce, Cwe, Ei, Eld, Erl, Ppn, Ts, Xcn, Xon};

segment! {
    /// OBX, observation (HL7 2.5.1 section 7.4.2), without its value, whose type OBX-2 names: read OBX-5 from the view.
    Obx "OBX" {
        /// OBX-1
        1 set_id: String,
        /// OBX-2, table 0125; where it is empty, text.
        2 value_type: String,
        /// OBX-3
        3 observation_identifier: Ce,
        /// OBX-4
        4 observation_sub_id: String,
        /// OBX-6
        6 units: Ce,
        /// OBX-7
        7 references_range: String,
        /// OBX-8, table 0078.
        8 abnormal_flags: Vec<String>,
        /// OBX-11, table 0085.
        11 result_status: String,
        /// OBX-14
        14 observed: Ts,
        /// OBX-15
        15 producer: Ce,
        /// OBX-16
        16 responsible_observers: Vec<Xcn>,
        /// OBX-17
        17 methods: Vec<Ce>,
        /// OBX-18, from 2.5.
        18 equipment_instances: Vec<Ei>,
        /// OBX-19, from 2.5.
        19 analysed: Ts,
        /// OBX-23, from 2.5.1.
        23 performing_organization: Xon,
    }

    /// NTE, notes and comments (HL7 2.5.1 section 2.15.10), without its text: read NTE-3 from the view.
    Nte "NTE" {
        /// NTE-1
        1 set_id: String,
        /// NTE-2, table 0105.
        2 source: String,
        /// NTE-4, table 0364, from 2.4.
        4 comment_type: Ce,
    }

    /// TXA, transcription document header (HL7 2.5.1 section 9.6.1).
    Txa "TXA" {
        /// TXA-1
        1 set_id: String,
        /// TXA-2, table 0270.
        2 document_type: String,
        /// TXA-3, table 0191.
        3 content_presentation: String,
        /// TXA-4
        4 activity: Ts,
        /// TXA-5
        5 primary_activity_providers: Vec<Xcn>,
        /// TXA-6
        6 originated: Ts,
        /// TXA-7
        7 transcribed: Ts,
        /// TXA-8
        8 edited: Vec<Ts>,
        /// TXA-9
        9 originators: Vec<Xcn>,
        /// TXA-10
        10 assigned_authenticators: Vec<Xcn>,
        /// TXA-11
        11 transcriptionists: Vec<Xcn>,
        /// TXA-12
        12 unique_document_number: Ei,
        /// TXA-13, the document that an addendum or replacement is about.
        13 parent_document_number: Ei,
        /// TXA-14
        14 placer_order_numbers: Vec<Ei>,
        /// TXA-15
        15 filler_order_number: Ei,
        /// TXA-16
        16 unique_document_file_name: String,
        /// TXA-17, table 0271.
        17 completion_status: String,
        /// TXA-18, table 0272.
        18 confidentiality_status: String,
        /// TXA-19, table 0273.
        19 availability_status: String,
        /// TXA-20, table 0275.
        20 storage_status: String,
        /// TXA-21
        21 change_reason: String,
        /// TXA-22, who signed, and when.
        22 authentications: Vec<Ppn>,
        /// TXA-23
        23 distributed_copies: Vec<Xcn>,
    }

    /// MSA, message acknowledgment (HL7 2.5.1 section 2.15.8).
    Msa "MSA" {
        /// MSA-1, table 0008.
        1 acknowledgment_code: String,
        /// MSA-2
        2 message_control_id: String,
        /// MSA-3
        3 text_message: String,
        /// MSA-6, table 0357.
        6 error_condition: Ce,
    }

    /// ERR, error, in the form of 2.5 (HL7 2.5.1 section 2.15.5) with the field of the form before.
    Err "ERR" {
        /// ERR-1, before 2.5.
        1 error_code_and_location: Vec<Eld>,
        /// ERR-2
        2 location: Erl,
        /// ERR-3, table 0357.
        3 error_code: Cwe,
        /// ERR-4, table 0516.
        4 severity: String,
        /// ERR-5, table 0533.
        5 application_error_code: Cwe,
        /// ERR-7
        7 diagnostic_information: String,
        /// ERR-8
        8 user_message: String,
    }
}
