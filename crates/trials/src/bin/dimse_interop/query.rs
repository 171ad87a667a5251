//! Which instances and worklist items answer which keys (PS3.4 section C.2.2.2): enough for what the peers ask here.

use std::collections::BTreeSet;

use telerad::dicom::dataset::DataSet;
use telerad::dicom::{Status, Tag, tags};

/// The matches of a query or a wish at its level, one for each distinct unique key.
///
/// # Errors
/// The status that the peer is to hear about keys without a level.
pub fn matches<'a>(
    keys: &DataSet,
    heads: impl Iterator<Item = &'a DataSet>,
) -> Result<Vec<&'a DataSet>, Status> {
    let unique = unique_key(keys)?;
    let mut seen = BTreeSet::new();
    let wanted = heads.filter(|head| fits(keys, head));
    Ok(wanted.filter(|head| seen.insert(head.text(unique))).collect())
}

/// The attributes of `head` that the keys ask for, sequences likewise.
pub fn project(keys: &DataSet, head: &DataSet) -> DataSet {
    let mut answer = DataSet::new();
    for tag in keys.tags() {
        match (keys.items_ref(tag), head.items_ref(tag)) {
            _ if tag == tags::SPECIFIC_CHARACTER_SET => {}
            (_, Some(items)) => {
                let universal = DataSet::new();
                let inner = keys.items_ref(tag).and_then(<[DataSet]>::first).unwrap_or(&universal);
                answer.set_items(tag, items.iter().map(|item| project(inner, item)).collect());
            }
            _ => match head.text(tag).or_else(|| keys.text(tag).filter(|_| echoed(tag))) {
                Some(text) => answer.set_text(tag, &text),
                None => answer.set_empty(tag),
            },
        }
    }
    answer
}

/// Whether every key that has a value matches.
pub fn fits(keys: &DataSet, head: &DataSet) -> bool {
    keys.tags().into_iter().filter(|tag| !echoed(*tag)).all(|tag| {
        if let Some(wanted) = keys.items_ref(tag) {
            let items = head.items_ref(tag).unwrap_or_default();
            let inner = wanted.first();
            return inner.is_none_or(|keys| items.iter().any(|item| fits(keys, item)));
        }
        let wanted = keys.text(tag).unwrap_or_default();
        let value = head.text(tag).unwrap_or_default();
        wanted.is_empty() || wanted.split('\\').any(|wanted| is_like(wanted.trim(), value.trim()))
    })
}

/// What unites the instances of one match.
fn unique_key(keys: &DataSet) -> Result<Tag, Status> {
    let level = keys.text(tags::QUERY_RETRIEVE_LEVEL).unwrap_or_default();
    match level.trim() {
        "PATIENT" => Ok(tags::PATIENT_ID),
        "STUDY" => Ok(tags::STUDY_INSTANCE_UID),
        "SERIES" => Ok(tags::SERIES_INSTANCE_UID),
        "IMAGE" => Ok(tags::SOP_INSTANCE_UID),
        _ => Err(Status::DATA_SET_DOES_NOT_MATCH),
    }
}

/// What is part of a question without being a key.
fn echoed(tag: Tag) -> bool {
    tag == tags::QUERY_RETRIEVE_LEVEL || tag == tags::SPECIFIC_CHARACTER_SET
}

/// Wild card matching with one `*` at most.
fn is_like(wanted: &str, value: &str) -> bool {
    match wanted.split_once('*') {
        Some((start, end)) => {
            value.len() >= start.len() + end.len()
                && value.starts_with(start)
                && value.ends_with(end)
        }
        None => wanted == value,
    }
}
