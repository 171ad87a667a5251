//! What follows from an instance that has come.

use telerad_core::{Priority, Timestamp};

use crate::{
    Cancellation, DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, GroupFacts, GroupId,
    Hold, InstanceRecord, NotWantedReason, Relation, RuleSet, StickyMember, StudyDecision,
    sticky_patient,
};

/// Everything that decides what follows from an instance.
pub struct Intake<'a> {
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// The instance, with its relation to `known` filled in by [`crate::relate`].
    pub instance: InstanceRecord,
    /// The decision of its study, when one was made.
    pub study: Option<&'a StudyDecision>,
    /// The versions kept under its UID.
    pub known: &'a [InstanceRecord],
    /// The deliveries of the instance that were queued before, in any state.
    pub queued: &'a [DeliveryRecord],
    /// The time of the decision.
    pub now: Timestamp,
    /// Its lane, by [`crate::lane`].
    pub priority: Priority,
    /// What there is to know of groups, for rules that name one.
    pub groups: GroupFacts<'a>,
}

/// What to write, in one transaction, before the instance is acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub struct IntakeDecision {
    /// What to write; usually empty for a repeated transmission, whose records are all there already.
    pub effects: Vec<Effect>,
    /// How the instance stands to the versions before it.
    pub relation: Relation,
    /// No rule wants it: it is kept, parked, and a person is told.
    pub no_rule: bool,
    /// Why the instance must be parked for a person, when it must; without patient data.
    pub parked: Option<String>,
    /// What else a person may want to know, without patient data.
    pub findings: Vec<String>,
}

/// A record to write.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful of effects live for one call")]
pub enum Effect {
    /// The version of the instance.
    PutInstance(InstanceRecord),
    /// The decision of its study; it must not exist yet.
    FreezeStudy(StudyDecision),
    /// A delivery to make, or what became of one.
    PutDelivery(DeliveryRecord),
    /// A decision that exists already, changed; it carries the revision it was read at.
    PutStudy(StudyDecision),
    /// The member of a group that a patient's next study goes to.
    Stick(StickyMember),
}

/// Decides what follows from an instance.
///
/// * First under its UID: it is kept, and one delivery is queued per destination of its study. The first instance
///   of a study that any rule wants decides the destinations for the whole study; later ones follow that decision
///   whatever the rules say by then.
/// * Repeated: nothing is written, and it may be acknowledged, since everything it would write is durable. Only where
///   no rule had wanted it and one does now, or did for a later instance of its study, it is queued.
/// * Variant: kept, not delivered again.
/// * UID conflict: kept and parked. No delivery is written: the delivery of the first version has the same key and
///   must not be disturbed.
/// * Wanted by no rule: kept and parked. Such an instance decides nothing for its study, since an empty decision
///   would withhold the images that follow.
pub fn decide(intake: Intake<'_>) -> IntakeDecision {
    let Intake { rules, mut instance, study, known, queued, now, priority, groups } = intake;
    let kept = known.iter().find(|old| old.digest == instance.digest);
    if kept.is_some() {
        instance.relation = Relation::Repeated;
    }
    let mut decision = IntakeDecision {
        effects: Vec::new(),
        relation: instance.relation.clone(),
        no_rule: false,
        parked: None,
        findings: Vec::new(),
    };
    match &instance.relation {
        Relation::Repeated => {
            decision.findings.push("repeated transmission".to_owned());
            if kept.is_some_and(|kept| kept.relation == Relation::First) {
                decision.effects =
                    owed(plan(rules, &instance, study, now, priority, groups), queued);
            }
        }
        Relation::Variant => {
            decision.findings.push("variant of a kept instance, not delivered again".to_owned());
            decision.effects.push(Effect::PutInstance(instance));
        }
        Relation::UidConflict { differs } => {
            let what = differs.join(", ");
            decision.parked = Some(format!("same SOP instance UID, different {what}"));
            decision.effects.push(Effect::PutInstance(instance));
        }
        Relation::First => {
            let plan = plan(rules, &instance, study, now, priority, groups);
            decision.no_rule = plan.deliveries.is_empty();
            decision.parked = decision.no_rule.then(|| "no rule wants it".to_owned());
            if instance.head.study_instance_uid.is_none() {
                let text = "no study instance UID: decided for itself alone";
                decision.findings.push(text.to_owned());
            }
            decision.effects.push(Effect::PutInstance(instance));
            decision.effects.extend(plan.effects());
        }
    }
    decision
}

