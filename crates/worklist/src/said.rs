//! What a message says about one value.

use telerad_core::{Code, EntityIdentifier, Issuer};
use telerad_hl7::{Component, Field, Value};

use crate::finding::{FindingCode, Findings};

/// HL7 2.5.1 section 2.5.3: an empty field says nothing, `""` deletes, anything else is the new value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Said<T> {
    #[default]
    Nothing,
    Delete,
    This(T),
}

impl<T> Said<T> {
    /// This, unless it says nothing: then the other.
    pub(crate) fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Nothing => other(),
            Self::Delete | Self::This(_) => self,
        }
    }

    pub(crate) fn this(&self) -> Option<&T> {
        match self {
            Self::This(value) => Some(value),
            Self::Nothing | Self::Delete => None,
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Changes what is kept, as far as something was said.
    pub(crate) fn put(&self, kept: &mut T)
    where
        T: Clone + Default,
    {
        match self {
            Self::Nothing => {}
            Self::Delete => *kept = T::default(),
            Self::This(value) => kept.clone_from(value),
        }
    }

    /// As [`Said::put`], where nothing kept is `None`.
    pub(crate) fn put_some(&self, kept: &mut Option<T>)
    where
        T: Clone,
    {
        match self {
            Self::Nothing => {}
            Self::Delete => *kept = None,
            Self::This(value) => *kept = Some(value.clone()),
        }
    }
}

impl<T> From<Option<T>> for Said<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::This)
    }
}

/// A value that becomes a single line in DICOM (SH, LO, CS): a backslash would separate values there, and control
/// characters are not allowed (PS3.5 section 6.2).
pub(crate) fn line(value: Value<'_>, location: &str, findings: &mut Findings) -> Said<String> {
    match value {
        Value::Absent | Value::Empty => Said::Nothing,
        Value::Null => Said::Delete,
        Value::Present(text) if text.trim().is_empty() => Said::Nothing,
        // Formatting commands have no meaning in these types, but some RISs break lines with them all the same.
        Value::Present(text) => {
            Said::This(plain(&text.replace("\\.br\\", "\n"), &['\\'], location, findings))
        }
    }
}

/// The text without what DICOM cannot carry, with a finding when there was such a thing.
pub(crate) fn plain(
    text: &str,
    forbidden: &[char],
    location: &str,
    findings: &mut Findings,
) -> String {
    let replaced: String = text
        .trim()
        .chars()
        .map(|c| match c {
            c if c.is_control() => ' ',
            c if forbidden.contains(&c) => '/',
            c => c,
        })
        .collect();
    if replaced != text.trim() {
        let text = "a character that separates values or controls output in DICOM was replaced";
        findings.add(FindingCode::Unrepresentable, location, text);
    }
    replaced
}

/// The first component of a field as a line.
pub(crate) fn field(field: Field<'_>, location: &str, findings: &mut Findings) -> Said<String> {
    line(field.value(), location, findings)
}

/// Text (component 2), else identifier (component 1) of a CE or CWE.
pub(crate) fn wording(value: Field<'_>, location: &str, findings: &mut Findings) -> Said<String> {
    line(value.component(2).value(), location, findings)
        .or_else(|| line(value.component(1).value(), location, findings))
}

/// Three components of a CE from `first` on: identifier, text, coding system (HL7 2.5.1 section 2.A.9).
pub(crate) fn code(
    value: Field<'_>,
    first: usize,
    location: &str,
    findings: &mut Findings,
) -> Said<Code> {
    let mut part = |n: usize| line(value.component(n).value(), location, findings);
    let (id, text, system) = (part(first), part(first + 1), part(first + 2));
    if value.is_null() {
        return Said::Delete;
    }
    let text_of = |said: Said<String>| said.this().cloned().unwrap_or_default();
    let code = Code { value: text_of(id), meaning: text_of(text), scheme: text_of(system) };
    if code.value.is_empty() && code.meaning.is_empty() { Said::Nothing } else { Said::This(code) }
}

/// An EI: identifier, namespace, universal ID and its type (HL7 2.5.1 section 2.A.28).
pub(crate) fn entity(
    value: Field<'_>,
    location: &str,
    findings: &mut Findings,
) -> Said<EntityIdentifier> {
    if value.is_null() {
        return Said::Delete;
    }
    let text = value.component(1).text();
    if text.trim().is_empty() {
        return Said::Nothing;
    }
    let part = |n: usize| value.component(n).text();
    let issuer = Issuer::from_parts(&part(2), &part(3), &part(4));
    if text.contains('\\') {
        let text = "has a backslash, which DICOM cannot carry: worklist answers leave it empty";
        findings.add(FindingCode::Unrepresentable, location, text);
    }
    match EntityIdentifier::new(&text, issuer) {
        Ok(id) => Said::This(id),
        Err(error) => {
            findings.add(FindingCode::Invalid, location, format!("not used: {error}"));
            Said::Nothing
        }
    }
}

/// The issuer in an HD that stands as one component: namespace, universal ID and type are its subcomponents.
pub(crate) fn issuer(value: Component<'_>) -> Option<Issuer> {
    let part = |n: usize| value.subcomponent(n).text();
    Issuer::from_parts(&part(1), &part(2), &part(3))
}
