//! Moving whole studies to another member of their group when theirs is down for long.

use std::time::Duration;

use telerad_core::{Priority, SiteId, Uid};
use telerad_net::Shutdown;
use telerad_routing::{
    self as routing, DeliveryRecord, DeliveryState, DestinationGroup, DestinationId, GroupId,
    StudyDecision, move_study, sticky_patient,
};
use telerad_store::payload::PayloadHold;
use telerad_store::{Effect, Expectation, ParkedItem, ParkedKind, StoreError};

use crate::event::Event;
use crate::state::{DECISIONS_MAX, State};

/// Moves studies for as long as the gateway runs.
pub(super) async fn run(state: &State, shutdown: &Shutdown) {
    while !shutdown.is_requested() {
        let pause = match pass(state, shutdown).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!("cannot move studies: {error}");
                LOOK_AGAIN
            }
        };
        let clock = &state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause);
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = state.health.changed() => {}
            () = wake => {}
        }
    }
}

/// Moves what has to move now. How long until something may have to.
async fn pass(state: &State, shutdown: &Shutdown) -> Result<Duration, StoreError> {
    let (down, now) = (state.health.down(), state.now());
    let mut pause = LONGEST;
    for group in &state.groups {
        for (member, since) in &down {
            if !group.members().contains(member) {
                continue;
            }
            match group.failover(member, &down, now) {
                Some(to) => {
                    move_all(state, shutdown, group, member, to).await?;
                    pause = pause.min(LOOK_AGAIN);
                }
                None => {
                    let left = group.failover_after().saturating_sub(now.since(*since));
                    pause = pause.min(if left.is_zero() { NOBODY_ELSE } else { left });
                }
            }
        }
    }
    Ok(pause)
}

/// Moves every study of which something still waits for a member.
async fn move_all(
    state: &State,
    shutdown: &Shutdown,
    group: &DestinationGroup,
    from: &DestinationId,
    to: &DestinationId,
) -> Result<(), StoreError> {
    let mut after: Option<(SiteId, String)> = None;
    loop {
        let last = after.as_ref().map(|(site, study)| (site, study.as_str()));
        let studies = state.environment.store.pending_studies(from, last, PAGE).await?;
        let Some(last) = studies.last().cloned() else { return Ok(()) };
        for (site, study) in &studies {
            if shutdown.is_requested() {
                return Ok(());
            }
            if !study.is_empty() {
                move_one(state, group.id(), (site, study), from, to).await?;
            }
        }
        after = Some(last);
    }
}

async fn move_one(
    state: &State,
    group: &GroupId,
    (site, uid): (&SiteId, &str),
    from: &DestinationId,
    to: &DestinationId,
) -> Result<(), StoreError> {
    let wish = Wish { group, site, uid, from, to };
    if wish.decide(state).await?.is_none() {
        // Nobody has to wait for it.
        return Ok(());
    }
    // Else something would come between all the time while the study comes in: instances that are queued at this very moment
    // for the member that is down, and people.
    let _turn = state.turns.take(site, uid).await;
    for _ in 0..DECISIONS_MAX {
        let Some(decided) = wish.decide(state).await? else { return Ok(()) };
        match wish.write(state, decided).await {
            // What was being written when the turn was taken has come between.
            Err(StoreError::Conflict { .. }) => {}
            other => return other,
        }
    }
    // It is looked at again with the next pass.
    Ok(())
}

/// One study that is to move.
struct Wish<'a> {
    group: &'a GroupId,
    site: &'a SiteId,
    uid: &'a str,
    from: &'a DestinationId,
    to: &'a DestinationId,
}

/// What was read, and what was decided on it.
struct Decided {
    revision: u64,
    deliveries: Vec<DeliveryRecord>,
    moved: Vec<routing::Effect>,
    /// Where it goes.
    to: DestinationId,
}

impl Wish<'_> {
    /// `None` when there is nothing to move.
    async fn decide(&self, state: &State) -> Result<Option<Decided>, StoreError> {
        let (store, site, uid) = (&state.environment.store, self.site, self.uid);
        let Some(study) = store.study(site, uid).await? else { return Ok(None) };
        let deliveries = store.deliveries_of_study(site, uid).await?;
        let as_it_was = as_it_was(&study, &deliveries, self.group, self.from, self.to);
        let Some((study, to)) = as_it_was else { return Ok(None) };
        let any = match deliveries.first() {
            Some(any) => store.versions(site, &any.key.sop_instance_uid).await?.into_iter().next(),
            None => None,
        };
        let patient = any.as_ref().and_then(|instance| sticky_patient(&instance.head));
        let moved = move_study(&study, &deliveries, self.group, &to, patient, state.now());
        let revision = study.revision;
        Ok((!moved.is_empty()).then_some(Decided { revision, deliveries, moved, to }))
    }

    async fn write(&self, state: &State, decided: Decided) -> Result<(), StoreError> {
        let (site, uid, from) = (self.site, self.uid, self.from);
        let Decided { revision, deliveries, moved, to } = decided;
        let study_instance_uid = || uid.to_owned();
        let mut effects = vec![
            Effect::Expect(Expectation::StudyRevision {
                site: site.clone(),
                study_instance_uid: study_instance_uid(),
                revision,
            }),
            Effect::Expect(Expectation::DeliveriesOfStudy {
                site: site.clone(),
                study_instance_uid: study_instance_uid(),
                count: deliveries.len(),
            }),
            state.journal(
                site,
                uid,
                "study moved",
                &format!("from {from} to {to}: {from} is down"),
            ),
        ];
        let moves = match Move::of(state, moved, &deliveries, from).await {
            Ok(moves) => moves,
            Err(error) => {
                tracing::error!(study_instance_uid = uid, "not moved now: {error}");
                return Ok(());
            }
        };
        let Move { effects: moves, lane, held: _held, parked } = moves;
        effects.extend(moves);
        state.commit(effects).await?;
        tracing::warn!(study_instance_uid = uid, %from, %to, "study moved");
        if let Some(bell) = state.delivery_bell(from) {
            bell.change();
        }
        if let Some(bell) = state.delivery_bell(&to) {
            bell.ring(lane);
        }
        state.tell(Event::StudyMoved {
            site: site.clone(),
            study_instance_uid: study_instance_uid(),
            from: from.clone(),
            to: to.clone(),
        });
        for sop_instance_uid in parked {
            let (destination, cause) = (to.clone(), NO_LONGER_KEPT.to_owned());
            state.tell(Event::InstanceFailed { destination, sop_instance_uid, cause });
        }
        Ok(())
    }
}

