//! ADT messages about who is who: each row of the table of events, each rule of safety, and undoing.

use proptest::prelude::*;
use telerad_core::{EntityIdentifier, Issuer, PatientId, SiteId, Timestamp};
use telerad_dicom::tags;
use telerad_worklist::{
    Disposition, InverseMerge, MergedIdentifier, OrderRecord, PatientRecord, Rejection, UndoError,
    undo_merge,
};

use crate::adt::{adt, order};
use crate::{Site, findings, identifier};

/// `value@authority` as an identifier; NORTH-MRN where none is named, none at all after a bare `@`.
fn id(text: &str) -> PatientId {
    let (value, authority) = text.split_once('@').unwrap_or((text, "NORTH-MRN"));
    PatientId::new(value, Issuer::local(authority).ok()).unwrap()
}

fn cx(text: &str) -> String {
    let (value, authority) = text.split_once('@').unwrap_or((text, "NORTH-MRN"));
    format!("{value}^^^{authority}")
}

fn pid(text: &str) -> String {
    let name = text.split('@').next().unwrap_or(text);
    format!("{}||{name}^Test||19700102|F", cx(text))
}

fn merge(event: &str, prior: &str, surviving: &str) -> String {
    adt(event, &pid(surviving), &format!("MRG|{}", cx(prior)))
}

/// A site where each of these patients is registered and has an order, named after the patient.
fn site(patients: &[&str]) -> Site {
    let mut site = Site::new();
    site.mapping.patient_authority = None;
    for patient in patients {
        assert_eq!(site.send(&adt("A04", &pid(patient), "")).disposition, Disposition::Applied);
        let accession = patient.replace('@', "-");
        site.send(&order(&accession, &pid(patient), "PV1||I|W^1^A||||||||||||||||V1"));
    }
    site
}

fn record<'a>(site: &'a Site, text: &str) -> &'a PatientRecord {
    let id = id(text);
    let mut found = site.known.patients.iter().filter(|it| it.patient.primary_id() == Some(&id));
    found.next().unwrap()
}

/// Whose an order is.
#[track_caller]
fn check_owner(site: &Site, accession: &str, expected: &str) {
    let order = site.known.orders.iter().find(|it| it.order.accession.value() == accession);
    assert_eq!(order.unwrap().order.patient.primary_id(), Some(&id(expected)), "{accession}");
}

/// Everything that the site says, but for how often and when it was written.
fn said(site: &Site) -> (Vec<PatientRecord>, Vec<OrderRecord>) {
    let at = Timestamp::from_micros(0);
    let current = site.known.patients.iter().filter(|record| !record.is_void);
    let patients = current.map(|it| PatientRecord { revision: 0, updated_at: at, ..it.clone() });
    let orders = site.known.orders.iter();
    let orders = orders.map(|it| OrderRecord { revision: 0, updated_at: at, ..it.clone() });
    let (mut patients, mut orders): (Vec<_>, Vec<_>) = (patients.collect(), orders.collect());
    patients.sort_by(|a, b| a.patient.ids.cmp(&b.patient.ids));
    orders.sort_by(|a, b| a.key.cmp(&b.key));
    (patients, orders)
}

fn undo(site: &mut Site, prior: &str) -> Result<(), UndoError> {
    let known = site.known.clone();
    let effects = undo_merge(&id(prior), &known, &site.mapping, Timestamp::from_micros(9))?;
    effects.into_iter().for_each(|effect| site.write(effect));
    Ok(())
}

#[track_caller]
fn check_parked(site: &mut Site, text: &str, reason: &str) {
    let before = site.known.clone();
    let outcome = site.send(text);
    assert_eq!(outcome.disposition, Disposition::Parked(reason.to_owned()));
    assert!(site.known == before);
}