/// The deliveries that a study's decision asks for one of its instances.
///
/// Also what is owed to instances that came before their study was decided.
pub fn deliveries(
    study: &StudyDecision,
    instance: &InstanceRecord,
    now: Timestamp,
    priority: Priority,
) -> Vec<DeliveryRecord> {
    let delivery = |destination: &DestinationId| DeliveryRecord {
        key: DeliveryKey {
            site: instance.site.clone(),
            sop_instance_uid: instance.sop_instance_uid.clone(),
            destination: destination.clone(),
        },
        digest: instance.digest,
        study_instance_uid: study.study_instance_uid.clone(),
        sop_class_uid: instance.sop_class_uid.clone(),
        transfer_syntax_uid: instance.transfer_syntax_uid.clone(),
        bytes: instance.bytes,
        source: instance.source.clone(),
        mark: instance.mark.clone(),
        // An order that arrives late may make the rest of a study more urgent, never less.
        priority: priority.min(study.priority),
        queued_at: now,
        not_before: now,
        attempts: 0,
        state: state(study, destination),
        last_fault: None,
        group: group_of(study, destination),
        round: 0,
        unknown_since: None,
    };
    study.destinations.iter().map(delivery).collect()
}

/// The group that a destination of a study was chosen from.
pub(crate) fn group_of(study: &StudyDecision, destination: &DestinationId) -> Option<GroupId> {
    let chosen = study.groups.iter().find(|choice| choice.member == *destination);
    chosen.map(|choice| choice.group.clone())
}

/// How a delivery of the study begins: as people have decided for all of it.
pub(crate) fn state(study: &StudyDecision, destination: &DestinationId) -> DeliveryState {
    let cancelled = study.cancelled.iter().find(|it| it.destination == *destination);
    if let Some(Cancellation { by, at, .. }) = cancelled {
        let reason = NotWantedReason::Cancelled { by: by.clone(), at: *at };
        return DeliveryState::NotWanted { reason };
    }
    match &study.held {
        Some(Hold { by, at }) => DeliveryState::Held { by: by.clone(), at: *at },
        None => DeliveryState::Pending,
    }
}

/// What a repeated instance is still owed: no rule wanted it when it came first, so that it was not queued. Sending it
/// again after the rules were mended is how people put that right.
fn owed(mut plan: Plan, queued: &[DeliveryRecord]) -> Vec<Effect> {
    plan.deliveries.retain(|wanted| queued.iter().all(|known| known.key != wanted.key));
    if plan.deliveries.is_empty() { Vec::new() } else { plan.effects() }
}

/// What a study's decision, made before or made now, asks for one instance.
struct Plan {
    freeze: Option<StudyDecision>,
    deliveries: Vec<DeliveryRecord>,
    sticky: Vec<StickyMember>,
}

impl Plan {
    fn effects(self) -> Vec<Effect> {
        let freeze = self.freeze.into_iter().map(Effect::FreezeStudy);
        let sticky = self.sticky.into_iter().map(Effect::Stick);
        freeze.chain(self.deliveries.into_iter().map(Effect::PutDelivery)).chain(sticky).collect()
    }
}

fn plan(
    rules: &RuleSet,
    instance: &InstanceRecord,
    study: Option<&StudyDecision>,
    now: Timestamp,
    priority: Priority,
    groups: GroupFacts<'_>,
) -> Plan {
    let uid = instance.head.study_instance_uid.as_ref();
    let study_instance_uid = uid.map_or_else(String::new, |uid| uid.as_str().to_owned());
    // A decision of another study would send a patient's images where they do not belong.
    let frozen = study.filter(|study| {
        study.site == instance.site && study.study_instance_uid == study_instance_uid
    });
    if let Some(frozen) = frozen {
        let deliveries = deliveries(frozen, instance, now, priority);
        return Plan { freeze: None, deliveries, sticky: Vec::new() };
    }
    let wanted = rules.wanted(instance, now);
    if wanted.destinations.is_empty() {
        return Plan { freeze: None, deliveries: Vec::new(), sticky: Vec::new() };
    }
    let resolved =
        groups.resolve(&wanted.destinations, &instance.site, sticky_patient(&instance.head), now);
    let fresh = StudyDecision {
        site: instance.site.clone(),
        study_instance_uid,
        rule_set_version: rules.version(),
        decided_at: now,
        rules: wanted.rules,
        destinations: resolved.destinations,
        priority,
        held: None,
        cancelled: Vec::new(),
        groups: resolved.choices,
        sent_twice: Vec::new(),
        not_compared: Vec::new(),
        mark: Some(instance.mark.clone()),
        revision: 0,
    };
    let deliveries = deliveries(&fresh, instance, now, priority);
    Plan { freeze: uid.map(|_| fresh), deliveries, sticky: resolved.sticky }
}
