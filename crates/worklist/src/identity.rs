//! ADT messages that change who is who: what they ask for.

use telerad_core::{EntityIdentifier, PatientId};
use telerad_hl7::datatype::{Cx, Datatype};
use telerad_hl7::group::Groups;
use telerad_hl7::reading::{MergeKind, MergeView, PatientSources, PatientView};
use telerad_hl7::{Message, Path, path};

use crate::Mapping;
use crate::finding::{FindingCode, Findings};
use crate::patient::{self, PatientFacts};
use crate::stop::Rejection;

/// One change of identities. Facts name at least one identifier.
#[derive(Clone, Debug)]
pub(crate) enum IdentityChange {
    /// Each of `prior` becomes part of the surviving patient.
    Merge { prior: Vec<PatientId>, surviving: PatientFacts },
    /// One patient gets another identifier.
    Rename { prior: PatientId, surviving: PatientFacts },
    /// Two identifiers are one person's, and stay two.
    Link { one: PatientFacts, other: PatientFacts },
    /// They are not.
    Unlink { one: PatientFacts, other: PatientFacts },
    /// An identifier goes from one patient to another.
    MoveIdentifier { moved: PatientId, from: PatientId, to: PatientId },
    /// An account or a visit has another number.
    Admission { patient: PatientId, from: EntityIdentifier, to: EntityIdentifier },
}

impl IdentityChange {
    /// The values of the identifiers to look up, under any authority.
    pub(crate) fn values(&self) -> Vec<&str> {
        let first = PatientFacts::primary_value;
        match self {
            Self::Merge { prior, surviving } => {
                prior.iter().map(PatientId::value).chain(first(surviving)).collect()
            }
            Self::Rename { prior, surviving } => {
                std::iter::once(prior.value()).chain(first(surviving)).collect()
            }
            Self::Link { one, other } | Self::Unlink { one, other } => {
                first(one).into_iter().chain(first(other)).collect()
            }
            Self::MoveIdentifier { from, to, .. } => vec![from.value(), to.value()],
            Self::Admission { patient, .. } => vec![patient.value()],
        }
    }
}

/// Fields whose bytes must not be in doubt.
pub(crate) const NUMBERS: [Path; 7] = [
    path!("PID-2"),
    path!("PID-18"),
    path!("PV1-19"),
    path!("MRG-1"),
    path!("MRG-3"),
    path!("MRG-4"),
    path!("MRG-5"),
];

/// Reads a message whose event changes identities; the inner error is a reason to park.
pub(crate) fn read(
    message: &Message,
    groups: &Groups<'_>,
    mapping: &Mapping,
    findings: &mut Findings,
) -> Result<Result<Vec<IdentityChange>, String>, Rejection> {
    let event = message.trigger_event();
    if let Some(reason) = unwanted(&event) {
        return Ok(Err(format!("ADT^{event}: {reason}")));
    }
    if event == "A48" {
        let text = "an alternate identifier (PID-4) is not kept";
        findings.add(FindingCode::Ignored, "MRG-2", text);
        return Ok(Ok(Vec::new()));
    }
    let kind = MergeKind::of_event(&event);
    if !matches!(kind, Some(MergeKind::Link | MergeKind::Unlink))
        && groups.patients.iter().any(|group| group.merges.is_empty())
    {
        return Err(missing("MRG^1", "a patient without MRG"));
    }
    let views = MergeView::read_all(message);
    if views.is_empty() {
        return Err(missing("PID^1", "no patients whose identity is to be changed"));
    }
    let people = people(message, mapping, findings);
    let mut changes = Vec::new();
    for view in &views {
        let read = Reader { view, people: &people, mapping, event: &event };
        match read.changes(message, findings)? {
            Ok(more) => changes.extend(more),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(changes))
}

/// Events that are for a person to carry out.
fn unwanted(event: &str) -> Option<&'static str> {
    Some(match event {
        "A17" => "two patients change beds: send the location of each (A02)",
        "A23" => "a visit is deleted: its orders are to be cancelled by order messages",
        "A29" => "a person is deleted: nothing is deleted here by itself",
        "A51" => "an alternate visit number is changed, which is not kept",
        _ => return None,
    })
}

