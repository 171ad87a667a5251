//! Is it the examination that was ordered?

use telerad_core::Code;

use super::{Attribute, Difference, ImageFacts, ReconcilePolicy, Severity};
use crate::query::fold;
use crate::{OrderRecord, ScheduledStep};

pub(super) fn compare(
    order: &OrderRecord,
    steps: &[ScheduledStep],
    image: &ImageFacts<'_>,
    policy: &ReconcilePolicy,
) -> Vec<Difference> {
    let rows = [
        modality(steps, &image.head.modality),
        procedure(order, steps, image.performed),
        requested_procedure(order, &image.head.requested_procedure_id),
        body_part(order, steps, &image.head.body_part, policy),
    ];
    rows.into_iter().flatten().collect()
}

/// What is made of images, or beside them, has a modality of its own, and is no other examination for that (PS3.3 section
/// C.7.3.1.1.1).
fn modality(steps: &[ScheduledStep], imaged: &str) -> Option<Difference> {
    let scheduled: Vec<&str> =
        steps.iter().map(|step| step.modality.as_str()).filter(|one| !one.is_empty()).collect();
    if scheduled.is_empty() || imaged.is_empty() || BESIDE.contains(&imaged) {
        return None;
    }
    let goes_with =
        |one: &&str| ALIKE.iter().any(|group| group.contains(one) && group.contains(&imaged));
    let (severity, statement) = if scheduled.contains(&imaged) {
        (Severity::Agree, "is as scheduled")
    } else if scheduled.iter().any(goes_with) {
        (Severity::Note, "is one that goes with the scheduled one")
    } else {
        (Severity::Warn, "is not the scheduled one")
    };
    let difference = Difference::new(Attribute::Modality, severity, statement);
    Some(difference.between(scheduled.join(", "), imaged))
}

/// Reports, presentations, segmentations, dose and documents.
const BESIDE: [&str; 16] = [
    "AU", "DOC", "FID", "KO", "OT", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN", "RTSTRUCT", "RWV",
    "SC", "SEG", "SMR", "SR",
];

/// Modalities that one scheduled step may bring, or that sites write for each other.
const ALIKE: [&[&str]; 5] =
    [&["CR", "DX", "RG"], &["RF", "XA"], &["CT", "NM", "PT"], &["MR", "PT"], &["IVUS", "US"]];

/// Scheduled codes against performed ones. A site may do something else than it was asked for, and both are kept.
fn procedure(
    order: &OrderRecord,
    steps: &[ScheduledStep],
    performed: &[Code],
) -> Option<Difference> {
    let is_coded = |code: &&Code| !code.value.is_empty();
    let scheduled: Vec<&Code> = steps
        .iter()
        .map(|step| &step.protocol)
        .chain([&order.order.procedure])
        .filter(is_coded)
        .collect();
    let performed: Vec<&Code> = performed.iter().filter(is_coded).collect();
    let same_scheme = |one: &Code, other: &Code| one.scheme.eq_ignore_ascii_case(&other.scheme);
    let comparable = |one: &&&Code| scheduled.iter().any(|other| same_scheme(one, other));
    let is_scheduled = |one: &&Code| {
        scheduled.iter().any(|other| same_scheme(one, other) && one.value == other.value)
    };
    let known: Vec<&Code> = performed.iter().filter(comparable).copied().collect();
    if known.is_empty() {
        return None;
    }
    let (severity, statement) = match known.iter().all(is_scheduled) {
        true => (Severity::Agree, "performed is as scheduled"),
        false => (Severity::Warn, "performed is not the scheduled one"),
    };
    let list = |codes: &[&Code]| {
        codes.iter().map(|code| code.value.as_str()).collect::<Vec<_>>().join(", ")
    };
    let difference = Difference::new(Attribute::ProcedureCode, severity, statement);
    Some(difference.between(list(&scheduled), list(&known)))
}

fn requested_procedure(order: &OrderRecord, imaged: &str) -> Option<Difference> {
    let ordered = &order.order.requested_procedure_id;
    if ordered.is_empty() || imaged.is_empty() {
        return None;
    }
    // Unique within its study or order only, and often derived: by itself it contradicts nothing.
    let (severity, statement) = match ordered == imaged {
        true => (Severity::Agree, "is equal"),
        false => (Severity::Note, "differs"),
    };
    let difference = Difference::new(Attribute::RequestedProcedureId, severity, statement);
    Some(difference.between(ordered, imaged))
}

/// (0018,0015) against what the order's codes mean by the site's own table; orders and images name body parts in
/// different vocabularies, so that without a table only equality is known.
fn body_part(
    order: &OrderRecord,
    steps: &[ScheduledStep],
    imaged: &str,
    policy: &ReconcilePolicy,
) -> Option<Difference> {
    let part_of = |text: &str| -> Option<String> {
        let text = fold::text(text.trim());
        let means = |words: &[String]| words.iter().any(|word| fold::text(word) == text);
        let row =
            policy.body_parts.iter().find(|(part, words)| fold::text(part) == text || means(words));
        row.map(|(part, _)| fold::text(part))
    };
    if imaged.trim().is_empty() {
        return None;
    }
    let of_steps = steps.iter().flat_map(|step| [step.body_site.as_str(), &step.protocol.value]);
    let names = of_steps.chain([order.order.procedure.value.as_str()]);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let plain = fold::text(imaged.trim());
    let (part, ordered) = (part_of(imaged), names.iter().filter_map(|name| part_of(name)));
    let ordered: Vec<String> = ordered.collect();
    let is_equal = names.iter().any(|name| fold::text(name) == plain)
        || part.as_ref().is_some_and(|part| ordered.contains(part));
    let (severity, statement) = match (is_equal, part.is_some() && !ordered.is_empty()) {
        (true, _) => (Severity::Agree, "is as ordered"),
        (false, true) => (Severity::Warn, "is not the ordered one"),
        (false, false) => return None,
    };
    let difference = Difference::new(Attribute::BodyPartExamined, severity, statement);
    Some(difference.between(ordered.join(", "), imaged))
}