/// A message that is refused, when it is read or when it is applied.
#[track_caller]
fn check_rejected(site: &mut Site, text: &str, condition: u16, location: &str) {
    let before = site.known.clone();
    let refused: Rejection = match site.try_send(text) {
        Err(refused) => refused,
        Ok(outcome) => match outcome.disposition {
            Disposition::Rejected(refused) => refused,
            other => panic!("{other:?}"),
        },
    };
    assert_eq!((refused.condition, refused.location.as_str()), (condition, location));
    assert!(site.known == before);
}

#[test]
fn a_merge_moves_the_orders_and_shows_the_surviving_patient() {
    for event in ["A40", "A34", "A39", "A18", "A30", "A36"] {
        let mut site = site(&["A", "B"]);
        let outcome = site.send(&merge(event, "A", "B"));
        assert_eq!(outcome.disposition, Disposition::Applied, "{event}");
        check_owner(&site, "A", "B");
        check_owner(&site, "B", "B");
        let query = identifier(&[(tags::PATIENT_NAME, ""), (tags::PATIENT_ID, "")], &[]);
        for answer in site.ask(&query) {
            assert_eq!(answer.text(tags::PATIENT_NAME).as_deref(), Some("B^Test"));
            assert_eq!(answer.text(tags::PATIENT_ID).as_deref(), Some("B"));
        }
        let prior = record(&site, "A");
        assert_eq!(prior.merged_into, Some(id("B")));
        assert_eq!(prior.patient.name.to_dicom(), "A^Test");
        let moved = prior.merge.as_ref().unwrap();
        assert_eq!(
            (moved.moved.len(), moved.control_id.as_str()),
            (1, format!("M{event}").as_str())
        );
        assert_eq!(record(&site, "B").aliases, [id("A")]);
        // The same merge again changes nothing.
        assert_eq!(site.send(&merge(event, "A", "B")).disposition, Disposition::NoChange);
    }
}

#[test]
fn a_merge_of_2_3_names_the_prior_patient_in_mrg_4() {
    let mut site = site(&["A", "B"]);
    site.send(&adt("A34", &pid("B"), "MRG||||A^^^NORTH-MRN"));
    check_owner(&site, "A", "B");
}

#[test]
fn what_is_merged_into_itself_is_rejected() {
    check_rejected(&mut site(&["A"]), &merge("A40", "A", "A"), 205, "MRG^1^1");
    // One that is listed among those that survive does not end.
    let both = pid("B").replace("||B^Test", "~A^^^NORTH-MRN||B^Test");
    let text = adt("A40", &both, "MRG|A^^^NORTH-MRN");
    check_rejected(&mut site(&["A", "B"]), &text, 205, "MRG^1^1");
}

#[test]
fn equal_numbers_of_two_authorities_are_two_patients() {
    let mut site = site(&["A", "B", "A@SOUTH-MRN"]);
    site.send(&merge("A40", "A", "B"));
    check_owner(&site, "A", "B");
    check_owner(&site, "A-SOUTH-MRN", "A@SOUTH-MRN");
    assert!(record(&site, "A@SOUTH-MRN").is_current());
}

#[test]
fn identifiers_of_two_authorities_are_not_merged_by_guessing() {
    let reason = "ADT^A40: prior and surviving identifier have no authority in common, or several";
    let mut site = site(&["A@SOUTH-MRN", "B"]);
    check_parked(&mut site, &merge("A40", "A@SOUTH-MRN", "B"), reason);
}

#[test]
fn a_missing_authority_is_not_any_authority() {
    let reason = "the identifier is known under several authorities, or under none: whose it is \
                  cannot be told";
    let mut both = site(&["A", "A@SOUTH-MRN", "B"]);
    check_parked(&mut both, &merge("A40", "A@", "B"), reason);
    let mut none = site(&["A@", "A", "B"]);
    check_parked(&mut none, &merge("A40", "A@", "B"), reason);
    check_parked(&mut none, &merge("A40", "A", "B"), reason);
    // With one candidate it is clear, and said.
    let mut one = site(&["A", "B"]);
    let outcome = one.send(&merge("A40", "A@", "B"));
    let text = "MRG-1: no assigning authority: the only one that is known was assumed";
    assert!(findings(&outcome).contains(&text.to_owned()));
    check_owner(&one, "A", "B");
}