/// The patients of a message by the number of their PID.
fn people(message: &Message, mapping: &Mapping, findings: &mut Findings) -> Vec<PatientFacts> {
    let views = PatientView::read_all(message, &PatientSources::default());
    let mut people = Vec::new();
    let pids = message.segments_with_id("PID");
    for (view, pid) in views.iter().zip(pids) {
        people.push(patient::read_person(message, view, pid, mapping, findings));
    }
    people
}

struct Reader<'a> {
    view: &'a MergeView,
    people: &'a [PatientFacts],
    mapping: &'a Mapping,
    event: &'a str,
}

impl Reader<'_> {
    /// The inner error is a reason to park.
    fn changes(
        &self,
        message: &Message,
        findings: &mut Findings,
    ) -> Result<Result<Vec<IdentityChange>, String>, Rejection> {
        let view = self.view;
        let surviving = self.person(view.surviving_location)?;
        Ok(match view.kind {
            MergeKind::MergePatient => return self.merge(surviving, findings),
            MergeKind::ChangeIdentifier => {
                let prior = self.prior(surviving, findings)?;
                match prior.as_slice() {
                    [prior] => Ok(vec![IdentityChange::Rename {
                        prior: prior.clone(),
                        surviving: surviving.clone(),
                    }]),
                    _ => Err(no_authority_in_common(self.event)),
                }
            }
            MergeKind::Link | MergeKind::Unlink => {
                let other = self.person(view.prior_location)?.clone();
                let one = surviving.clone();
                Ok(vec![match view.kind {
                    MergeKind::Link => IdentityChange::Link { one, other },
                    _ => IdentityChange::Unlink { one, other },
                }])
            }
            MergeKind::MoveIdentifier => return Ok(self.move_identifier(message, findings)),
            MergeKind::MergeAccount | MergeKind::ChangeAccount | MergeKind::MoveAccount => {
                let numbers = (&view.prior_account, &view.surviving_account);
                return self.admission(surviving, numbers, ["MRG^1^3", "PID^1^18"], findings);
            }
            MergeKind::MergeVisit | MergeKind::ChangeVisit | MergeKind::MoveVisit => {
                let numbers = (&view.prior_visit, &view.surviving_visit);
                return self.admission(surviving, numbers, ["MRG^1^5", "PV1^1^19"], findings);
            }
            _ => Err(format!("ADT^{} is not supported", self.event)),
        })
    }

    fn person(&self, at: Option<telerad_hl7::Location>) -> Result<&PatientFacts, Rejection> {
        let number = at.map(|at| at.path().occurrence());
        let facts = number.and_then(|number| self.people.get(number.checked_sub(1)?));
        let number = number.unwrap_or(1);
        facts
            .filter(|facts| !facts.ids.is_empty())
            .ok_or_else(|| missing(&format!("PID^{number}^3"), "no patient identifier in PID-3"))
    }

    fn merge(
        &self,
        surviving: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<Result<Vec<IdentityChange>, String>, Rejection> {
        let prior = self.prior(surviving, findings)?;
        if prior.is_empty() {
            return Ok(Err(no_authority_in_common(self.event)));
        }
        let merge = IdentityChange::Merge { prior, surviving: surviving.clone() };
        if self.event != "A36" {
            return Ok(Ok(vec![merge]));
        }
        // A36 merges the accounts too; whichever of the two is not said is not done.
        let (from, to) = (&self.view.prior_account, &self.view.surviving_account);
        if from.id_number.is_empty() || to.id_number.is_empty() {
            return Ok(Ok(vec![merge]));
        }
        let numbers = (from, to);
        let account = self.renumber(surviving, numbers, ["MRG^1^3", "PID^1^18"], findings)?;
        Ok(Ok(std::iter::once(merge).chain(account).collect()))
    }

    /// MRG-1 (MRG-4): those of the authority of the surviving identifier. Another authority's are the patient's too, and
    /// say nothing about this one's.
    fn prior(
        &self,
        surviving: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<Vec<PatientId>, Rejection> {
        let named = &self.view.prior_identifiers;
        let ids = patient::identifiers(named, "MRG-1", self.mapping, findings);
        if ids.is_empty() {
            return Err(missing("MRG^1^1", "no prior patient identifier"));
        }
        let authority = surviving.ids.first().and_then(PatientId::issuer);
        let of_same = |id: &PatientId| match (id.issuer(), authority) {
            (Some(one), Some(other)) => one == other || one.agrees_with(other),
            // What is meant is settled by what is known.
            _ => true,
        };
        Ok(ids.into_iter().filter(of_same).collect())
    }

    fn move_identifier(
        &self,
        message: &Message,
        findings: &mut Findings,
    ) -> Result<Vec<IdentityChange>, String> {
        let field = |segment: &str, at: Option<telerad_hl7::Location>, n: usize| {
            let occurrence = at.map_or(1, |at| at.path().occurrence());
            let segment = message.segments_with_id(segment).nth(occurrence.saturating_sub(1));
            segment.map(|segment| Cx::read(segment.field(n))).unwrap_or_default()
        };
        let mut read = |cx: &Cx, place: &str| {
            patient::identifiers(std::slice::from_ref(cx), place, self.mapping, findings).pop()
        };
        let to = read(&field("PID", self.view.surviving_location, 2), "PID-2");
        let from = read(&field("MRG", self.view.prior_location, 4), "MRG-4");
        let (Some(from), Some(to)) = (from, to) else {
            let text =
                "an identifier is moved without saying from whom (MRG-4) and to whom (PID-2)";
            return Err(text.to_owned());
        };
        let named = &self.view.prior_identifiers;
        let moved = patient::identifiers(named, "MRG-1", self.mapping, findings);
        Ok(moved
            .into_iter()
            .map(|moved| IdentityChange::MoveIdentifier {
                moved,
                from: from.clone(),
                to: to.clone(),
            })
            .collect())
    }

    fn admission(
        &self,
        surviving: &PatientFacts,
        numbers: (&Cx, &Cx),
        places: [&str; 2],
        findings: &mut Findings,
    ) -> Result<Result<Vec<IdentityChange>, String>, Rejection> {
        let change = self.renumber(surviving, numbers, places, findings)?;
        // An account or a visit that goes to another person takes orders along, and nobody says which.
        let prior =
            patient::identifiers(&self.view.prior_identifiers, "MRG-1", self.mapping, findings);
        let is_other = |id: &PatientId| !surviving.ids.iter().any(|own| own == id);
        if prior.first().is_some_and(is_other) {
            let text = format!("ADT^{} moves an account or a visit between patients", self.event);
            return Ok(Err(text));
        }
        Ok(Ok(change.into_iter().collect()))
    }

    fn renumber(
        &self,
        surviving: &PatientFacts,
        (from, to): (&Cx, &Cx),
        [prior_place, new_place]: [&str; 2],
        findings: &mut Findings,
    ) -> Result<Option<IdentityChange>, Rejection> {
        let mut read = |cx: &Cx, place: &str| {
            let text = "no number of the account or visit";
            if cx.id_number.is_empty() {
                return Err(missing(place, text));
            }
            let number = crate::said::valid(cx.entity_identifier(), place, findings);
            number.this().cloned().ok_or_else(|| missing(place, text))
        };
        let (from, to) = (read(from, prior_place)?, read(to, new_place)?);
        let patient = surviving.ids.first().filter(|_| from != to);
        Ok(patient.cloned().map(|patient| IdentityChange::Admission { patient, from, to }))
    }
}

fn no_authority_in_common(event: &str) -> String {
    format!("ADT^{event}: prior and surviving identifier have no authority in common, or several")
}

fn missing(location: &str, text: &str) -> Rejection {
    Rejection { condition: 101, location: location.to_owned(), text: text.to_owned() }
}
