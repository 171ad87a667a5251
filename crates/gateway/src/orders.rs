//! Orders and patients in: HL7 becomes worklist.

use telerad_accession::index_keys;
use telerad_store::{Effect, MessageOutcome, ParkedKind, StoreError};
use telerad_worklist as worklist;

use crate::handled::{Answer, Handled, Incoming, park, reject};
use crate::state::State;

/// Applies one ADT or order message to what the site already knows.
pub(crate) async fn handle(state: &State, incoming: Incoming<'_>) -> Result<Handled, StoreError> {
    let (site, store) = (incoming.site, &state.environment.store);
    let inbound = match worklist::read(incoming.message, &state.directory.mapping(site)) {
        Ok(inbound) => inbound,
        Err(refused) => return Ok(reject(refused.condition, &refused.location, &refused.text)),
    };
    let known = worklist::Known {
        patients: store.patients(site, &inbound.patients()).await?,
        orders: store.orders(site, &inbound.orders()).await?,
    };
    let applied = worklist::apply(inbound, &known, state.now());
    let findings = applied.findings.iter().map(ToString::to_string).collect();
    let outcome = match applied.disposition {
        worklist::Disposition::Applied => MessageOutcome::Applied,
        worklist::Disposition::NoChange => MessageOutcome::NoChange,
        worklist::Disposition::Parked(reason) => {
            return Ok(park(state, incoming, ParkedKind::Message, &reason, findings));
        }
        worklist::Disposition::Rejected(refused) => {
            let refused = reject(refused.condition, &refused.location, &refused.text);
            return Ok(Handled { findings, ..refused });
        }
    };
    let policy = state.directory.accession_policy(site);
    let effects = applied.effects.into_iter().map(|effect| match effect {
        worklist::Effect::PutPatient(record) => Effect::Patient(record),
        worklist::Effect::PutOrder(record) => {
            let keys = index_keys(&record.order, &policy);
            Effect::Order { record, keys }
        }
    });
    Ok(Handled {
        outcome,
        answer: Answer::accept(),
        effects: effects.collect(),
        findings,
        events: Vec::new(),
        wake: Vec::new(),
    })
}
