//! Locations, addresses and telephone numbers.

use super::composite::composite;
use super::{Dr, Ei, Hd, Ts};

composite! {
    /// PL, a location of a person (HL7 2.5.1 section 2.A.53).
    Pl {
        /// PL-1, such as a ward.
        1 point_of_care: String,
        /// PL-2
        2 room: String,
        /// PL-3
        3 bed: String,
        /// PL-4
        4 facility: Hd,
        /// PL-5
        5 location_status: String,
        /// PL-6, table 0305.
        6 person_location_type: String,
        /// PL-7
        7 building: String,
        /// PL-8
        8 floor: String,
        /// PL-9
        9 location_description: String,
        /// PL-10, from 2.5.
        10 comprehensive_location_identifier: Ei,
        /// PL-11, from 2.5.
        11 assigning_authority: Hd,
    }

    /// SAD, the street of an address (HL7 2.5.1 section 2.A.69); a plain text before 2.5.
    Sad {
        /// SAD-1
        1 street_or_mailing_address: String,
        /// SAD-2
        2 street_name: String,
        /// SAD-3
        3 dwelling_number: String,
    }

    /// XAD, an address (HL7 2.5.1 section 2.A.85).
    Xad {
        /// XAD-1
        1 street_address: Sad,
        /// XAD-2
        2 other_designation: String,
        /// XAD-3
        3 city: String,
        /// XAD-4
        4 state_or_province: String,
        /// XAD-5
        5 zip_or_postal_code: String,
        /// XAD-6, table 0399.
        6 country: String,
        /// XAD-7, table 0190.
        7 address_type: String,
        /// XAD-8
        8 other_geographic_designation: String,
        /// XAD-9, table 0289.
        9 county_parish_code: String,
        /// XAD-10, table 0288.
        10 census_tract: String,
        /// XAD-11, table 0465.
        11 address_representation_code: String,
        /// XAD-12
        12 address_validity_range: Dr,
        /// XAD-13, from 2.5.
        13 effective_date: Ts,
        /// XAD-14, from 2.5.
        14 expiration_date: Ts,
    }

    /// XTN, a telephone number or electronic address (HL7 2.5.1 section 2.A.89).
    Xtn {
        /// XTN-1, as it is dialled; kept for older versions.
        1 telephone_number: String,
        /// XTN-2, table 0201.
        2 telecommunication_use_code: String,
        /// XTN-3, table 0202.
        3 telecommunication_equipment_type: String,
        /// XTN-4
        4 email_address: String,
        /// XTN-5
        5 country_code: String,
        /// XTN-6
        6 area_or_city_code: String,
        /// XTN-7
        7 local_number: String,
        /// XTN-8
        8 extension: String,
        /// XTN-9
        9 any_text: String,
        /// XTN-10, from 2.5.
        10 extension_prefix: String,
        /// XTN-11, from 2.5.
        11 speed_dial_code: String,
        /// XTN-12, from 2.5.
        12 unformatted_telephone_number: String,
    }
}

impl Xtn {
    /// The number to dial: XTN-12, else XTN-1, else the parts in XTN-5 to XTN-8; `None` when there is none.
    pub fn number(&self) -> Option<String> {
        let whole = [&self.unformatted_telephone_number, &self.telephone_number];
        if let Some(number) = whole.into_iter().find(|number| !number.is_empty()) {
            return Some(number.clone());
        }
        let country = match self.country_code.as_str() {
            "" => String::new(),
            code if code.starts_with('+') => code.to_owned(),
            code => format!("+{code}"),
        };
        let parts = [&country, &self.area_or_city_code, &self.local_number, &self.extension];
        let parts: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}
