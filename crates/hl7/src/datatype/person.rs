//! Names of people.

use telerad_core::NameGroup;

use super::composite::{Composite, Datatype, composite, note, put};
use super::{Ce, Dr, Hd, Nulls, Ts};
use crate::Value;

composite! {
    /// FN, a family name (HL7 2.5.1 section 2.A.30).
    Fn {
        /// FN-1, the whole family name.
        1 surname: String,
        /// FN-2, such as `van`.
        2 own_surname_prefix: String,
        /// FN-3
        3 own_surname: String,
        /// FN-4
        4 surname_prefix_from_partner: String,
        /// FN-5
        5 surname_from_partner: String,
    }

    /// XPN, a person's name (HL7 2.5.1 section 2.A.88).
    Xpn {
        /// XPN-1
        1 family_name: Fn,
        /// XPN-2
        2 given_name: String,
        /// XPN-3
        3 further_given_names: String,
        /// XPN-4
        4 suffix: String,
        /// XPN-5
        5 prefix: String,
        /// XPN-6, table 0360.
        6 degree: String,
        /// XPN-7, table 0200: `L` is the legal name.
        7 name_type_code: String,
        /// XPN-8, table 0465: `A` alphabetic, `I` ideographic, `P` phonetic.
        8 name_representation_code: String,
        /// XPN-9
        9 name_context: Ce,
        /// XPN-10
        10 name_validity_range: Dr,
        /// XPN-11, table 0444.
        11 name_assembly_order: String,
        /// XPN-12, from 2.5.
        12 effective_date: Ts,
        /// XPN-13, from 2.5.
        13 expiration_date: Ts,
        /// XPN-14, from 2.5.
        14 professional_suffix: String,
    }

    /// XCN, a person with an identifier (HL7 2.5.1 section 2.A.86).
    Xcn {
        /// XCN-1
        1 id_number: String,
        /// XCN-2
        2 family_name: Fn,
        /// XCN-3
        3 given_name: String,
        /// XCN-4
        4 further_given_names: String,
        /// XCN-5
        5 suffix: String,
        /// XCN-6
        6 prefix: String,
        /// XCN-7, table 0360.
        7 degree: String,
        /// XCN-8
        8 source_table: String,
        /// XCN-9
        9 assigning_authority: Hd,
        /// XCN-10, table 0200.
        10 name_type_code: String,
        /// XCN-11
        11 identifier_check_digit: String,
        /// XCN-12
        12 check_digit_scheme: String,
        /// XCN-13, table 0203.
        13 identifier_type_code: String,
        /// XCN-14
        14 assigning_facility: Hd,
        /// XCN-15, table 0465.
        15 name_representation_code: String,
        /// XCN-16
        16 name_context: Ce,
        /// XCN-17
        17 name_validity_range: Dr,
        /// XCN-18, table 0444.
        18 name_assembly_order: String,
        /// XCN-19, from 2.5.
        19 effective_date: Ts,
        /// XCN-20, from 2.5.
        20 expiration_date: Ts,
        /// XCN-21, from 2.5.
        21 professional_suffix: String,
    }

    /// PPN, a person and when the person acted (HL7 2.5.1 section 2.A.54).
    Ppn {
        /// PPN-1
        1 id_number: String,
        /// PPN-2
        2 family_name: Fn,
        /// PPN-3
        3 given_name: String,
        /// PPN-4
        4 further_given_names: String,
        /// PPN-5
        5 suffix: String,
        /// PPN-6
        6 prefix: String,
        /// PPN-7
        7 degree: String,
        /// PPN-9
        9 assigning_authority: Hd,
        /// PPN-15, when the document was signed.
        15 time_action_performed: Ts,
    }

    /// CNN, a person in few parts (HL7 2.5.1 section 2.A.11), and CN of 2.3.1, which has the same first nine.
    Cnn {
        /// CNN-1
        1 id_number: String,
        /// CNN-2
        2 family_name: String,
        /// CNN-3
        3 given_name: String,
        /// CNN-4
        4 further_given_names: String,
        /// CNN-5
        5 suffix: String,
        /// CNN-6
        6 prefix: String,
        /// CNN-7, table 0360.
        7 degree: String,
        /// CNN-8, table 0297.
        8 source_table: String,
        /// CNN-9
        9 assigning_authority_namespace_id: String,
        /// CNN-10
        10 assigning_authority_universal_id: String,
        /// CNN-11
        11 assigning_authority_universal_id_type: String,
    }
}

/// NDL, who did something, when and where (HL7 2.5.1 section 2.A.47): the readers of OBR-32 to OBR-35.
///
/// Many senders write an XCN in its place, the name in components instead of subcomponents; it is read as the name.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Ndl {
    /// NDL-1
    pub name: Cnn,
    /// NDL-2
    pub start: Ts,
    /// NDL-3
    pub end: Ts,
    /// NDL-4
    pub point_of_care: String,
    /// NDL-5
    pub room: String,
    /// NDL-7
    pub facility: Hd,
    /// Which plain texts among the components were null `""`, by their numbers.
    pub nulls: Nulls,
}

