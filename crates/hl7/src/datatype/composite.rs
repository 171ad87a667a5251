//! Where a value of a composite type stands, and how one is declared.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::{Nulls, Stated};
use crate::{Component, Field, Repetition, Subcomponent, Value};

/// A place that holds a value of a composite type: a repetition, whose parts are components, or a component, whose
/// parts are subcomponents. A subcomponent holds one value and nothing below (HL7 2.5.1 section 2.5.3.2).
#[derive(Clone, Copy)]
pub struct Composite<'a>(Level<'a>);

#[derive(Clone, Copy)]
enum Level<'a> {
    Component(Component<'a>),
    Nothing,
    Repetition(Repetition<'a>),
    Subcomponent(Subcomponent<'a>),
}

impl<'a> Composite<'a> {
    /// Part `n`, from 1: a component of a repetition, a subcomponent of a component.
    pub fn part(&self, n: usize) -> Self {
        Self(match self.0 {
            Level::Repetition(repetition) => Level::Component(repetition.component(n)),
            Level::Component(component) => Level::Subcomponent(component.subcomponent(n)),
            Level::Subcomponent(only) if n == 1 => Level::Subcomponent(only),
            Level::Subcomponent(_) | Level::Nothing => Level::Nothing,
        })
    }

    /// As [`part`](Self::part), but null as a whole stands in part 1 only, so that it is noted and written once.
    pub(super) fn own_part(&self, n: usize) -> Self {
        if n > 1 && self.raw() == b"\"\"" { Self(Level::Nothing) } else { self.part(n) }
    }

    /// The text of the first leaf; empty when absent, empty or null.
    pub fn text(&self) -> Cow<'a, str> {
        self.value().text().unwrap_or_default()
    }

    /// The state and text of the first leaf.
    pub fn value(&self) -> Value<'a> {
        match self.0 {
            Level::Component(component) => component.value(),
            Level::Nothing => Value::Absent,
            Level::Repetition(repetition) => repetition.value(),
            Level::Subcomponent(subcomponent) => subcomponent.value(),
        }
    }

    /// The bytes as they stand; empty when absent.
    pub fn raw(&self) -> &'a [u8] {
        match self.0 {
            Level::Component(component) => component.raw(),
            Level::Nothing => &[],
            Level::Repetition(repetition) => repetition.raw(),
            Level::Subcomponent(subcomponent) => subcomponent.raw(),
        }
    }

    /// Where these bytes stand in the message; an empty range when absent.
    pub fn span(&self) -> Range<usize> {
        match self.0 {
            Level::Component(component) => component.span(),
            Level::Nothing => 0..0,
            Level::Repetition(repetition) => repetition.span(),
            Level::Subcomponent(subcomponent) => subcomponent.span(),
        }
    }

    pub(super) fn escape_character(&self) -> Option<u8> {
        match self.0 {
            Level::Component(component) => component.escape_character(),
            Level::Nothing => None,
            Level::Repetition(repetition) => repetition.escape_character(),
            Level::Subcomponent(subcomponent) => subcomponent.escape_character(),
        }
    }
}

impl fmt::Debug for Composite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Composite({:?}, <redacted>)", self.span())
    }
}

impl<'a> From<Field<'a>> for Composite<'a> {
    fn from(field: Field<'a>) -> Self {
        field.repetition(1).into()
    }
}

impl<'a> From<Repetition<'a>> for Composite<'a> {
    fn from(repetition: Repetition<'a>) -> Self {
        Self(Level::Repetition(repetition))
    }
}

impl<'a> From<Component<'a>> for Composite<'a> {
    fn from(component: Component<'a>) -> Self {
        Self(Level::Component(component))
    }
}

impl<'a> From<Subcomponent<'a>> for Composite<'a> {
    fn from(subcomponent: Subcomponent<'a>) -> Self {
        Self(Level::Subcomponent(subcomponent))
    }
}

