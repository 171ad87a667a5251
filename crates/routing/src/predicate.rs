//! The conditions of routing rules.

use serde::{Deserialize, Serialize};
use telerad_core::{AeTitle, Uid};

use crate::{InstanceRecord, MarkKind};

/// A condition on one instance. Every field that is given must hold; a field with several values holds when one
/// of them does. The empty condition holds always.
///
/// Conditions are total: a value that the instance does not have makes a field `false`, never an error. `not` is
/// plain negation, so `not = { modality = ["CT"] }` holds for an instance without modality. There is no user code
/// and no comparison between fields, which keeps overlap and shadowing of rules decidable.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Predicate {
    /// Modality (0008,0060) is one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<OneOf<String>>,
    /// The calling AE title is one of these, exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<OneOf<AeTitle>>,
    /// The SOP Class UID is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sop_class: Option<OneOf<Uid>>,
    /// The transfer syntax it came in is one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_syntax: Option<OneOf<Uid>>,
    /// Station Name (0008,1010) is one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<OneOf<String>>,
    /// Institution Name (0008,0080) is one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub institution: Option<OneOf<String>>,
    /// Body Part Examined (0018,0015) is one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_part: Option<OneOf<String>>,
    /// Study Description (0008,1030) begins with one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_description_starts_with: Option<OneOf<String>>,
    /// Study Description (0008,1030) contains one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_description_contains: Option<OneOf<String>>,
    /// Series Description (0008,103E) begins with one of these; case is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series_description_starts_with: Option<OneOf<String>>,
    /// Whether Accession Number (0008,0050) has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accession_present: Option<bool>,
    /// How the study stands to the orders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<OneOf<MarkKind>>,
    /// This condition does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Predicate>>,
    /// One of these conditions holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<OneOf<Predicate>>,
}

/// The values of a field: one or more. None at all would be a rule that silently never fires.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<T>", into = "Vec<T>")]
#[serde(bound(serialize = "T: Clone + Serialize", deserialize = "T: Deserialize<'de>"))]
pub struct OneOf<T>(Vec<T>);

impl<T> OneOf<T> {
    /// One or more values.
    ///
    /// # Errors
    /// [`NoValues`] when there is none.
    pub fn new(values: Vec<T>) -> Result<Self, NoValues> {
        if values.is_empty() { Err(NoValues) } else { Ok(Self(values)) }
    }

    /// The values, in the order they were given.
    pub fn values(&self) -> &[T] {
        &self.0
    }
}

impl<T> TryFrom<Vec<T>> for OneOf<T> {
    type Error = NoValues;

    fn try_from(values: Vec<T>) -> Result<Self, Self::Error> {
        Self::new(values)
    }
}

impl<T> From<OneOf<T>> for Vec<T> {
    fn from(values: OneOf<T>) -> Self {
        values.0
    }
}

/// An empty list of values, which could never match.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a condition needs at least one value: an empty list never matches")]
pub struct NoValues;

impl Predicate {
    /// Whether the condition holds for this instance.
    pub fn holds(&self, instance: &InstanceRecord) -> bool {
        let head = &instance.head;
        equals(self.modality.as_ref(), &head.modality)
            && given(self.source.as_ref(), |title| *title == instance.source)
            && given(self.sop_class.as_ref(), |uid| uid.as_str() == instance.sop_class_uid)
            && given(self.transfer_syntax.as_ref(), |uid| {
                uid.as_str() == instance.transfer_syntax_uid
            })
            && equals(self.station.as_ref(), &head.station_name)
            && equals(self.institution.as_ref(), &head.institution)
            && equals(self.body_part.as_ref(), &head.body_part)
            && text(
                self.study_description_starts_with.as_ref(),
                &head.study_description,
                |value, wanted| value.starts_with(wanted),
            )
            && text(
                self.study_description_contains.as_ref(),
                &head.study_description,
                |value, wanted| value.contains(wanted),
            )
            && text(
                self.series_description_starts_with.as_ref(),
                &head.series_description,
                |value, wanted| value.starts_with(wanted),
            )
            && self.accession_present.is_none_or(|wanted| wanted == head.accession.is_some())
            && given(self.mark.as_ref(), |kind| *kind == instance.mark.kind())
            && self.not.as_ref().is_none_or(|inner| !inner.holds(instance))
            && given(self.any.as_ref(), |inner| inner.holds(instance))
    }
}

impl std::fmt::Display for Predicate {
    /// The condition in words, the same text for the same condition in every build: rule set versions rest on it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |name: &str, values: Vec<String>| format!("{name} in {values:?}");
        let texts = |name: &str, field: &Option<OneOf<String>>| {
            field.as_ref().map(|values| list(name, values.0.clone()))
        };
        let uids = |name: &str, field: &Option<OneOf<Uid>>| {
            field.as_ref().map(|values| list(name, values.0.iter().map(Uid::to_string).collect()))
        };
        let sources = |values: &OneOf<AeTitle>| values.0.iter().map(AeTitle::to_string).collect();
        let marks =
            |values: &OneOf<MarkKind>| values.0.iter().map(|kind| kind.as_str().into()).collect();
        let parts = [
            texts("modality", &self.modality),
            self.source.as_ref().map(|values| list("source", sources(values))),
            uids("sop_class", &self.sop_class),
            uids("transfer_syntax", &self.transfer_syntax),
            texts("station", &self.station),
            texts("institution", &self.institution),
            texts("body_part", &self.body_part),
            texts("study_description_starts_with", &self.study_description_starts_with),
            texts("study_description_contains", &self.study_description_contains),
            texts("series_description_starts_with", &self.series_description_starts_with),
            self.accession_present.map(|wanted| format!("accession_present is {wanted}")),
            self.mark.as_ref().map(|values| list("mark", marks(values))),
            self.not.as_ref().map(|inner| format!("not ({inner})")),
            self.any.as_ref().map(|inner| {
                let inner: Vec<String> = inner.0.iter().map(|inner| format!("({inner})")).collect();
                format!("({})", inner.join(" or "))
            }),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(if parts.is_empty() { "always" } else { "" })?;
        f.write_str(&parts.join(" and "))
    }
}

/// An absent field asks nothing; a given one holds when a value does.
fn given<T>(field: Option<&OneOf<T>>, holds: impl Fn(&T) -> bool) -> bool {
    field.is_none_or(|values| values.values().iter().any(holds))
}

fn equals(field: Option<&OneOf<String>>, value: &str) -> bool {
    text(field, value, |value, wanted| value == wanted)
}

/// Compares folded texts. A missing value matches nothing, not even an empty wish.
fn text(field: Option<&OneOf<String>>, value: &str, holds: impl Fn(&str, &str) -> bool) -> bool {
    let value = fold(value);
    given(field, |wanted| !value.is_empty() && holds(&value, &fold(wanted)))
}

/// Case and padding carry no meaning here: PS3.5 section 6.2 has CS in upper case only, yet devices in the field
/// send `ct`, and descriptions are typed by people.
fn fold(text: &str) -> String {
    text.trim_matches([' ', '\0']).to_lowercase()
}