#[test]
fn an_authority_that_is_written_longer_is_the_same() {
    let mut site = site(&["A", "B"]);
    site.send(&merge("A40", "A@NORTH-MRN&1.2.3&ISO", "B@NORTH-MRN&1.2.3&ISO"));
    check_owner(&site, "A", "B");
    assert_eq!(site.known.patients.len(), 2);
}

#[test]
fn an_unknown_prior_identifier_is_an_alias_and_moves_nothing() {
    let mut site = site(&["B"]);
    let before = said(&site);
    let outcome = site.send(&merge("A40", "A", "B"));
    let text = "MRG-1: the prior identifier is not known: kept as an alias, nothing was moved";
    assert_eq!(outcome.disposition, Disposition::Applied);
    assert!(findings(&outcome).contains(&text.to_owned()));
    assert_eq!(record(&site, "B").aliases, [id("A")]);
    let reason = "the patient identifier was merged into another";
    check_parked(&mut site, &order("A-9", &pid("A"), ""), reason);
    undo(&mut site, "A").unwrap();
    assert!(said(&site) == before);
    // As if it had never been known.
    assert_eq!(site.send(&order("A-9", &pid("A"), "")).disposition, Disposition::Applied);
    check_owner(&site, "A-9", "A");
}

#[test]
fn an_unknown_surviving_patient_is_registered_with_the_merge() {
    let mut site = site(&["A"]);
    let before = said(&site);
    site.send(&merge("A40", "A", "B"));
    check_owner(&site, "A", "B");
    assert_eq!(record(&site, "B").patient.name.to_dicom(), "B^Test");
    undo(&mut site, "A").unwrap();
    assert!(said(&site) == before);
}

#[test]
fn the_inverse_of_a_merge_is_not_believed_unless_the_site_says_so() {
    let merged = || {
        let mut site = site(&["A", "B"]);
        site.send(&merge("A40", "A", "B"));
        site
    };
    check_rejected(&mut merged(), &merge("A40", "B", "A"), 205, "PID^1^3");
    let mut site = merged();
    site.mapping.adt.inverse_merge = InverseMerge::Park;
    let reason = "the surviving identifier (PID-3) was merged into the prior one (MRG-1) before";
    check_parked(&mut site, &merge("A40", "B", "A"), reason);
    site.mapping.adt.inverse_merge = InverseMerge::Reverse;
    assert_eq!(site.send(&merge("A40", "B", "A")).disposition, Disposition::Applied);
    check_owner(&site, "A", "A");
    check_owner(&site, "B", "A");
    assert!(record(&site, "A").is_current() && !record(&site, "B").is_current());
    undo(&mut site, "B").unwrap();
    check_owner(&site, "A", "A");
    check_owner(&site, "B", "B");
}

#[test]
fn a_circle_of_merges_is_closed_by_nobody() {
    let mut site = site(&["A", "B", "C"]);
    site.send(&merge("A40", "A", "B"));
    site.send(&merge("A40", "B", "C"));
    check_owner(&site, "A", "C");
    check_rejected(&mut site, &merge("A40", "C", "A"), 205, "PID^1^3");
    // Not even where inverse merges are reversed: which of the two is wrong?
    site.mapping.adt.inverse_merge = InverseMerge::Reverse;
    let reason = "the surviving identifier was merged into another one since: undo that first";
    check_parked(&mut site, &merge("A40", "C", "A"), reason);
}

#[test]
fn a_chain_is_undone_from_its_end() {
    let mut site = site(&["A", "B", "C"]);
    let before = said(&site);
    site.send(&merge("A40", "A", "B"));
    let between = said(&site);
    site.send(&merge("A40", "B", "C"));
    assert_eq!(undo(&mut site, "A"), Err(UndoError::LaterMerge));
    undo(&mut site, "B").unwrap();
    assert!(said(&site) == between);
    undo(&mut site, "A").unwrap();
    assert!(said(&site) == before);
    assert_eq!(undo(&mut site, "A"), Err(UndoError::NotMerged));
    assert_eq!(undo(&mut site, "X"), Err(UndoError::NotMerged));
}

