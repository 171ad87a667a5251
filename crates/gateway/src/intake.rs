//! Studies in: stream to the spool, make durable, decide, acknowledge. In that order.

mod after_delivery;
mod doubt;
mod known;
mod mark;
mod order;
mod spool;

use std::collections::BTreeSet;
use std::sync::Arc;

use telerad_core::{AeTitle, Priority, SiteId, Uid};
use telerad_dicom::Status;
use telerad_net::Shutdown;
use telerad_net::dicom::{AssociationContext, Body, StoreReply, StoreRequest};
use telerad_routing as routing;
use telerad_routing::{InstanceRecord, Relation, SourcePair, StudyMark};
use telerad_store::{
    Effect, Expectation, JournalEntry, ParkedItem, ParkedKind, RecordKind, StoreError,
};

use crate::configuration::Service;
use crate::event::Event;
use crate::onward;
use crate::order_changes::OrdersAt;
use crate::pixels;
use crate::standing;
pub(crate) use crate::standing::{facts, study_of};
use crate::state::{DECISIONS_MAX, State};
use doubt::Doubt;
use known::Known;
pub(crate) use order::lane_with;
use spool::Arrival;

/// Serves one C-STORE. Success is answered only after payload and ledger are durable.
pub(crate) async fn store(
    state: Arc<State>,
    shutdown: Shutdown,
    context: AssociationContext,
    request: StoreRequest,
    body: Body,
) -> StoreReply {
    let instance = request.sop_instance_uid.clone();
    match receive(&state, &shutdown, &context, &request, body).await {
        Ok(()) => StoreReply { status: Status::SUCCESS, comment: None },
        Err(refusal) => {
            tracing::warn!(
                calling = %context.calling,
                sop_instance_uid = %instance,
                status = format_args!("{:04X}H", refusal.status.code()),
                "instance refused: {}",
                refusal.comment
            );
            StoreReply { status: refusal.status, comment: Some(refusal.comment) }
        }
    }
}

/// Why an instance is not taken: the answer, and words for (0000,0902) that carry no patient data.
struct Refusal {
    status: Status,
    comment: String,
}

impl Refusal {
    fn new(status: Status, comment: impl Into<String>) -> Self {
        Self { status, comment: comment.into() }
    }

    fn storage(error: impl std::fmt::Display) -> Self {
        Self::new(Status::OUT_OF_RESOURCES, format!("cannot store now: {error}"))
    }
}

async fn receive(
    state: &State,
    shutdown: &Shutdown,
    context: &AssociationContext,
    request: &StoreRequest,
    body: Body,
) -> Result<(), Refusal> {
    let caller = state.directory.caller(&context.calling).filter(|it| it.may(Service::Store));
    let Some(caller) = caller else {
        return Err(Refusal::new(
            Status::NOT_AUTHORIZED,
            "storage is not offered to this AE title",
        ));
    };
    // What is no UID is not the name of one instance, which the ledger rests on, and no receiver that goes by the standard
    // would take it from us. The status is the one for breaches of the rules of UIDs (PS3.7 annex C).
    let uid = Uid::new(&request.sop_instance_uid).map_err(|error| {
        Refusal::new(Status::INVALID_SOP_INSTANCE, format!("affected instance: {error}"))
    })?;
    let arrival = Arrival { state, caller, context, request, uid };
    // Held until the row that names the payload is durable.
    let received = arrival.receive(body).await?;
    let registered = register(state, received.record, received.known).await?;
    drop(received.hold);
    match caller.waits {
        Some(patience) => after_delivery::answer(state, shutdown, &registered, patience).await,
        None => Ok(()),
    }
}

