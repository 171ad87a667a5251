//! Writing typed values into segments that are being built.

use super::{Composite, Datatype, Hd, Nulls, base64};
use crate::{Field, SegmentBuilder};

impl SegmentBuilder {
    /// Sets field `n` to a value of a data type, null components as null; an empty value leaves the field empty.
    #[must_use]
    pub fn value(mut self, n: usize, value: &impl Datatype) -> Self {
        let encoded = self.stated(&value.components());
        self.set(n, encoded)
    }

    /// Adds a repetition with a value of a data type to field `n`; a value with neither text nor null adds nothing.
    #[must_use]
    pub fn repeat_value(mut self, n: usize, value: &impl Datatype) -> Self {
        if value.is_empty() && !value.has_null() {
            return self;
        }
        let encoded = self.stated(&value.components());
        self.repeat(n, &encoded)
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
    /// Writes the value, or null where the field was null and has got no value since.
    fn write_field(&self, n: usize, nulls: Nulls, builder: SegmentBuilder) -> SegmentBuilder;
}

impl<T: Datatype> FieldValue for T {
    fn read_field(field: Field<'_>) -> Self {
        T::read(Composite::from(field))
    }

    fn write_field(&self, n: usize, nulls: Nulls, builder: SegmentBuilder) -> SegmentBuilder {
        if !self.is_empty() || self.has_null() {
            builder.value(n, self)
        } else if nulls.contains(n) {
            builder.null(n)
        } else {
            builder
        }
    }
}

impl<T: Datatype> FieldValue for Vec<T> {
    /// Repetitions that only delete something stay, unless the whole field is null, which the segment notes.
    fn read_field(field: Field<'_>) -> Self {
        if field.is_null() {
            return Self::new();
        }
        let values = field.repetitions().map(T::read);
        values.filter(|value| !value.is_empty() || value.has_null()).collect()
    }

    fn write_field(&self, n: usize, nulls: Nulls, builder: SegmentBuilder) -> SegmentBuilder {
        if nulls.contains(n) && self.iter().all(|value| value.is_empty() && !value.has_null()) {
            return builder.null(n);
        }
        self.iter().fold(builder, |builder, value| builder.repeat_value(n, value))
    }
}