/// A move as it is written.
struct Move {
    effects: Vec<Effect>,
    /// Payloads that are kept until the rows which name them are durable.
    held: Vec<PayloadHold>,
    /// The most urgent lane of what has to be sent.
    lane: Priority,
    /// What cannot be sent any more.
    parked: Vec<Uid>,
}

impl Move {
    /// # Errors
    /// When it cannot be told whether a payload is still kept.
    async fn of(
        state: &State,
        moved: Vec<routing::Effect>,
        deliveries: &[DeliveryRecord],
        from: &DestinationId,
    ) -> std::io::Result<Self> {
        let (effects, held, parked) = (Vec::new(), Vec::new(), Vec::new());
        let mut this = Self { effects, held, lane: Priority::Low, parked };
        for effect in moved {
            match effect {
                routing::Effect::PutStudy(study) => this.effects.push(Effect::Study(study)),
                routing::Effect::PutDelivery(mut delivery) => {
                    if delivery.key.destination == *from {
                        // What was sent in this moment stays sent, and the move is decided again.
                        this.effects.extend(still_pending(deliveries, &delivery));
                    } else {
                        this.lane = this.lane.min(delivery.priority);
                        // What the other member had may have been removed since.
                        match state.environment.payloads.hold(&delivery.digest).await? {
                            Some(hold) => this.held.push(hold),
                            None => {
                                this.effects.push(park(state, &mut delivery));
                                this.parked.push(delivery.key.sop_instance_uid.clone());
                            }
                        }
                    }
                    this.effects.push(Effect::Delivery(delivery));
                }
                routing::Effect::Stick(member) => this.effects.push(Effect::Sticky(member)),
                // A study that moves brings no new instance and no first decision.
                routing::Effect::FreezeStudy(_) | routing::Effect::PutInstance(_) => {}
            }
        }
        Ok(this)
    }
}

/// What cannot be sent any more waits for a person, who can ask its source for it.
fn park(state: &State, delivery: &mut DeliveryRecord) -> Effect {
    let reason = NO_LONGER_KEPT.to_owned();
    let evidence = format!("{}: {reason}", delivery.key.destination);
    delivery.state = DeliveryState::Parked { reason };
    Effect::Park(ParkedItem {
        id: state.new_id(),
        site: delivery.key.site.clone(),
        kind: ParkedKind::Instance,
        reason: "delivery parked".to_owned(),
        evidence,
        subject: delivery.key.sop_instance_uid.as_str().to_owned(),
        parked_at: state.now(),
    })
}

fn still_pending(deliveries: &[DeliveryRecord], moved: &DeliveryRecord) -> Option<Effect> {
    let mut same = deliveries.iter().filter(|it| it.key == moved.key);
    let was_pending = same.any(|it| it.state == DeliveryState::Pending);
    was_pending.then(|| Effect::Expect(Expectation::DeliveryPending(moved.key.clone())))
}

/// The study as it has to be moved, and where: an instance that was queued at the very moment when its study moved has
/// to follow it.
fn as_it_was(
    study: &StudyDecision,
    deliveries: &[DeliveryRecord],
    group: &GroupId,
    from: &DestinationId,
    to: &DestinationId,
) -> Option<(StudyDecision, DestinationId)> {
    let choice = study.groups.iter().find(|choice| choice.group == *group)?;
    if choice.member == *from {
        return Some((study.clone(), to.clone()));
    }
    let is_late = |it: &DeliveryRecord| {
        it.key.destination == *from
            && it.group.as_ref() == Some(group)
            && it.state == DeliveryState::Pending
    };
    if study.destinations.contains(from) || !deliveries.iter().any(is_late) {
        return None;
    }
    let now_at = choice.member.clone();
    let mut before = study.clone();
    for choice in before.groups.iter_mut().filter(|choice| choice.group == *group) {
        choice.member = from.clone();
        choice.direct = false;
    }
    before.destinations.push(from.clone());
    Some((before, now_at))
}

const NO_LONGER_KEPT: &str = "its data set is no longer kept: its source has to send it again";
/// Studies looked at between two reads.
const PAGE: usize = 256;
/// While a member is down, what has newly come is looked for this often.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// A member whose time is over while nobody can take its place is looked at this often.
const NOBODY_ELSE: Duration = Duration::from_secs(60);
/// Nothing is down; a change would wake us.
const LONGEST: Duration = Duration::from_secs(3600);