/// Decides and commits, again from the start when another writer changed what the decision rests on. The instance, with
/// how it stands to what was there. What was read for it `early`, while it came, is read anew in all tries but the first.
async fn register(
    state: &State,
    record: InstanceRecord,
    mut early: Option<Known>,
) -> Result<InstanceRecord, Refusal> {
    let (study, mut turn) = (study_of(&record), None);
    for tries in 0..DECISIONS_MAX {
        if tries < TRIES_BESIDE_OTHERS {
            state.turns.pass(&record.site, &study).await;
        } else if turn.is_none() {
            // Every one of many associations may change the study with each of its instances.
            turn = Some(state.turns.take(&record.site, &study).await);
        }
        let decided = match early.take().filter(|known| known.is_current(state)) {
            Some(known) => decide_on(state, record.clone(), known).await,
            None => decide(state, record.clone()).await,
        };
        let mut decided = decided.map_err(Refusal::storage)?;
        let registered = InstanceRecord { relation: decided.relation.clone(), ..record.clone() };
        if decided.relation == Relation::Repeated {
            if decided.wake.is_empty() && decided.sent_twice.is_none() {
                tracing::info!(sop_instance_uid = %record.sop_instance_uid, "instance received again");
                // What it carries is durable, whatever becomes of this line.
                if let Err(error) = state.commit(vec![received_again(state, &record)]).await {
                    // Unless the store cannot vouch for what it wrote, and so not for what it shows of it either.
                    if !error.is_retryable() {
                        return Err(Refusal::storage(error));
                    }
                    tracing::error!("not noted that an instance came again: {error}");
                }
                return Ok(registered);
            }
            decided.effects.push(received_again(state, &record));
            if !decided.wake.is_empty() {
                let unpark = unpark(state, &record).await.map_err(Refusal::storage)?;
                decided.effects.extend(unpark);
            }
        }
        match state.commit(std::mem::take(&mut decided.effects)).await {
            Ok(_) => {
                announce(state, &registered, &decided);
                let may_be_linked = decided.no_rule || decided.mark == "unmatched";
                if may_be_linked && !known::is_still(state, decided.orders_at) {
                    // An order that came meanwhile has not found it among what waits for one.
                    state.new_orders.add(record.site.clone(), standing::keys(state, &record));
                }
                return Ok(registered);
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(Refusal::storage(error)),
        }
    }
    Err(Refusal::storage("too many writers of this study at once"))
}

fn received_again(state: &State, record: &InstanceRecord) -> Effect {
    let detail = JournalEntry::sent_by(&record.source);
    let subject = record.sop_instance_uid.as_str();
    state.journal(&record.site, subject, JournalEntry::RECEIVED_AGAIN, &detail)
}

/// Ends the wait of an instance that no rule wanted, when it is sent again and goes out now.
async fn unpark(state: &State, record: &InstanceRecord) -> Result<Vec<Effect>, StoreError> {
    let subject = [record.sop_instance_uid.as_str().to_owned()];
    let parked = state.environment.store.parked_about(&record.site, &subject).await?;
    let items = parked
        .into_iter()
        .filter(|item| item.kind == ParkedKind::Instance && item.reason == NO_RULE);
    Ok(items.map(|item| Effect::Unpark { id: item.id }).collect())
}

/// Decides an instance that no rule wanted once more, and ends its wait when one does; whether one did.
pub(crate) async fn decide_again(
    state: &State,
    instance: InstanceRecord,
    parked: &str,
) -> Result<bool, StoreError> {
    for _ in 0..DECISIONS_MAX {
        let mut decided = decide(state, instance.clone()).await?;
        if decided.wake.is_empty() && decided.queued == 0 {
            return Ok(false);
        }
        let subject = instance.sop_instance_uid.as_str();
        let detail = format!("by rules {}", state.rules.version());
        let effects = std::mem::take(&mut decided.effects).into_iter().chain([
            Effect::Unpark { id: parked.to_owned() },
            state.journal(&instance.site, subject, "decided again", &detail),
        ]);
        match state.commit(effects.collect()).await {
            Ok(_) => {
                ring(state, &decided.wake);
                let (site, uid) = (&instance.site, &instance.sop_instance_uid);
                tracing::info!(%site, sop_instance_uid = %uid, "an instance that no rule wanted goes out");
                state.tell(Event::DecidedAgain {
                    site: site.clone(),
                    sop_instance_uid: uid.clone(),
                });
                return Ok(true);
            }
            // Somebody else has ended its wait.
            Err(StoreError::Conflict { kind: RecordKind::Parked, .. }) => return Ok(false),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

struct Decided {
    doubt: Doubt,
    effects: Vec<Effect>,
    mark: &'static str,
    marked: Option<Event>,
    no_rule: bool,
    /// As of when the orders were read.
    orders_at: Option<OrdersAt>,
    /// How many deliveries a repeated instance had before.
    queued: usize,
    relation: Relation,
    sent_twice: Option<SourcePair>,
    /// Receivers of messages whose queues grow.
    tell: Vec<String>,
    wake: Vec<(routing::DestinationId, Priority)>,
}

async fn decide(state: &State, record: InstanceRecord) -> Result<Decided, StoreError> {
    let known = Known::read(state, &record).await?;
    decide_on(state, record, known).await
}

/// The batch expects that versions and study are still what they were when they were read.
async fn decide_on(
    state: &State,
    mut record: InstanceRecord,
    mut known: Known,
) -> Result<Decided, StoreError> {
    let pixels = pixels::compare(state, &record, &known.versions).await;
    known.heed_orders(state, &record).await?;
    let Known { orders, study, versions: known, orders_at } = known;
    record.relation = routing::relate(&record, &known, |other| pixels.same_as(other));
    let (mark, priority) = standing::place(state, &record, &orders);
    record.mark = mark;
    let keys = standing::keys(state, &record);
    let queued = match record.relation {
        Relation::Repeated => queued(state, &record, study.as_ref()).await?,
        _ => Vec::new(),
    };
    let (down, sticky) = (state.health.down(), sticky(state, &record, study.is_some()).await?);
    let decision = routing::decide(routing::Intake {
        rules: &state.rules,
        instance: record.clone(),
        study: study.as_ref(),
        known: &known,
        queued: &queued,
        now: state.now(),
        priority,
        groups: routing::GroupFacts { groups: &state.groups, down: Some(&down), sticky: &sticky },
    });
    let mut effects = unchanged(&record, known.len(), study.as_ref());
    let mut wake = Vec::new();
    for effect in decision.effects {
        effects.push(match effect {
            routing::Effect::PutInstance(record) => Effect::Instance { record, keys: keys.clone() },
            routing::Effect::FreezeStudy(study) | routing::Effect::PutStudy(study) => {
                Effect::Study(study)
            }
            routing::Effect::PutDelivery(delivery) => {
                wake.push((delivery.key.destination.clone(), delivery.priority));
                Effect::Delivery(delivery)
            }
            routing::Effect::Stick(member) => Effect::Sticky(member),
        });
    }
    let tell = match &study {
        None => build_order(state, &record, priority, &mut effects).await?,
        Some(_) => Vec::new(),
    };
    let doubt = doubt::note(state, &record, &known, study.as_ref(), &pixels, &mut effects);
    effects.extend(reports_to_people(state, &record, &doubt, decision.no_rule));
    let sent_twice =
        study.clone().and_then(|it| note_sent_twice(state, &record, &known, it, &mut effects));
    let marked = mark::note(state, &record, study.as_ref(), &mut effects);
    Ok(Decided {
        doubt,
        effects,
        mark: mark_name(&record.mark),
        marked,
        no_rule: decision.no_rule,
        orders_at,
        queued: queued.len(),
        sent_twice,
        relation: record.relation,
        tell,
        wake,
    })
}

/// What the decision rests on.
fn unchanged(
    record: &InstanceRecord,
    versions: usize,
    study: Option<&routing::StudyDecision>,
) -> Vec<Effect> {
    let site = &record.site;
    vec![
        Effect::Expect(Expectation::Versions {
            site: site.clone(),
            sop_instance_uid: record.sop_instance_uid.clone(),
            count: versions,
        }),
        // An instance that no rule wants would else miss the decision that another one makes for the study now.
        Effect::Expect(Expectation::StudyRevision {
            site: site.clone(),
            study_instance_uid: study_of(record),
            revision: study.map_or(0, |study| study.revision),
        }),
    ]
}

/// An order for a study that is decided now, where its site sends none; the receivers whose queues grow.
async fn build_order(
    state: &State,
    record: &InstanceRecord,
    priority: Priority,
    effects: &mut Vec<Effect>,
) -> Result<Vec<String>, StoreError> {
    if !effects.iter().any(|it| matches!(it, Effect::Study(_))) {
        return Ok(Vec::new());
    }
    let queued = onward::built_from_images(state, record, priority).await?;
    effects.extend(queued.effects);
    Ok(queued.wake)
}

/// One finding for each study and pair of sources, however many instances they share. That it was told stands in the
/// study's decision: whoever decides at the same time on the decision without it is in conflict, and finds it there.
fn note_sent_twice(
    state: &State,
    record: &InstanceRecord,
    known: &[InstanceRecord],
    mut study: routing::StudyDecision,
    effects: &mut Vec<Effect>,
) -> Option<SourcePair> {
    let pair = routing::sent_twice(record, known)?;
    // A change of the study for another reason goes first; the next instance brings this up again.
    if study.sent_twice.contains(&pair) || effects.iter().any(|it| matches!(it, Effect::Study(_))) {
        return None;
    }
    let (one, other) = pair.titles();
    let detail = if one == other {
        format!(
            "{one} sends instances of this study in more than one version; each is delivered once"
        )
    } else {
        format!("{one} and {other} both send this study; each instance is delivered once")
    };
    let first = known.iter().find(|it| matches!(it.relation, Relation::First));
    let coerced = first.map(|first| routing::HeadDifferences::between(record, first).coerced);
    let detail = match coerced {
        Some(coerced) if !coerced.is_empty() => {
            format!("{detail}; their heads differ in {}", coerced.join(", "))
        }
        _ => detail,
    };
    effects.push(state.journal(&record.site, &study.study_instance_uid, "sent twice", &detail));
    study.sent_twice.push(pair.clone());
    effects.push(Effect::Study(study));
    Some(pair)
}

/// The members of groups that the patient's earlier studies went to. A study that is decided needs none.
async fn sticky(
    state: &State,
    record: &InstanceRecord,
    is_decided: bool,
) -> Result<Vec<routing::StickyMember>, StoreError> {
    let mut known = Vec::new();
    if let Some(patient) = routing::sticky_patient(&record.head).filter(|_| !is_decided) {
        for group in &state.groups {
            let member = state.environment.store.sticky(&record.site, group.id(), patient).await?;
            known.extend(member);
        }
    }
    Ok(known)
}

/// The deliveries of an instance, to destinations of the configuration and to those its study was decided for.
async fn queued(
    state: &State,
    record: &InstanceRecord,
    study: Option<&routing::StudyDecision>,
) -> Result<Vec<routing::DeliveryRecord>, StoreError> {
    let configured = state.configuration.destinations.iter().map(|to| to.id.get_ref());
    let decided = study.into_iter().flat_map(|study| &study.destinations);
    let destinations: BTreeSet<&routing::DestinationId> = configured.chain(decided).collect();
    let mut queued = Vec::new();
    for destination in destinations {
        let key = routing::DeliveryKey {
            site: record.site.clone(),
            sop_instance_uid: record.sop_instance_uid.clone(),
            destination: destination.clone(),
        };
        queued.extend(state.environment.store.delivery(&key).await?);
    }
    Ok(queued)
}

/// What a person has to see, in the same transaction as what it is about.
fn reports_to_people(
    state: &State,
    record: &InstanceRecord,
    doubt: &Doubt,
    no_rule: bool,
) -> Vec<Effect> {
    let subject = record.sop_instance_uid.as_str();
    let mut effects = Vec::new();
    let mut park = |reason: &str, evidence: String| {
        effects.push(state.journal(&record.site, subject, reason, &evidence));
        if reason == CONFLICT && !matches!(doubt, Doubt::None) {
            // It is counted in what is parked for its study.
            return;
        }
        effects.push(Effect::Park(ParkedItem {
            id: state.new_id(),
            site: record.site.clone(),
            kind: ParkedKind::Instance,
            reason: reason.to_owned(),
            evidence,
            subject: subject.to_owned(),
            parked_at: state.now(),
        }));
    };
    if let Relation::UidConflict { differs } = &record.relation {
        park(CONFLICT, format!("sent by {}; differs in {}", record.source, differs.join(", ")));
    }
    if no_rule {
        park(NO_RULE, format!("sent by {}; no rule names a destination", record.source));
    }
    if let StudyMark::Mismatch { why, .. } = &record.mark {
        let evidence = format!("sent by {}: {why}", record.source);
        effects.push(state.journal(&record.site, subject, "mismatch", &evidence));
    }
    effects
}

fn ring(state: &State, wake: &[(routing::DestinationId, Priority)]) {
    for (destination, lane) in wake {
        if let Some(bell) = state.delivery_bell(destination) {
            bell.ring(*lane);
        }
    }
}

fn announce(state: &State, record: &InstanceRecord, decided: &Decided) {
    let (site, uid) = (&record.site, &record.sop_instance_uid);
    let (mark, wake) = (decided.mark, &decided.wake);
    ring(state, wake);
    onward::ring(state, &decided.tell);
    tracing::info!(
        %site, source = %record.source, sop_instance_uid = %uid, bytes = record.bytes, mark,
        destinations = wake.len(), "instance received"
    );
    if let Some(sources) = &decided.sent_twice {
        let study = study_of(record);
        let (one, other) = sources.titles();
        tracing::warn!(%site, study, %one, %other, "the study is sent twice; each instance is delivered once");
        state.tell(Event::StudySentTwice {
            site: site.clone(),
            study_instance_uid: study,
            sources: sources.clone(),
        });
    }
    doubt::announce(state, record, &decided.doubt);
    if let (Relation::UidConflict { differs }, Doubt::None) = (&record.relation, &decided.doubt) {
        tracing::warn!(
            %site, source = %record.source, sop_instance_uid = %uid,
            "uid conflict: same SOP Instance UID, other {}; both are kept", differs.join(", ")
        );
        state.tell(Event::UidConflict {
            site: site.clone(),
            sop_instance_uid: uid.clone(),
            differs: differs.clone(),
        });
    }
    if decided.no_rule {
        tracing::warn!(%site, sop_instance_uid = %uid, "no rule names a destination; the instance is kept");
        state.tell(Event::NoRule { site: site.clone(), sop_instance_uid: uid.clone() });
    }
    mark::announce(state, &decided.marked);
    state.tell(received(site, &record.source, uid, mark));
}

fn received(site: &SiteId, source: &AeTitle, uid: &Uid, mark: &'static str) -> Event {
    Event::InstanceReceived {
        site: site.clone(),
        source: source.clone(),
        sop_instance_uid: uid.clone(),
        mark,
    }
}

fn mark_name(mark: &StudyMark) -> &'static str {
    match mark {
        StudyMark::Matched { .. } => "matched",
        StudyMark::Mismatch { .. } => "mismatch",
        StudyMark::Unmatched => "unmatched",
    }
}

/// So often is decided in competition with others; then those let the study be.
const TRIES_BESIDE_OTHERS: usize = 4;

/// Why a version under a UID that another one has is parked.
pub(crate) const CONFLICT: &str = "uid conflict";

/// Why an instance that no rule wants is parked.
pub(crate) const NO_RULE: &str = "no rule";

#[cfg(test)]
mod tests;
