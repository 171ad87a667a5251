//! Messages that are applied once more, after a rule, a table or the program has changed; and what that would change.

use std::collections::BTreeMap;

use serde::Serialize;
use telerad_core::{PatientId, SiteId};
use telerad_hl7::Message;
use telerad_store::{Effect, MessageOutcome, MessageRecord, StoreError};
use toml::Value;

use super::{Desk, DeskError, Signature};
use crate::configuration::Hl7Role;
use crate::event::{Event, Operation};
use crate::handled::{Handled, Incoming};
use crate::messages;
use crate::state::DECISIONS_MAX;

/// What a message that is kept would do if it came now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replay {
    /// What it ended in when it came, or was last replayed.
    pub outcome_before: MessageOutcome,
    /// What was found then.
    pub findings_before: Vec<String>,
    /// What it would end in.
    pub outcome: MessageOutcome,
    /// What would be found.
    pub findings: Vec<String>,
    /// What would be different afterwards, record by record and field by field.
    pub differences: Vec<Difference>,
    /// How many messages would be queued by it.
    pub queued: usize,
}

/// A field of a record that would change.
#[derive(Clone, Eq, PartialEq)]
pub struct Difference {
    /// `order`, `patient` or `report`.
    pub record: &'static str,
    /// The key of the record; holds an identifier.
    pub key: String,
    /// The field, as `steps.0.modality`.
    pub field: String,
    /// What is there; `None` when nothing is.
    pub before: Option<String>,
    /// What would be there; `None` when nothing would be.
    pub after: Option<String>,
}

impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Difference({}, {}, <redacted>)", self.record, self.field)
    }
}

impl Desk {
    /// What [`Self::replay`] would do now. Nothing is changed by asking. `id` is the gateway's own.
    ///
    /// # Errors
    /// [`DeskError::UnknownMessage`], [`DeskError::UnknownSender`], [`DeskError::Store`].
    pub async fn preview_replay(&self, site: &SiteId, id: &str) -> Result<Replay, DeskError> {
        let kept = Kept::read(self, site, id).await?;
        let handled = kept.handle(self).await?;
        let differences = self.differences(site, &handled.effects).await?;
        let is_queued = |effect: &&Effect| matches!(effect, Effect::Outbound(_));
        let queued = handled.effects.iter().filter(is_queued).count();
        Ok(Replay {
            outcome_before: kept.record.outcome,
            findings_before: kept.record.findings,
            outcome: handled.outcome,
            findings: handled.findings,
            differences,
            queued,
        })
    }

