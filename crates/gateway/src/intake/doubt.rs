//! Versions of which nobody can tell whether they are one image.
//!
//! A PACS that forwards what a CT sent, compressed with loss or in a way that is not read here, makes a conflict of every
//! slice. Each is kept and parked with its evidence, but a person is told once for the study.

use telerad_routing::{self as routing, InstanceRecord, SourcePair, StudyDecision};
use telerad_store::Effect;

use super::study_of;
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

/// Notes in the study's decision that this is told, so that whoever decides at the same time finds it there.
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
    if study.not_compared.contains(&sources) {
        return Doubt::Told;
    }
    // A change of the study for another reason goes first; the next instance brings this up again.
    if effects.iter().any(|it| matches!(it, Effect::Study(_))) {
        return Doubt::None;
    }
    let cause = pixels.unknown().unwrap_or("they were not compared").to_owned();
    let (one, other) = sources.titles();
    let detail = format!(
        "{one} and {other} both send this study; whether their images are the same is not known: {cause}"
    );
    let uid = &study.study_instance_uid;
    effects.push(state.journal(&record.site, uid, "pixels not compared", &detail));
    let mut study = study.clone();
    study.not_compared.push(sources.clone());
    effects.push(Effect::Study(study));
    Doubt::First { sources, cause }
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