/// A data type: a text, or a composite of data types.
pub trait Datatype: Clone + Default {
    /// Reads a value; what is not there is empty.
    fn read<'a>(from: impl Into<Composite<'a>>) -> Self;

    /// Whether it is a plain text, which cannot note that it was null.
    const IS_PRIMITIVE: bool = false;

    /// Whether no part has a text. Null has none: see [`has_null`](Self::has_null).
    fn is_empty(&self) -> bool;

    /// Whether some part without text was null `""`, which asks to delete it.
    fn has_null(&self) -> bool;

    /// The components of the value, each as its subcomponents: plain text, null, or empty.
    fn components(&self) -> Vec<Vec<Value<'_>>>;

    /// Reads a value and tells nothing said from "delete this".
    ///
    /// A field is judged by its first repetition, as [`read`](Self::read) reads it. Where single components are null,
    /// the value is present.
    fn read_stated<'a>(from: impl Into<Composite<'a>>) -> Stated<Self> {
        let from = from.into();
        if from.raw() == b"\"\"" && from.value().is_null() {
            return Stated::Null;
        }
        let value = Self::read(from);
        if !value.is_empty() || value.has_null() {
            return Stated::Present(value);
        }
        match from.value() {
            Value::Absent => Stated::Absent,
            Value::Empty | Value::Null | Value::Present(_) => Stated::Empty,
        }
    }

    /// Every value of a repeating field; repetitions without text are left out, null ones too.
    fn read_all(field: Field<'_>) -> Vec<Self> {
        field.repetitions().map(Self::read).filter(|value| !value.is_empty()).collect()
    }
}

/// The primitive types ST, ID, IS, NM, TX and their like, blanks around them trimmed.
impl Datatype for String {
    fn read<'a>(from: impl Into<Composite<'a>>) -> Self {
        from.into().text().trim().to_owned()
    }

    const IS_PRIMITIVE: bool = true;

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn has_null(&self) -> bool {
        false
    }

    fn components(&self) -> Vec<Vec<Value<'_>>> {
        let is_empty = self.is_empty();
        vec![vec![if is_empty { Value::Empty } else { Value::Present(Cow::Borrowed(self)) }]]
    }
}

/// Notes a part that is null and cannot note that itself.
pub(super) fn note<T: Datatype>(nulls: Nulls, n: usize, part: Composite<'_>) -> Nulls {
    nulls.with_if(n, T::IS_PRIMITIVE && part.value().is_null())
}

/// Puts a part into a value that is being written. What lies deeper than subcomponents cannot be written (HL7 2.5.1
/// section 2.5.3.2), so a composite in a composite keeps the first leaf of each of its parts.
pub(super) fn put<'a>(
    components: &mut Vec<Vec<Value<'a>>>,
    n: usize,
    part: &'a impl Datatype,
    nulls: Nulls,
) {
    let leaves: Vec<Value<'a>> = if !part.is_empty() || part.has_null() {
        let parts = part.components().into_iter();
        parts.map(|leaves| leaves.into_iter().next().unwrap_or(Value::Empty)).collect()
    } else if nulls.contains(n) {
        vec![Value::Null]
    } else {
        return;
    };
    if components.len() < n {
        components.resize(n, Vec::new());
    }
    if let Some(component) = n.checked_sub(1).and_then(|index| components.get_mut(index)) {
        *component = leaves;
    }
}

/// Declares a composite type: its components by number, each with a name and a type.
macro_rules! composite {
    ($(
        $(#[$meta:meta])*
        $name:ident {
            $( $(#[$field_meta:meta])* $n:literal $field:ident : $kind:ty ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Default, Eq, Hash, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $kind, )*
            /// Which plain texts among the components were null `""`, by their numbers.
            pub nulls: $crate::datatype::Nulls,
        }

        impl $crate::datatype::Datatype for $name {
            fn read<'a>(from: impl Into<$crate::datatype::Composite<'a>>) -> Self {
                let from = from.into();
                let nulls = $crate::datatype::Nulls::default();
                $(
                    let nulls =
                        $crate::datatype::composite::note::<$kind>(nulls, $n, from.own_part($n));
                )*
                Self { $( $field: $crate::datatype::Datatype::read(from.own_part($n)), )* nulls }
            }

            fn is_empty(&self) -> bool {
                $( $crate::datatype::Datatype::is_empty(&self.$field) )&&*
            }

            fn has_null(&self) -> bool {
                $(
                    (self.nulls.contains($n) && $crate::datatype::Datatype::is_empty(&self.$field))
                        || $crate::datatype::Datatype::has_null(&self.$field)
                )||*
            }

            fn components(&self) -> Vec<Vec<$crate::Value<'_>>> {
                let mut components = Vec::new();
                let nulls = self.nulls;
                $( $crate::datatype::composite::put(&mut components, $n, &self.$field, nulls); )*
                components
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(<redacted>)"))
            }
        }
    )*};
}
pub(super) use composite;
