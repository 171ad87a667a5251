//! Segments as values: the fields that radiology uses, each by its data type.
//!
//! A typed segment holds what is understood; the [`Segment`] view holds everything. Reading never
//! fails. A field that is null `""` has no value, and `nulls` of the segment notes it; a component that is null is noted in
//! `nulls` of its value ([`datatype`](crate::datatype)). Writing appends to a [`MessageBuilder`], nulls as they came; only a
//! null among several repetitions of a plain text has no place here. Absent and empty fields, which both say nothing, are
//! one: [`Datatype::read_stated`](crate::datatype::Datatype::read_stated) tells them apart.
//!
//! ```
//! use telerad_hl7::segment::{Orc, TypedSegment};
//! use telerad_hl7::{Message, MessageBuilder, MessageHead};
//!
//! let message = Message::parse("MSH|^~\\&|A\rORC|NW|P-1^RIS|F-1||SC\r")?;
//! let order = message.segment("ORC").map(Orc::read).ok_or("no ORC")?;
//! assert_eq!(order.placer_order_number.namespace_id, "RIS");
//!
//! let copy = MessageBuilder::new(MessageHead::default()).typed(&order).build()?;
//! assert_eq!(copy.text("ORC-5").as_deref(), Some("SC"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod order;
mod patient;
mod schedule;

pub use self::document::{Err, Msa, Nte, Obx, Txa};
pub use self::order::{Ipc, Obr, Orc, Tq1, Zds};
pub use self::patient::{Al1, Dg1, Evn, Mrg, Nk1, Pid, Pv1};
pub use self::schedule::{Aig, Ail, Aip, Ais, Rgs, Sch};

use crate::{MessageBuilder, Segment, SegmentBuilder};

/// A segment as a value.
pub trait TypedSegment: Clone + Default {
    /// Such as `PID`.
    const ID: &'static str;

    /// Reads the fields that are known here, whatever the id of the segment.
    fn read(segment: Segment<'_>) -> Self;

    /// Sets the fields that have a value or were null.
    fn write(&self, builder: SegmentBuilder) -> SegmentBuilder;
}

impl MessageBuilder {
    /// Appends a typed segment.
    #[must_use]
    pub fn typed<T: TypedSegment>(self, segment: &T) -> Self {
        self.segment(T::ID, |builder| segment.write(builder))
    }
}

/// Declares a typed segment: its fields by number, each with a name and a type; `Vec` where the field repeats.
macro_rules! segment {
    ($(
        $(#[$meta:meta])*
        $name:ident $id:literal {
            $( $(#[$field_meta:meta])* $n:literal $field:ident : $kind:ty ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Default, Eq, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $kind, )*
            /// Which of these fields were null `""` as a whole, by their numbers: "delete what you have".
            pub nulls: $crate::datatype::Nulls,
        }

        impl $crate::segment::TypedSegment for $name {
            const ID: &'static str = $id;

            fn read(segment: $crate::Segment<'_>) -> Self {
                let nulls = $crate::datatype::Nulls::default();
                $( let nulls = nulls.with_if($n, segment.field($n).is_null()); )*
                Self {
                    $( $field: $crate::datatype::FieldValue::read_field(segment.field($n)), )*
                    nulls,
                }
            }

            fn write(&self, builder: $crate::SegmentBuilder) -> $crate::SegmentBuilder {
                let nulls = self.nulls;
                $(
                    let builder =
                        $crate::datatype::FieldValue::write_field(&self.$field, $n, nulls, builder);
                )*
                builder
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    )*};
}
use segment;

#[cfg(test)]
mod tests;