#[test]
fn what_was_merged_is_not_merged_into_another_one() {
    let mut site = site(&["A", "B", "C"]);
    site.send(&merge("A40", "A", "B"));
    let reason = "the prior identifier was merged into another one before";
    check_parked(&mut site, &merge("A40", "A", "C"), reason);
}

#[test]
fn what_comes_for_the_surviving_patient_since_stays_when_a_merge_is_undone() {
    let mut site = site(&["A", "B"]);
    site.send(&merge("A40", "A", "B"));
    site.send(&order("N", &pid("B"), ""));
    undo(&mut site, "A").unwrap();
    check_owner(&site, "A", "A");
    check_owner(&site, "B", "B");
    check_owner(&site, "N", "B");
}

#[test]
fn a_merge_is_not_undone_when_an_order_has_gone_to_somebody_else() {
    let mut site = site(&["A", "B", "C"]);
    site.send(&merge("A40", "A", "B"));
    let other = record(&site, "C").patient.clone();
    let order = site.known.orders.iter_mut().find(|it| it.order.accession.value() == "A");
    order.unwrap().order.patient = other;
    let before = site.known.clone();
    assert_eq!(undo(&mut site, "A"), Err(UndoError::OrderMovedOn));
    assert!(site.known == before);
}

#[test]
fn a_message_about_a_merged_identifier_never_makes_a_new_patient() {
    let merged = |policy| {
        let mut site = site(&["A", "B"]);
        site.send(&merge("A40", "A", "B"));
        site.mapping.adt.merged_identifier = policy;
        site
    };
    let (late, update) = (order("N", &pid("A"), ""), adt("A08", &pid("A"), ""));
    let reason = "the patient identifier was merged into another";
    for text in [&late, &update] {
        check_parked(&mut merged(MergedIdentifier::Park), text, reason);
        check_rejected(&mut merged(MergedIdentifier::Reject), text, 204, "PID^1^3");
        let mut site = merged(MergedIdentifier::Ignore);
        let before = site.known.clone();
        let outcome = site.send(text);
        assert_eq!(outcome.disposition, Disposition::NoChange);
        let text = "PID-3: the patient identifier was merged into another: nothing was changed";
        assert!(findings(&outcome).contains(&text.to_owned()));
        assert!(site.known == before);
    }
    let mut site = merged(MergedIdentifier::Follow);
    let outcome = site.send(&late);
    assert_eq!(outcome.disposition, Disposition::Applied);
    let text = "PID-3: the patient identifier was merged: the surviving one was taken";
    assert!(findings(&outcome).contains(&text.to_owned()));
    check_owner(&site, "N", "B");
    site.send(&update);
    assert_eq!(record(&site, "B").patient.name.to_dicom(), "B^Test");
    assert_eq!(site.known.patients.len(), 2);
    // The number was given to a stranger.
    let stranger = "A^^^NORTH-MRN||Roe^Richard||19551231|M";
    let reason = "a merged identifier comes with another name and birth date than the surviving \
                  patient's";
    check_parked(&mut site, &order("S", stranger, ""), reason);
}

#[test]
fn a_merge_into_a_merged_identifier_is_settled_as_the_site_says() {
    let merged = |policy| {
        let mut site = site(&["A", "B", "D"]);
        site.send(&merge("A40", "A", "B"));
        site.mapping.adt.merged_identifier = policy;
        site
    };
    let text = merge("A40", "D", "A");
    let reason = "the patient identifier was merged into another";
    check_parked(&mut merged(MergedIdentifier::Park), &text, reason);
    check_rejected(&mut merged(MergedIdentifier::Reject), &text, 204, "PID^1^3");
    let ignored = merged(MergedIdentifier::Ignore).send(&text).disposition;
    assert_eq!(ignored, Disposition::NoChange);
    let mut site = merged(MergedIdentifier::Follow);
    site.send(&text);
    check_owner(&site, "D", "B");
}

