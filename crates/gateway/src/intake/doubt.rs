//! Versions of which nobody can tell whether they are one image.
//!
//! A PACS that forwards what a CT sent, compressed with loss or in a way that is not read here, makes a conflict of every
//! slice. Each is kept, with a line of the journal; a person is told once for the study, and finds one parked item that
//! counts them.

use telerad_routing::{self as routing, InstanceRecord, NotCompared, SourcePair, StudyDecision};
use telerad_store::{Effect, ParkedItem, ParkedKind};

use super::{CONFLICT, study_of};
use crate::event::Event;
use crate::pixels::Comparison;
use crate::state::State;

/// Whether an instance is in conflict only because its pixels could not be compared.
pub(super) enum Doubt {
    /// The first of its study from these two sources, and why.
    First { sources: SourcePair, cause: String },
    /// It is not, or it is a conflict by itself.
    None,
    /// Its study was told of before.
    Told,
}

/// Counts it in the study's decision and in what is parked for it. Whoever decides at the same time is in conflict, and
/// counts on from there.
pub(super) fn note(
    state: &State,
    record: &InstanceRecord,
    known: &[InstanceRecord],
    study: Option<&StudyDecision>,
    pixels: &Comparison,
    effects: &mut Vec<Effect>,
) -> Doubt {
    let (Some(sources), Some(study)) = (routing::not_compared(record, known), study) else {
        return Doubt::None;
    };
    // Where the study is changed for another reason, both changes are one.
    let is_study = |effect: &Effect| matches!(effect, Effect::Study(_));
    let place = effects.iter().position(is_study).unwrap_or_else(|| {
        effects.push(Effect::Study(study.clone()));
        effects.len() - 1
    });
    let Some(Effect::Study(study)) = effects.get_mut(place) else { return Doubt::None };
    let uid = study.study_instance_uid.clone();
    let told = study.not_compared.iter().position(|it| it.sources == sources);
    let is_told = told.is_some();
    let number = told.unwrap_or(study.not_compared.len());
    if !is_told {
        let parked = String::new();
        let (sources, since) = (sources.clone(), state.now());
        study.not_compared.push(NotCompared { sources, instances: 0, parked, since });
    }
    let Some(doubt) = study.not_compared.get_mut(number) else { return Doubt::None };
    if doubt.parked.is_empty() {
        (doubt.parked, doubt.since) = (state.new_id(), state.now());
    }
    doubt.instances = doubt.instances.saturating_add(1);
    let doubt = doubt.clone();
    let cause = pixels.unknown().unwrap_or("they were not compared").to_owned();
    let (one, other) = sources.titles();
    let detail = format!(
        "{one} and {other} both send this study; whether their images are the same is not known: {cause}"
    );
    if !is_told {
        effects.push(state.journal(&record.site, &uid, "pixels not compared", &detail));
    }
    effects.push(Effect::Park(ParkedItem {
        id: doubt.parked,
        site: record.site.clone(),
        kind: ParkedKind::Instance,
        reason: CONFLICT.to_owned(),
        evidence: format!("{detail}; instances: {}", doubt.instances),
        subject: uid,
        parked_at: doubt.since,
    }));
    if is_told { Doubt::Told } else { Doubt::First { sources, cause } }
}

pub(super) fn announce(state: &State, record: &InstanceRecord, doubt: &Doubt) {
    let Doubt::First { sources, cause } = doubt else { return };
    let (site, uid, study) = (&record.site, &record.sop_instance_uid, study_of(record));
    let (one, other) = sources.titles();
    tracing::warn!(
        %site, study, sop_instance_uid = %uid, %one, %other,
        "uid conflict: pixels of two versions could not be compared: {cause}; all of both are kept"
    );
    state.tell(Event::PixelsNotCompared {
        site: site.clone(),
        sop_instance_uid: uid.clone(),
        study_instance_uid: study,
        sources: sources.clone(),
        cause: cause.clone(),
    });
}
