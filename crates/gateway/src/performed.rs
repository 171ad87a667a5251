//! Performed procedure steps in: a modality tells what it does (PS3.4 section F.7).
//!
//! What is answered with success is durable, with all that follows from it: the performed step, the scheduled steps that it
//! moves, what waits for a person, and what is passed on to the site's PACS or RIS. Everything is looked up and kept under
//! the caller's own site; a performed step of another site does not exist for it.

use telerad_accession::{Claim, search_keys};
use telerad_core::{SiteId, Uid};
use telerad_dicom::Status;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dimse::StatusDetail;
use telerad_net::dicom::{AssociationContext, NReply, NRequest, StepMessage};
use telerad_store::{Effect, ParkedItem, ParkedKind, StoreError};
use telerad_worklist::{
    Alert, Applied, Change, Creation, FindingCode, KnownPerformed, OrderKey, OrderRecord,
    PerformedStep, Refusal,
};

use crate::candidates::put_order;
use crate::configuration::Service;
use crate::event::Event;
use crate::onward;
use crate::state::{DECISIONS_MAX, State};

mod awaited;
pub(crate) mod relay;

pub(crate) use awaited::link_waiting;

/// Performs one N-CREATE or N-SET of a modality.
pub(crate) async fn serve(
    state: &State,
    context: &AssociationContext,
    request: NRequest,
) -> NReply {
    let caller = state.directory.caller(&context.calling).filter(|it| it.may(Service::Mpps));
    let Some(caller) = caller else { return Status::NOT_AUTHORIZED.into() };
    let message = match StepMessage::read(&request, DataSetLimits::default()) {
        Ok(message) => message,
        Err(refusal) => return *refusal,
    };
    let Ok(sop_instance_uid) = Uid::new(&request.sop_instance_uid) else {
        return Status::INVALID_SOP_INSTANCE.into();
    };
    let said = Said { site: &caller.site, context, sop_instance_uid, message, request: &request };
    for _ in 0..DECISIONS_MAX {
        match said.decide_and_commit(state).await {
            Ok(reply) => return reply,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => {
                tracing::error!(calling = %context.calling, "performed step not stored: {error}");
                return not_now("cannot store now; send again later");
            }
        }
    }
    not_now("record in use; send again later")
}

fn not_now(comment: &str) -> NReply {
    let detail = StatusDetail { comment: Some(comment.to_owned()), ..StatusDetail::default() };
    NReply { detail, ..Status::PROCESSING_FAILURE.into() }
}

/// One request on its way.
struct Said<'a> {
    site: &'a SiteId,
    context: &'a AssociationContext,
    sop_instance_uid: Uid,
    message: StepMessage,
    request: &'a NRequest,
}