    /// Applies a message that is kept by what is known and declared now, as if it had come again; its sender is told
    /// nothing. What it ends in replaces what it ended in before, and it waits for a person no longer, unless it is parked
    /// again. What has happened since is not undone: the times of messages count, as ever.
    ///
    /// # Errors
    /// [`DeskError::UnknownMessage`], [`DeskError::UnknownSender`] when its sender is no longer configured for this site,
    /// [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn replay(
        &self,
        site: &SiteId,
        id: &str,
        signature: &Signature,
    ) -> Result<MessageOutcome, DeskError> {
        let (state, by) = (&self.state, signature.by());
        for _ in 0..DECISIONS_MAX {
            let kept = Kept::read(self, site, id).await?;
            let mut handled = kept.handle(self).await?;
            let waiting = state.environment.store.parked_about(site, &[id.to_owned()]).await?;
            let mut before: Vec<Effect> =
                waiting.into_iter().map(|item| Effect::Unpark { id: item.id }).collect();
            let detail = format!("by {by}: {}", signature.reason());
            let word = Operation::Replay.as_str();
            before.push(state.journal(site, id, word, &detail));
            before.append(&mut handled.effects);
            handled.effects = before;
            let outcome = handled.outcome.clone();
            let record = MessageRecord { outcome: outcome.clone(), ..kept.record.clone() };
            match messages::commit(state, kept.incoming(), record, handled).await {
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    let (site, subject) = (site.clone(), id.to_owned());
                    let operation = Operation::Replay;
                    state.tell(Event::Decided { site, subject, operation, by: by.to_owned() });
                    return Ok(outcome);
                }
            }
        }
        Err(DeskError::Busy)
    }

    /// What effects would change of the records that they write.
    async fn differences(
        &self,
        site: &SiteId,
        effects: &[Effect],
    ) -> Result<Vec<Difference>, StoreError> {
        let store = &self.state.environment.store;
        let mut found = Vec::new();
        for effect in effects {
            match effect {
                Effect::Order { record, .. } => {
                    let before = store.orders(site, std::slice::from_ref(&record.key)).await?;
                    let key = record.key.as_str();
                    found.extend(between("order", key, before.first(), record));
                }
                Effect::Patient(record) => {
                    let Some(id) = record.patient.primary_id() else { continue };
                    let before = store.patients(site, std::slice::from_ref(id)).await?;
                    let is_it = |kept: &&telerad_worklist::PatientRecord| {
                        kept.patient.primary_id() == Some(id)
                    };
                    let before = before.iter().find(is_it);
                    found.extend(between("patient", PatientId::value(id), before, record));
                }
                Effect::Report(record) => {
                    let before = store.report(&record.key).await?;
                    let key = record.key.as_str();
                    found.extend(between("report", key, before.as_ref(), record));
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// A message as it is kept, and who sent it by the configuration of today.
struct Kept {
    record: MessageRecord,
    message: Message,
    site: SiteId,
    role: Hl7Role,
}

impl Kept {
    async fn read(desk: &Desk, site: &SiteId, id: &str) -> Result<Self, DeskError> {
        let state = &desk.state;
        let record = state.environment.store.message(id).await?;
        let record = record.filter(|record| record.site.as_ref() == Some(site));
        let record = record.ok_or(DeskError::UnknownMessage)?;
        // It was a message when it came.
        let message = Message::parse(record.raw.clone()).map_err(|_| DeskError::UnknownMessage)?;
        let (application, facility) = (message.sending_application(), message.sending_facility());
        let sender = state.directory.sender(&application, &facility);
        let sender = sender.filter(|sender| sender.site == *site);
        let role = sender.ok_or(DeskError::UnknownSender)?.role;
        Ok(Self { record, message, site: site.clone(), role })
    }

    fn incoming(&self) -> Incoming<'_> {
        Incoming { id: &self.record.id, site: &self.site, message: &self.message }
    }

    async fn handle(&self, desk: &Desk) -> Result<Handled, StoreError> {
        messages::handle(&desk.state, self.incoming(), self.role).await
    }
}

/// The fields in which two records differ, in the order of their names.
fn between<T: Serialize>(
    record: &'static str,
    key: &str,
    before: Option<&T>,
    after: &T,
) -> Vec<Difference> {
    let (before, after) = (fields(before), fields(Some(after)));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let differs = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let difference = |name: &String| Difference {
        record,
        key: key.to_owned(),
        field: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    differs.filter(|name| !BOOKKEEPING.contains(&name.as_str())).map(difference).collect()
}

/// What changes whenever a record is written, and says nothing.
const BOOKKEEPING: [&str; 2] = ["revision", "updated_at"];

/// Every value of a record, by its path.
fn fields<T: Serialize>(record: Option<&T>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    match record.map(Value::try_from) {
        Some(Ok(value)) => flatten(String::new(), value, &mut fields),
        Some(Err(error)) => drop(fields.insert("record".to_owned(), error.to_string())),
        None => {}
    }
    fields
}

fn flatten(path: String, value: Value, fields: &mut BTreeMap<String, String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                flatten(below(&name), value, fields);
            }
        }
        Value::Array(values) => {
            for (at, value) in values.into_iter().enumerate() {
                flatten(below(&at.to_string()), value, fields);
            }
        }
        // An empty text is what an attribute that nobody spoke of holds.
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => drop(fields.insert(path, text)),
        other => drop(fields.insert(path, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::between;

    #[derive(Serialize)]
    struct Step {
        modality: &'static str,
        start: Option<u32>,
    }

    #[derive(Serialize)]
    struct Record {
        revision: u64,
        steps: Vec<Step>,
    }

    #[test]
    fn differences_are_told_field_by_field() {
        let step = |modality, start| Step { modality, start };
        let before = Record { revision: 1, steps: vec![step("CT", None)] };
        let after = Record { revision: 2, steps: vec![step("MR", Some(9)), step("", None)] };
        let told: Vec<_> = between("order", "key", Some(&before), &after)
            .into_iter()
            .map(|it| (it.field, it.before, it.after))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("steps.0.modality".to_owned(), text("CT"), text("MR")),
                ("steps.0.start".to_owned(), None, text("9")),
            ]
        );
        assert!(between("order", "key", Some(&after), &after).is_empty());
        assert_eq!(between("order", "key", None, &before).len(), 1);
    }
}