#[test]
fn a_batch_of_merges_is_done_whole_or_not_at_all() {
    let group =
        |prior: &str, surviving: &str| format!("PID|||{}\nMRG|{}\n", pid(surviving), cx(prior));
    let batch = |groups: &[String]| {
        let first = merge("A40", "A", "B");
        format!("{first}\n{}", groups.concat())
    };
    let mut site = site(&["A", "B", "C", "D"]);
    site.send(&batch(&[group("C", "D")]));
    check_owner(&site, "A", "B");
    check_owner(&site, "C", "D");
    let whole = |more: String, condition, location: &str| {
        let mut site = self::site(&["A", "B", "C", "D"]);
        check_rejected(&mut site, &batch(&[more]), condition, location);
    };
    whole(group("C", "C"), 205, "MRG^1^1");
    whole(format!("PID|||{}", pid("D")), 101, "MRG^1");
    whole(group("", "D"), 101, "MRG^1^1");
    // One after the other: what was merged first is merged on.
    let mut site = self::site(&["A", "B", "C"]);
    site.send(&batch(&[group("B", "C")]));
    check_owner(&site, "A", "C");
    assert_eq!(undo(&mut site, "A"), Err(UndoError::LaterMerge));
}

#[test]
fn several_prior_identifiers_of_one_authority_all_end() {
    let mut site = site(&["A", "C", "B"]);
    site.send(&adt("A40", &pid("B"), "MRG|A^^^NORTH-MRN~C^^^NORTH-MRN~77^^^NATIONAL"));
    check_owner(&site, "A", "B");
    check_owner(&site, "C", "B");
}

#[test]
fn a_merge_whose_survivor_is_somebody_else_by_name_and_birth_date_is_for_a_person() {
    let stranger = "B^^^NORTH-MRN||Roe^Richard||19551231|M";
    let mut site = site(&["A", "B"]);
    let reason = telerad_worklist::POSSIBLE_OVERLAY;
    check_parked(&mut site, &adt("A40", stranger, "MRG|A^^^NORTH-MRN"), reason);
}

#[test]
fn sites_never_mix() {
    let mut site = site(&["A", "B"]);
    let mut foreign = site.known.clone();
    for order in &mut foreign.orders {
        order.order.site = SiteId::new("south").unwrap();
    }
    for patient in &mut foreign.patients {
        patient.site = SiteId::new("south").unwrap();
    }
    let message = merge("A40", "A", "B").replace('\n', "\r").into_bytes();
    let message = telerad_hl7::Message::parse(message).unwrap();
    let inbound = telerad_worklist::read(&message, &site.mapping).unwrap();
    site.known = foreign.clone();
    // Even a caller who looks up too much cannot make it move what is another site's.
    let outcome = telerad_worklist::apply(inbound, &foreign, Timestamp::from_micros(1));
    let touches = |effect: &telerad_worklist::Effect| match effect {
        telerad_worklist::Effect::PutOrder(_) => true,
        telerad_worklist::Effect::PutPatient(record) => record.site.as_str() != "north",
    };
    assert!(!outcome.effects.iter().any(touches));
}

#[test]
fn a_changed_identifier_renames_the_patient_in_place() {
    for event in ["A47", "A46"] {
        let mut site = site(&["A", "C"]);
        let before = said(&site);
        let text = adt(event, "B^^^NORTH-MRN||A^Test||19700102|F", "MRG|A^^^NORTH-MRN");
        assert_eq!(site.send(&text).disposition, Disposition::Applied);
        check_owner(&site, "A", "B");
        let renamed = record(&site, "B");
        assert_eq!(renamed.patient.name.to_dicom(), "A^Test");
        assert!(renamed.is_current() && !record(&site, "A").is_current());
        assert_eq!(site.send(&text).disposition, Disposition::NoChange);
        check_rejected(&mut site, &merge(event, "B", "C"), 205, "PID^1^3");
        undo(&mut site, "A").unwrap();
        assert!(said(&site) == before);
    }
    let mut site = site(&["A"]);
    assert_eq!(site.send(&merge("A48", "A", "B")).disposition, Disposition::NoChange);
}