impl Said<'_> {
    async fn decide_and_commit(&self, state: &State) -> Result<NReply, StoreError> {
        let (site, store) = (self.site, &state.environment.store);
        let rules = state.directory.performed_rules(site);
        let known = store.performed_step(site, &self.sop_instance_uid).await?;
        let applied = match &self.message {
            StepMessage::Create { attributes, .. } => {
                let uid = &self.sop_instance_uid;
                match Creation::read(uid, attributes, known.as_ref(), &rules) {
                    Ok(creation) => self.create(state, creation).await?,
                    Err(refusal) => return self.refuse(state, refusal).await,
                }
            }
            StepMessage::Set { attributes, .. } => {
                match Change::read(attributes, known.as_ref(), &rules) {
                    Ok(change) => {
                        let orders = store.orders(site, &change.order_keys()).await?;
                        let others = others(state, site, &orders).await?;
                        let known = KnownPerformed { step: known.clone(), orders, others };
                        change.apply(&known, state.now())
                    }
                    Err(refusal) => return self.refuse(state, refusal).await,
                }
            }
        };
        let is_news = known.is_none_or(|before| before.status != applied.step.status);
        self.commit(state, applied, is_news).await
    }

    async fn create(&self, state: &State, creation: Creation) -> Result<Applied, StoreError> {
        let (site, store) = (self.site, &state.environment.store);
        let policy = state.directory.accession_policy(site);
        let of_study = creation
            .study_instance_uids()
            .into_iter()
            .map(|study| Claim { study_instance_uid: Some(study), ..Claim::default() });
        let of_number = creation
            .accession_numbers()
            .into_iter()
            .map(|number| Claim { accession: Some(number), ..Claim::default() });
        let mut orders: Vec<OrderRecord> = Vec::new();
        for claim in of_study.chain(of_number) {
            for order in store.orders_by_search(site, &search_keys(&claim, &policy)).await? {
                if orders.iter().all(|known| known.key != order.key) {
                    orders.push(order);
                }
            }
        }
        let patients = store.patients(site, &creation.patient_ids()).await?;
        let others = others(state, site, &orders).await?;
        let known = KnownPerformed { step: None, orders, others };
        Ok(creation.apply(&known, &patients, state.now()))
    }

    /// Makes everything durable that follows, then tells of it.
    async fn commit(
        &self,
        state: &State,
        applied: Applied,
        is_news: bool,
    ) -> Result<NReply, StoreError> {
        let (site, step) = (self.site, &applied.step);
        let uid = step.sop_instance_uid.as_str();
        let status = step.status.as_dicom();
        let findings: Vec<String> = applied.findings.iter().map(ToString::to_string).collect();
        let detail = format!("{status}, from {}; {}", self.context.calling, findings.join("; "));
        let mut effects = vec![state.journal(site, uid, "performed step", &detail)];
        for key in step.order_keys().iter().filter(|_| is_news) {
            let detail = format!("{status}: {uid}");
            effects.push(state.journal(site, key.as_str(), "performed step", &detail));
        }
        let mut events = Vec::new();
        for alert in &applied.alerts {
            let (items, event) = parked(state, step, alert);
            effects.extend(items);
            events.push(event);
        }
        let passed_on = relay::effects(state, site, &self.sop_instance_uid, self.request);
        let wake: Vec<String> = passed_on.iter().map(|it| it.destination.clone()).collect();
        effects.extend(passed_on.into_iter().map(Effect::Outbound));
        let onward = onward::queue_orders(state, site, uid, &applied.orders).await?;
        effects.extend(onward.effects);
        let policy = state.directory.accession_policy(site);
        effects.extend(applied.orders.into_iter().map(|record| put_order(record, &policy)));
        for finding in applied.findings.iter().filter(|it| it.code == FindingCode::Disagreement) {
            events.push(Event::PerformedOtherwise {
                site: site.clone(),
                sop_instance_uid: step.sop_instance_uid.clone(),
                finding: finding.to_string(),
            });
        }
        let (site, sop_instance_uid) = (site.clone(), step.sop_instance_uid.clone());
        effects.push(Effect::PerformedStep(applied.step));
        state.commit(effects).await?;
        onward::ring(state, &onward.wake);
        tracing::info!(calling = %self.context.calling, %sop_instance_uid, status, "performed step");
        if is_news {
            state.tell(Event::PerformedStep { site, sop_instance_uid, status });
        }
        for event in events {
            state.tell(event);
        }
        for bell in wake.iter().filter_map(|receiver| state.receiver_bell(receiver)) {
            bell.notify_one();
        }
        Ok(Status::SUCCESS.into())
    }

    /// Nothing changes; the journal says that it was asked for.
    async fn refuse(&self, state: &State, refusal: Refusal) -> Result<NReply, StoreError> {
        let uid = self.sop_instance_uid.as_str();
        let detail = format!("from {}: {refusal}", self.context.calling);
        state
            .commit(vec![state.journal(self.site, uid, "performed step refused", &detail)])
            .await?;
        tracing::warn!(calling = %self.context.calling, uid, "performed step refused: {refusal}");
        state.tell(Event::PerformedStepRefused {
            site: self.site.clone(),
            sop_instance_uid: self.sop_instance_uid.clone(),
            calling: self.context.calling.clone(),
            status: refusal.status.code(),
            reason: refusal.comment,
        });
        let detail = StatusDetail {
            comment: Some(refusal.comment.to_owned()),
            error_id: refusal.error_id,
            attributes: refusal.attributes,
            ..StatusDetail::default()
        };
        Ok(NReply { detail, ..refusal.status.into() })
    }
}

/// The performed steps that are linked with these orders, each once.
async fn others(
    state: &State,
    site: &SiteId,
    orders: &[OrderRecord],
) -> Result<Vec<PerformedStep>, StoreError> {
    let mut others: Vec<PerformedStep> = Vec::new();
    for order in orders {
        for step in state.environment.store.performed_steps_of_order(site, &order.key).await? {
            if others.iter().all(|known| known.sop_instance_uid != step.sop_instance_uid) {
                others.push(step);
            }
        }
    }
    Ok(others)
}

/// What a person finds among what waits, and what is told.
fn parked(state: &State, step: &PerformedStep, alert: &Alert) -> (Vec<Effect>, Event) {
    let item = |reason: &str, subject: &str| {
        let orders: Vec<OrderKey> = step.order_keys();
        let orders: Vec<&str> = orders.iter().map(OrderKey::as_str).collect();
        Effect::Park(ParkedItem {
            id: state.new_id(),
            site: step.site.clone(),
            kind: ParkedKind::PerformedStep,
            reason: reason.to_owned(),
            evidence: format!(
                "performed step {}; orders {orders:?}",
                step.sop_instance_uid.as_str()
            ),
            subject: subject.to_owned(),
            parked_at: state.now(),
        })
    };
    let (site, sop_instance_uid) = (step.site.clone(), step.sop_instance_uid.clone());
    match alert {
        Alert::Suspect(reason) => {
            let items = vec![item(reason, sop_instance_uid.as_str())];
            let reason = reason.clone();
            (items, Event::PerformedStepParked { site, sop_instance_uid, reason })
        }
        Alert::WrongEntry(studies) => {
            let items = studies.iter().map(|study| item(WRONG_ENTRY, study.as_str())).collect();
            let study_instance_uids = studies.clone();
            (items, Event::WrongEntrySelected { site, sop_instance_uid, study_instance_uids })
        }
    }
}

/// Why a study waits for a person whose modality's staff had selected the wrong entry (DCM 110514). The study itself goes
/// out as its rules say.
const WRONG_ENTRY: &str = "incorrect worklist entry selected: the study is to be corrected";
