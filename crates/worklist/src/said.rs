//! What a message says about one value.

use telerad_core::{Code, EntityIdentifier};
use telerad_hl7::Location;
use telerad_hl7::datatype::{Ce, Ei};
use telerad_hl7::reading::Reading;

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

    /// What becomes of a value that is said.
    pub(crate) fn and_then<U>(self, read: impl FnOnce(T) -> Said<U>) -> Said<U> {
        match self {
            Self::Nothing => Said::Nothing,
            Self::Delete => Said::Delete,
            Self::This(value) => read(value),
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

impl<T: Clone> From<&Reading<T>> for Said<T> {
    fn from(reading: &Reading<T>) -> Self {
        if reading.is_null() { Self::Delete } else { reading.value().cloned().into() }
    }
}

/// The field of a reading, as findings name it; empty when it has no value.
pub(crate) fn place<T>(reading: &Reading<T>) -> String {
    reading.location().map(field_of).unwrap_or_default()
}

/// A field as findings name it: `PID-3`, or `OBR[2]-24` where it is not in the first of its segments.
pub(crate) fn field_of(location: Location) -> String {
    let path = location.path();
    match path.occurrence() {
        1 => format!("{}-{}", path.segment(), path.field()),
        occurrence => format!("{}[{occurrence}]-{}", path.segment(), path.field()),
    }
}

/// A value that becomes a single line in DICOM (SH, LO, CS): a backslash would separate values there, and control
/// characters are not allowed (PS3.5 section 6.2).
pub(crate) fn line(reading: &Reading<String>, findings: &mut Findings) -> Said<String> {
    let location = place(reading);
    Said::from(reading).and_then(|text| said_line(&text, &location, findings))
}

/// The text, else the identifier of a coded value, as a line.
pub(crate) fn wording(reading: &Reading<Ce>, findings: &mut Findings) -> Said<String> {
    let location = place(reading);
    Said::from(reading).and_then(|code| words(&code, &location, findings))
}

pub(crate) fn words(code: &Ce, location: &str, findings: &mut Findings) -> Said<String> {
    said_line(&code.text, location, findings)
        .or_else(|| said_line(&code.identifier, location, findings))
}

/// A coded value, each part as a line.
pub(crate) fn code(reading: &Reading<Ce>, findings: &mut Findings) -> Said<Code> {
    let location = place(reading);
    Said::from(reading).and_then(|said| said_code(&said.code(), &location, findings))
}

/// A code, each part as a line; nothing when it has neither value nor meaning.
pub(crate) fn said_code(code: &Code, location: &str, findings: &mut Findings) -> Said<Code> {
    let mut part =
        |text: &str| said_line(text, location, findings).this().cloned().unwrap_or_default();
    let (value, meaning, scheme) = (part(&code.value), part(&code.meaning), part(&code.scheme));
    let is_said = !value.is_empty() || !meaning.is_empty();
    is_said.then_some(Code { value, meaning, scheme }).into()
}

/// A number with its issuer.
pub(crate) fn entity(reading: &Reading<Ei>, findings: &mut Findings) -> Said<EntityIdentifier> {
    let location = place(reading);
    Said::from(reading).and_then(|number| {
        if number.entity_identifier.is_empty() {
            return Said::Nothing;
        }
        if number.entity_identifier.contains('\\') {
            let text = "has a backslash, which DICOM cannot carry: worklist answers leave it empty";
            findings.add(FindingCode::Unrepresentable, &location, text);
        }
        valid(number.entity_identifier(), &location, findings)
    })
}

/// A value, or a finding that says why it is not used.
pub(crate) fn valid<T, E: std::fmt::Display>(
    read: Result<T, E>,
    location: &str,
    findings: &mut Findings,
) -> Said<T> {
    match read {
        Ok(value) => Said::This(value),
        Err(error) => {
            findings.add(FindingCode::Invalid, location, format!("not used: {error}"));
            Said::Nothing
        }
    }
}

/// A text as a line; nothing when it is blank.
pub(crate) fn said_line(text: &str, location: &str, findings: &mut Findings) -> Said<String> {
    // Formatting commands have no meaning in these types, but some RISs break lines with them all the same.
    let line = plain(&text.replace("\\.br\\", "\n"), &['\\'], location, findings);
    if line.is_empty() { Said::Nothing } else { Said::This(line) }
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