#[test]
fn links_are_cross_references_and_move_nothing() {
    let mut site = site(&["A", "B"]);
    let before = said(&site);
    let two = |event: &str| adt(event, &pid("A"), &format!("PID|||{}", pid("B")));
    site.send(&two("A24"));
    assert_eq!(record(&site, "A").links, [id("B")]);
    assert_eq!(record(&site, "B").links, [id("A")]);
    check_owner(&site, "A", "A");
    assert_eq!(site.send(&two("A24")).disposition, Disposition::NoChange);
    site.send(&two("A37"));
    assert!(said(&site) == before);
}

#[test]
fn an_identifier_is_moved_alone() {
    let mut site = site(&["A", "B"]);
    let with = pid("A").replace("||A^Test", "~77^^^NATIONAL||A^Test");
    site.send(&adt("A31", &with, ""));
    let text = adt("A43", "x", "MRG|77^^^NATIONAL|||A^^^NORTH-MRN")
        .replace("PID|||x", "PID||B^^^NORTH-MRN|77^^^NATIONAL||B^Test");
    assert_eq!(site.send(&text).disposition, Disposition::Applied);
    assert_eq!(record(&site, "A").patient.ids, [id("A")]);
    assert_eq!(record(&site, "B").patient.ids, [id("B"), id("77@NATIONAL")]);
    check_owner(&site, "A", "A");
    assert_eq!(site.send(&text).disposition, Disposition::NoChange);
    let reason = "an identifier is moved without saying from whom (MRG-4) and to whom (PID-2)";
    check_parked(&mut site, &merge("A43", "77@NATIONAL", "77@NATIONAL"), reason);
    let own = text.replace("77^^^NATIONAL", "A^^^NORTH-MRN");
    let reason = "the identifier that is to be moved is the one its patient is kept under";
    check_parked(&mut site, &own, reason);
}

#[test]
fn accounts_and_visits_change_the_admission_of_open_orders_only() {
    let account = |site: &Site, accession: &str| {
        let order = site.known.orders.iter().find(|it| it.order.accession.value() == accession);
        order.unwrap().admission_id.as_ref().map(|id| id.value().to_owned())
    };
    for (event, mrg) in [
        ("A35", "MRG|A^^^NORTH-MRN||V1"),
        ("A41", "MRG|A^^^NORTH-MRN||V1"),
        ("A44", "MRG|A^^^NORTH-MRN||V1"),
        ("A49", "MRG|A^^^NORTH-MRN||V1"),
        ("A42", "MRG|A^^^NORTH-MRN||||V1"),
        ("A45", "MRG|A^^^NORTH-MRN||||V1"),
        ("A50", "MRG|A^^^NORTH-MRN||||V1"),
    ] {
        let mut site = site(&["A", "B"]);
        let pid = format!("{}||||||||||V7", pid("A"));
        let pv1 = "PV1||I|W^1^A||||||||||||||||V7";
        let outcome = site.send(&adt(event, &pid, &format!("{mrg}\n{pv1}")));
        assert_eq!(outcome.disposition, Disposition::Applied, "{event}");
        assert_eq!(account(&site, "A").as_deref(), Some("V7"), "{event}");
        assert_eq!(account(&site, "B").as_deref(), Some("V1"), "{event}");
        check_owner(&site, "A", "A");
        assert_eq!(site.known.patients.iter().filter(|it| it.is_current()).count(), 2);
    }
    let mut site = site(&["A", "B"]);
    site.known.orders.iter_mut().for_each(|it| {
        it.steps[0].status = telerad_worklist::StepStatus::Completed;
        it.admission_id = EntityIdentifier::new("V1", None).ok();
    });
    let text = adt("A42", &pid("A"), "MRG|||||V1\nPV1||I|W^1^A||||||||||||||||V7");
    assert_eq!(site.send(&text).disposition, Disposition::NoChange);
    check_rejected(&mut site, &adt("A42", &pid("A"), "MRG|||||V1"), 101, "PV1^1^19");
    for event in ["A44", "A45"] {
        let reason = format!("ADT^{event} moves an account or a visit between patients");
        let pid = format!("{}||||||||||V7", pid("B"));
        let rest = "MRG|A^^^NORTH-MRN||V1||V1\nPV1||I|W^1^A||||||||||||||||V7";
        check_parked(&mut site, &adt(event, &pid, rest), &reason);
    }
}

