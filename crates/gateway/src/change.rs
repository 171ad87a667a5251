//! A change of a study as a whole: what is written, and what must hold for it.

use std::collections::BTreeMap;

use telerad_core::SiteId;
use telerad_routing as routing;
use telerad_routing::{DeliveryKey, DeliveryRecord, DeliveryState, Digest, StudyDecision};
use telerad_store::{Effect, Expectation, ParkedItem, ParkedKind};

use crate::deliver::{CONFLICT, FAILED, PARKED};

/// What was read, and what was decided on it.
pub(crate) struct Change<'a> {
    site: &'a SiteId,
    study_instance_uid: &'a str,
    study: Option<&'a StudyDecision>,
    before: BTreeMap<(&'a DeliveryKey, Digest), &'a DeliveryRecord>,
    decided: Vec<routing::Effect>,
}

impl<'a> Change<'a> {
    /// `before` are all deliveries of the study, or those of one instance; the UID is empty where there is no study.
    pub(crate) fn new(
        site: &'a SiteId,
        study_instance_uid: &'a str,
        study: Option<&'a StudyDecision>,
        before: &'a [DeliveryRecord],
        decided: Vec<routing::Effect>,
    ) -> Self {
        let before = before.iter().map(|known| ((&known.key, known.digest), known)).collect();
        Self { site, study_instance_uid, study, before, decided }
    }

    /// The deliveries as they are to be.
    pub(crate) fn after(&self) -> impl Iterator<Item = &DeliveryRecord> {
        self.decided.iter().filter_map(|effect| match effect {
            routing::Effect::PutDelivery(delivery) => Some(delivery),
            _ => None,
        })
    }

    /// Payloads that have to be kept again: of deliveries that were at their end, or were not there.
    pub(crate) fn wanted_again(&self) -> impl Iterator<Item = &Digest> {
        let waits = |it: &DeliveryRecord| {
            matches!(it.state, DeliveryState::Held { .. } | DeliveryState::Pending)
        };
        let again =
            move |after: &&DeliveryRecord| waits(after) && !self.known(after).is_some_and(waits);
        self.after().filter(again).map(|after| &after.digest)
    }

    /// All of it, or nothing when something came between.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        let site = self.site.clone();
        let study_instance_uid = self.study_instance_uid.to_owned();
        let revision = self.study.map_or(0, |study| study.revision);
        let mut effects =
            vec![Effect::Expect(Expectation::StudyRevision { site, study_instance_uid, revision })];
        // What was to be sent may have been sent, refused or parked meanwhile.
        let pending = self.after().filter(|after| {
            self.known(after).is_some_and(|known| known.state == DeliveryState::Pending)
        });
        effects.extend(
            pending.map(|after| Effect::Expect(Expectation::DeliveryPending(after.key.clone()))),
        );
        effects.extend(self.decided.iter().filter_map(|effect| match effect {
            routing::Effect::PutDelivery(delivery) => Some(Effect::Delivery(delivery.clone())),
            routing::Effect::FreezeStudy(study) | routing::Effect::PutStudy(study) => {
                Some(Effect::Study(study.clone()))
            }
            routing::Effect::Stick(member) => Some(Effect::Sticky(member.clone())),
            // No operation receives an instance.
            routing::Effect::PutInstance(_) => None,
        }));
        effects
    }

    /// That no instance of the study has come since.
    pub(crate) fn expect_all_known(&self) -> Effect {
        Effect::Expect(Expectation::DeliveriesOfStudy {
            site: self.site.clone(),
            study_instance_uid: self.study_instance_uid.to_owned(),
            count: self.before.len(),
        })
    }

    /// What items are about that wait for a person no longer.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let subjects = |it: &DeliveryRecord| {
            [it.key.sop_instance_uid.as_str().to_owned(), it.study_instance_uid.clone()]
        };
        self.released().flat_map(subjects).collect()
    }

    /// Ends the wait of what a person has now decided about, of the items about these subjects.
    pub(crate) fn unpark(&self, parked: &[ParkedItem]) -> Vec<Effect> {
        let decided: Vec<&DeliveryRecord> = self.released().collect();
        let is_about = |item: &ParkedItem, delivery: &DeliveryRecord| {
            let of_delivery = [CONFLICT, FAILED, PARKED].contains(&&*item.reason)
                && item.subject == delivery.key.sop_instance_uid.as_str();
            let of_study = item.reason == "study waits after an outage"
                && item.subject == delivery.study_instance_uid;
            let destination = delivery.key.destination.as_str();
            let rest = item.evidence.strip_prefix(destination);
            (of_delivery || of_study) && rest.is_some_and(|rest| rest.starts_with(": "))
        };
        parked
            .iter()
            .filter(|item| item.kind == ParkedKind::Instance)
            .filter(|item| decided.iter().any(|delivery| is_about(item, delivery)))
            .map(|item| Effect::Unpark { id: item.id.clone() })
            .collect()
    }

    /// The deliveries that waited for a person before, and do not after this.
    fn released(&self) -> impl Iterator<Item = &DeliveryRecord> {
        let waits = |it: &DeliveryRecord| {
            matches!(it.state, DeliveryState::Failed { .. } | DeliveryState::Parked { .. })
        };
        self.after().filter(move |after| !waits(after) && self.known(after).is_some_and(waits))
    }

    fn known(&self, after: &DeliveryRecord) -> Option<&DeliveryRecord> {
        self.before.get(&(&after.key, after.digest)).copied()
    }
}
