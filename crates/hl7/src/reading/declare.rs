//! Declaring items with their sources.

/// Declares a set of items, each with its type and its sources in order of precedence, and the sources as a
/// configuration of their own.
macro_rules! readings {
    (
        $(#[$meta:meta])*
        $values:ident
        $(#[$sources_meta:meta])*
        $sources:ident {
            $( $(#[$field_meta:meta])* $field:ident : $kind:ty = [$($path:literal),*] ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        pub struct $values {
            $( $(#[$field_meta])* pub $field: $crate::reading::Reading<$kind>, )*
        }

        $(#[$sources_meta])*
        #[derive(Clone, Debug, Eq, PartialEq)]
        pub struct $sources {
            $(
                #[doc = concat!("The sources of [`", stringify!($values), "::", stringify!($field), "`].")]
                pub $field: Vec<$crate::Path>,
            )*
        }

        impl Default for $sources {
            fn default() -> Self {
                Self { $( $field: vec![$($crate::path!($path)),*], )* }
            }
        }

        impl $values {
            fn read(lookup: &$crate::reading::lookup::Lookup<'_, '_>, sources: &$sources) -> Self {
                Self { $( $field: lookup.read(&sources.$field), )* }
            }

            /// Every pair of sources that disagree.
            pub fn conflicts(&self) -> impl Iterator<Item = $crate::reading::Conflict> {
                let mut conflicts = Vec::new();
                $( conflicts.extend(self.$field.conflicts_of(stringify!($field))); )*
                conflicts.into_iter()
            }

            /// Where each item that has a value came from, in the order of the items.
            pub fn sources(&self) -> impl Iterator<Item = $crate::reading::Source> {
                [$( self.$field.source_of(stringify!($field)) ),*].into_iter().flatten()
            }
        }
    };
}
pub(super) use readings;