#[test]
fn a_merge_of_patient_and_account_does_both() {
    let mut site = site(&["A", "B"]);
    let pid = format!("{}||||||||||V7", pid("B"));
    site.send(&adt("A36", &pid, "MRG|A^^^NORTH-MRN||V1"));
    check_owner(&site, "A", "B");
    let order = site.known.orders.iter().find(|it| it.order.accession.value() == "A").unwrap();
    assert_eq!(order.admission_id.as_ref().map(|id| id.value()), Some("V7"));
}

#[test]
fn swaps_and_deletions_are_for_a_person() {
    for (event, reason) in [
        ("A17", "two patients change beds: send the location of each (A02)"),
        ("A23", "a visit is deleted: its orders are to be cancelled by order messages"),
        ("A29", "a person is deleted: nothing is deleted here by itself"),
        ("A51", "an alternate visit number is changed, which is not kept"),
    ] {
        let mut site = site(&["A", "B"]);
        let text = adt(event, &pid("A"), &format!("PV1||I\nPID|||{}\nPV1||I", pid("B")));
        check_parked(&mut site, &text, &format!("ADT^{event}: {reason}"));
    }
}

#[test]
fn a_merge_without_identifiers_is_rejected() {
    let mut site = site(&["A", "B"]);
    check_rejected(&mut site, &adt("A40", &pid("B"), ""), 101, "MRG^1");
    check_rejected(&mut site, &adt("A40", &pid("B"), "MRG|"), 101, "MRG^1^1");
    check_rejected(&mut site, &adt("A40", "||B^Test", "MRG|A^^^NORTH-MRN"), 101, "PID^1^3");
}

#[test]
fn debug_of_merges_holds_no_patient_data() {
    let mut site = site(&["SECRET", "B"]);
    let outcome = site.send(&merge("A40", "SECRET", "B"));
    assert!(!format!("{outcome:?} {:?}", site.known).contains("SECRET"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is merged into whatever, undone from the last to the first everything is as before.
    #[test]
    fn merges_undone_in_reverse_give_the_state_before(
        merges in prop::collection::vec((0_usize..6, 0_usize..6, any::<bool>()), 1..12),
        known in 0_usize..6,
    ) {
        let names = ["A", "B", "C", "D", "E", "F"];
        let mut site = site(&names[..known]);
        let mut states = Vec::new();
        for (prior, surviving, is_rename) in merges {
            let before = said(&site);
            let event = if is_rename { "A47" } else { "A40" };
            let (prior, surviving) = (names[prior], names[surviving]);
            if let Ok(outcome) = site.try_send(&merge(event, prior, surviving))
                && outcome.disposition == Disposition::Applied
            {
                // Nobody but the survivor has gained or lost an order that was not the prior's.
                let (_, orders) = said(&site);
                for (was, is) in before.1.iter().zip(&orders) {
                    let (was, is) = (was.order.patient.primary_id(), is.order.patient.primary_id());
                    let is_moved = was == Some(&id(prior)) && is == Some(&id(surviving));
                    prop_assert!(was == is || is_moved);
                }
                states.push((prior, before));
            }
        }
        while let Some((prior, before)) = states.pop() {
            prop_assert_eq!(undo(&mut site, prior), Ok(()));
            let now = said(&site);
            prop_assert!(now == before, "{}", prior);
        }
    }
}
