//! Keys on attributes that have no index: compared with what the answer would say.

use telerad_dicom::{DataSet, Tag};

use super::QueryError;
use super::answer::Filled;
use super::key::TextKey;

/// A key on any supported attribute.
#[derive(Clone, Debug)]
pub(super) enum OtherKey {
    /// Single value or wildcard on a text or number; numbers are compared as the text that is answered (CP-2305).
    Text(TextKey),
    /// Sequence matching (PS3.4 section C.2.2.2.6): all keys in one item.
    Item(Vec<(Tag, Self)>),
}

impl OtherKey {
    /// The real keys of a data set, but those on `known` attributes.
    ///
    /// # Errors
    /// [`QueryError::SeveralItems`]
    pub(super) fn read(set: &DataSet, known: &[Tag]) -> Result<Vec<(Tag, Self)>, QueryError> {
        let mut keys = Vec::new();
        for tag in set.tags().into_iter().filter(|tag| !known.contains(tag)) {
            let key = match set.items_ref(tag) {
                Some([]) => None,
                Some([item]) => {
                    let keys = Self::read(item, &[])?;
                    (!keys.is_empty()).then_some(Self::Item(keys))
                }
                Some(_) => return Err(QueryError::SeveralItems(tag)),
                None => TextKey::wild(&set.text(tag).unwrap_or_default()).map(Self::Text),
            };
            keys.extend(key.map(|key| (tag, key)));
        }
        Ok(keys)
    }

    /// Whether the value matches; an attribute without a value matches no real key.
    pub(super) fn matches(&self, filled: &Filled) -> bool {
        match (self, filled) {
            (Self::Text(key), Filled::Text(value)) => any_value(key, value),
            (Self::Item(keys), Filled::Items(items)) => {
                items.iter().any(|item| keys.iter().all(|(tag, key)| key.matches_in(item, *tag)))
            }
            _ => false,
        }
    }

    fn matches_in(&self, item: &DataSet, tag: Tag) -> bool {
        match self {
            Self::Text(key) => any_value(key, &item.text(tag).unwrap_or_default()),
            Self::Item(keys) => item.items_ref(tag).is_some_and(|items| {
                items.iter().any(|item| keys.iter().all(|(tag, key)| key.matches_in(item, *tag)))
            }),
        }
    }
}

/// One value that matches is enough (PS3.4 section K.2.2.3).
fn any_value(key: &TextKey, values: &str) -> bool {
    values.split('\\').any(|value| key.matches(value))
}
