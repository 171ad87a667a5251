//! Writing typed values into segments that are being built.

use super::{Composite, Datatype, Hd, base64};
use crate::{Field, SegmentBuilder};

impl SegmentBuilder {
    /// Sets field `n` to a value of a data type; an empty value leaves the field empty.
    #[must_use]
    pub fn value(self, n: usize, value: &impl Datatype) -> Self {
        let components = value.components();
        let components: Vec<Vec<&str>> =
            components.iter().map(|parts| parts.iter().map(String::as_str).collect()).collect();
        let components: Vec<&[&str]> = components.iter().map(Vec::as_slice).collect();
        self.subcomponents(n, &components)
    }

    /// Adds a repetition with a value of a data type to field `n`; an empty value adds nothing.
    #[must_use]
    pub fn repeat_value(self, n: usize, value: &impl Datatype) -> Self {
        if value.is_empty() {
            return self;
        }
        let components = value.components();
        let components: Vec<Vec<&str>> =
            components.iter().map(|parts| parts.iter().map(String::as_str).collect()).collect();
        let components: Vec<&[&str]> = components.iter().map(Vec::as_slice).collect();
        self.repeat_subcomponents(n, &components)
    }

    /// Sets field `n` to encapsulated data in base64 (data type ED), as IHE RAD-128 sends PDF: `type_of_data`
    /// `application`, `data_subtype` `pdf`.
    #[must_use]
    pub fn encapsulated(
        self,
        n: usize,
        source: &Hd,
        [type_of_data, data_subtype]: [&str; 2],
        bytes: &[u8],
    ) -> Self {
        let source = [&source.namespace_id, &source.universal_id, &source.universal_id_type];
        let source = source.map(String::as_str);
        let encoded = base64::encode(bytes);
        self.subcomponents(
            n,
            &[&source, &[type_of_data], &[data_subtype], &["Base64"], &[&encoded]],
        )
    }
}

/// What a field of a typed segment holds: one value, or as many as it repeats.
pub(crate) trait FieldValue: Sized {
    fn read_field(field: Field<'_>) -> Self;
    fn write_field(&self, n: usize, builder: SegmentBuilder) -> SegmentBuilder;
}

impl<T: Datatype> FieldValue for T {
    fn read_field(field: Field<'_>) -> Self {
        T::read(Composite::from(field))
    }

    fn write_field(&self, n: usize, builder: SegmentBuilder) -> SegmentBuilder {
        if self.is_empty() { builder } else { builder.value(n, self) }
    }
}

impl<T: Datatype> FieldValue for Vec<T> {
    fn read_field(field: Field<'_>) -> Self {
        T::read_all(field)
    }

    fn write_field(&self, n: usize, builder: SegmentBuilder) -> SegmentBuilder {
        self.iter().fold(builder, |builder, value| builder.repeat_value(n, value))
    }
}