impl Datatype for Ndl {
    fn read<'a>(from: impl Into<Composite<'a>>) -> Self {
        let from = from.into();
        let name = Cnn::read(from.own_part(1));
        let second = from.own_part(2).text();
        let is_xcn = name.family_name.is_empty()
            && second.trim().starts_with(|first: char| !first.is_ascii_digit());
        if is_xcn {
            return Self { name: Cnn::read(from), ..Self::default() };
        }
        let nulls = note::<String>(Nulls::default(), 4, from.own_part(4));
        let nulls = note::<String>(nulls, 5, from.own_part(5));
        Self {
            name,
            start: Ts::read(from.own_part(2)),
            end: Ts::read(from.own_part(3)),
            point_of_care: String::read(from.own_part(4)),
            room: String::read(from.own_part(5)),
            facility: Hd::read(from.own_part(7)),
            nulls,
        }
    }

    fn is_empty(&self) -> bool {
        self.name.is_empty()
            && self.start.is_empty()
            && self.end.is_empty()
            && self.point_of_care.is_empty()
            && self.room.is_empty()
            && self.facility.is_empty()
    }

    fn has_null(&self) -> bool {
        self.name.has_null()
            || self.start.has_null()
            || self.end.has_null()
            || self.facility.has_null()
            || (self.nulls.contains(4) && self.point_of_care.is_empty())
            || (self.nulls.contains(5) && self.room.is_empty())
    }

    fn components(&self) -> Vec<Vec<Value<'_>>> {
        let mut components = Vec::new();
        put(&mut components, 1, &self.name, self.nulls);
        put(&mut components, 2, &self.start, self.nulls);
        put(&mut components, 3, &self.end, self.nulls);
        put(&mut components, 4, &self.point_of_care, self.nulls);
        put(&mut components, 5, &self.room, self.nulls);
        put(&mut components, 7, &self.facility, self.nulls);
        components
    }
}

impl std::fmt::Debug for Ndl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ndl(<redacted>)")
    }
}

impl Fn {
    /// FN-1, else the parts of it.
    pub fn family(&self) -> String {
        let is_split = !self.own_surname.is_empty() || !self.surname_from_partner.is_empty();
        if self.surname.is_empty() && is_split {
            let parts = [
                &self.own_surname_prefix,
                &self.own_surname,
                &self.surname_prefix_from_partner,
                &self.surname_from_partner,
            ];
            return joined(parts);
        }
        // 2.3.1: family name & last name prefix, of which the prefix stands first in DICOM.
        if self.own_surname.is_empty() {
            return joined([&self.own_surname_prefix, &self.surname]);
        }
        self.surname.clone()
    }
}

impl Xpn {
    /// The name in the components of DICOM PN; XPN-4 and XPN-6 together are the suffix.
    pub fn name_group(&self) -> NameGroup {
        NameGroup {
            family: self.family_name.family(),
            given: self.given_name.clone(),
            middle: self.further_given_names.clone(),
            prefix: self.prefix.clone(),
            suffix: joined([&self.suffix, &self.degree]),
        }
    }
}

impl Xcn {
    /// The name in the components of DICOM PN.
    pub fn name_group(&self) -> NameGroup {
        NameGroup {
            family: self.family_name.family(),
            given: self.given_name.clone(),
            middle: self.further_given_names.clone(),
            prefix: self.prefix.clone(),
            suffix: joined([&self.suffix, &self.degree]),
        }
    }
}

impl Cnn {
    /// The name in the components of DICOM PN.
    pub fn name_group(&self) -> NameGroup {
        NameGroup {
            family: self.family_name.clone(),
            given: self.given_name.clone(),
            middle: self.further_given_names.clone(),
            prefix: self.prefix.clone(),
            suffix: joined([&self.suffix, &self.degree]),
        }
    }

    /// The same person as an XCN.
    pub fn to_xcn(&self) -> Xcn {
        Xcn {
            id_number: self.id_number.clone(),
            family_name: Fn { surname: self.family_name.clone(), ..Fn::default() },
            given_name: self.given_name.clone(),
            further_given_names: self.further_given_names.clone(),
            suffix: self.suffix.clone(),
            prefix: self.prefix.clone(),
            degree: self.degree.clone(),
            source_table: self.source_table.clone(),
            assigning_authority: Hd {
                namespace_id: self.assigning_authority_namespace_id.clone(),
                universal_id: self.assigning_authority_universal_id.clone(),
                universal_id_type: self.assigning_authority_universal_id_type.clone(),
                ..Hd::default()
            },
            ..Xcn::default()
        }
    }
}

impl From<&NameGroup> for Xpn {
    fn from(name: &NameGroup) -> Self {
        Self {
            family_name: Fn { surname: name.family.clone(), ..Fn::default() },
            given_name: name.given.clone(),
            further_given_names: name.middle.clone(),
            suffix: name.suffix.clone(),
            prefix: name.prefix.clone(),
            ..Self::default()
        }
    }
}

fn joined<const N: usize>(parts: [&String; N]) -> String {
    let parts: Vec<&str> =
        parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}
