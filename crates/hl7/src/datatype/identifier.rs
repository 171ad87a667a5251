//! Identifiers and who assigned them.

use telerad_core::{EntityIdentifier, InvalidIdentifier, Issuer, PatientId};

use super::composite::composite;

composite! {
    /// HD, hierarchic designator: an authority, an application or a facility (HL7 2.5.1 section 2.A.33).
    Hd {
        /// HD-1, known within a site.
        1 namespace_id: String,
        /// HD-2, such as an object identifier.
        2 universal_id: String,
        /// HD-3, table 0301, such as `ISO`.
        3 universal_id_type: String,
    }

    /// EI, entity identifier: a number with its authority (HL7 2.5.1 section 2.A.28).
    Ei {
        /// EI-1
        1 entity_identifier: String,
        /// EI-2
        2 namespace_id: String,
        /// EI-3
        3 universal_id: String,
        /// EI-4, table 0301.
        4 universal_id_type: String,
    }

    /// EIP, a placer's and a filler's number (HL7 2.5.1 section 2.A.29).
    ///
    /// Each is an EI of subcomponents where the pair is a whole field.
    Eip {
        /// EIP-1
        1 placer: Ei,
        /// EIP-2
        2 filler: Ei,
    }

    /// CX, an identifier of a patient, visit or account (HL7 2.5.1 section 2.A.14).
    Cx {
        /// CX-1
        1 id_number: String,
        /// CX-2
        2 check_digit: String,
        /// CX-3, table 0061.
        3 check_digit_scheme: String,
        /// CX-4; without it the number is unique within the sender only.
        4 assigning_authority: Hd,
        /// CX-5, table 0203, such as `PI`, `MR`, `VN`.
        5 identifier_type_code: String,
        /// CX-6
        6 assigning_facility: Hd,
        /// CX-7, a date.
        7 effective_date: String,
        /// CX-8, a date.
        8 expiration_date: String,
    }

    /// XON, an organization (HL7 2.5.1 section 2.A.87).
    Xon {
        /// XON-1
        1 organization_name: String,
        /// XON-2, table 0204.
        2 organization_name_type_code: String,
        /// XON-3; XON-10 replaces it from 2.5.
        3 id_number: String,
        /// XON-4
        4 check_digit: String,
        /// XON-5, table 0061.
        5 check_digit_scheme: String,
        /// XON-6
        6 assigning_authority: Hd,
        /// XON-7, table 0203.
        7 identifier_type_code: String,
        /// XON-8
        8 assigning_facility: Hd,
        /// XON-9, table 0465.
        9 name_representation_code: String,
        /// XON-10
        10 organization_identifier: String,
    }
}

impl Hd {
    /// The authority as an issuer; `None` when it is empty.
    pub fn issuer(&self) -> Option<Issuer> {
        Issuer::from_parts(&self.namespace_id, &self.universal_id, &self.universal_id_type)
    }
}

impl Ei {
    /// EI-2 to EI-4 as the authority that assigned the number.
    pub fn authority(&self) -> Hd {
        Hd {
            namespace_id: self.namespace_id.clone(),
            universal_id: self.universal_id.clone(),
            universal_id_type: self.universal_id_type.clone(),
            ..Hd::default()
        }
    }

    /// Who assigned the number, where that is said.
    pub fn issuer(&self) -> Option<Issuer> {
        Issuer::from_parts(&self.namespace_id, &self.universal_id, &self.universal_id_type)
    }

    /// The number with its issuer.
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when EI-1 is empty, has control characters or is too long.
    pub fn entity_identifier(&self) -> Result<EntityIdentifier, InvalidIdentifier> {
        EntityIdentifier::new(&self.entity_identifier, self.issuer())
    }
}

impl Cx {
    /// Whether it numbers a patient: account and visit numbers (table 0203) share the authority of patient numbers, and
    /// taken for one they would name another patient.
    pub fn is_of_patient(&self) -> bool {
        !matches!(self.identifier_type_code.as_str(), "AN" | "ANC" | "AND" | "ANT" | "VN")
    }

    /// A visit or account number with who assigned it.
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when CX-1 is empty, has control characters or is too long.
    pub fn entity_identifier(&self) -> Result<EntityIdentifier, InvalidIdentifier> {
        EntityIdentifier::new(&self.id_number, self.assigning_authority.issuer())
    }

    /// The identifier with its assigning authority.
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when CX-1 is empty, has control characters or is too long.
    pub fn patient_id(&self) -> Result<PatientId, InvalidIdentifier> {
        PatientId::new(&self.id_number, self.assigning_authority.issuer())
    }
}

impl Xon {
    /// XON-10, else XON-3.
    pub fn identifier(&self) -> &str {
        if self.organization_identifier.is_empty() {
            &self.id_number
        } else {
            &self.organization_identifier
        }
    }
}

impl From<&Issuer> for Hd {
    fn from(issuer: &Issuer) -> Self {
        let universal = issuer.universal.as_ref();
        Self {
            namespace_id: issuer.namespace.clone().unwrap_or_default(),
            universal_id: universal.map(|id| id.value.clone()).unwrap_or_default(),
            universal_id_type: universal.map(|id| id.kind.clone()).unwrap_or_default(),
            ..Self::default()
        }
    }
}

impl From<&EntityIdentifier> for Ei {
    fn from(identifier: &EntityIdentifier) -> Self {
        let Hd { namespace_id, universal_id, universal_id_type, .. } =
            identifier.issuer().map(Hd::from).unwrap_or_default();
        let entity_identifier = identifier.value().to_owned();
        Self { entity_identifier, namespace_id, universal_id, universal_id_type, ..Self::default() }
    }
}

impl From<&PatientId> for Cx {
    fn from(id: &PatientId) -> Self {
        Self {
            id_number: id.value().to_owned(),
            assigning_authority: id.issuer().map(Hd::from).unwrap_or_default(),
            ..Self::default()
        }
    }
}
