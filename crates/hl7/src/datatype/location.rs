//! Places of errors.

use super::Ce;
use super::composite::composite;
use crate::{InvalidPath, Location};

composite! {
    /// ERL, an error location (HL7 2.5.1 section 2.A.28): ERR-2.
    Erl {
        /// ERL-1
        1 segment_id: String,
        /// ERL-2, which of the segments with this id, from 1.
        2 segment_sequence: String,
        /// ERL-3
        3 field_position: String,
        /// ERL-4
        4 field_repetition: String,
        /// ERL-5
        5 component_number: String,
        /// ERL-6
        6 sub_component_number: String,
    }
}

composite! {
    /// ELD, an error with its place: ERR-1 before 2.5 (HL7 2.3.1 section 2.24.4.1), which knows no place inside a field.
    Eld {
        /// ELD-1
        1 segment_id: String,
        /// ELD-2, which of the segments with this id, from 1.
        2 segment_sequence: String,
        /// ELD-3
        3 field_position: String,
        /// ELD-4, table 0357.
        4 code_identifying_error: Ce,
    }
}

impl Eld {
    /// The place.
    ///
    /// # Errors
    /// [`InvalidPath`] when there is no segment id, or a part is no number from 1 to 65535.
    pub fn location(&self) -> Result<Location, InvalidPath> {
        let parts = [&self.segment_id, &self.segment_sequence, &self.field_position];
        Location::from_error_location(&parts.map(String::as_str).join("^"))
    }

    /// An error at this place, of which ELD tells no more than the field.
    pub fn new(location: Location, code_identifying_error: Ce) -> Self {
        let Erl { segment_id, segment_sequence, field_position, .. } = location.into();
        Self {
            segment_id,
            segment_sequence,
            field_position,
            code_identifying_error,
            ..Self::default()
        }
    }
}

impl Erl {
    /// The place.
    ///
    /// # Errors
    /// [`InvalidPath`] when there is no segment id, or a part is no number from 1 to 65535.
    pub fn location(&self) -> Result<Location, InvalidPath> {
        let parts = [
            &self.segment_id,
            &self.segment_sequence,
            &self.field_position,
            &self.field_repetition,
            &self.component_number,
            &self.sub_component_number,
        ];
        Location::from_error_location(&parts.map(String::as_str).join("^"))
    }
}

impl From<Location> for Erl {
    fn from(location: Location) -> Self {
        let text = location.error_location();
        let mut parts = text.split('^').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Self {
            segment_id: next(),
            segment_sequence: next(),
            field_position: next(),
            field_repetition: next(),
            component_number: next(),
            sub_component_number: next(),
            ..Self::default()
        }
    }
}
