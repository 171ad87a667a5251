//! Where a value of a composite type stands, and how one is declared.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

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

    /// Whether no part has a value.
    fn is_empty(&self) -> bool;

    /// The components of the value, each as its subcomponents, all of them plain text.
    fn components(&self) -> Vec<Vec<String>>;

    /// Every value of a repeating field; empty repetitions are left out.
    fn read_all(field: Field<'_>) -> Vec<Self> {
        field.repetitions().map(Self::read).filter(|value| !value.is_empty()).collect()
    }
}

/// The primitive types ST, ID, IS, NM, TX and their like, blanks around them trimmed.
impl Datatype for String {
    fn read<'a>(from: impl Into<Composite<'a>>) -> Self {
        from.into().text().trim().to_owned()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn components(&self) -> Vec<Vec<Self>> {
        vec![vec![self.clone()]]
    }
}

/// Puts a part into a value that is being written. What lies deeper than subcomponents cannot be written (HL7 2.5.1
/// section 2.5.3.2), so a composite in a composite keeps the first leaf of each of its parts.
pub(super) fn put(components: &mut Vec<Vec<String>>, n: usize, part: &impl Datatype) {
    if part.is_empty() {
        return;
    }
    if components.len() < n {
        components.resize(n, Vec::new());
    }
    let leaves = part.components().into_iter();
    if let Some(component) = n.checked_sub(1).and_then(|index| components.get_mut(index)) {
        *component = leaves.map(|leaves| leaves.into_iter().next().unwrap_or_default()).collect();
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
        }

        impl $crate::datatype::Datatype for $name {
            fn read<'a>(from: impl Into<$crate::datatype::Composite<'a>>) -> Self {
                let from = from.into();
                Self { $( $field: $crate::datatype::Datatype::read(from.part($n)), )* }
            }

            fn is_empty(&self) -> bool {
                $( $crate::datatype::Datatype::is_empty(&self.$field) )&&*
            }

            fn components(&self) -> Vec<Vec<String>> {
                let mut components = Vec::new();
                $( $crate::datatype::composite::put(&mut components, $n, &self.$field); )*
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
