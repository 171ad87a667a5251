//! Events that change who is who.

use std::fmt;

use crate::datatype::{Cx, Datatype, Ts, Xpn};
use crate::group::{Groups, Placed};
use crate::{Location, Message};

/// What an event does to identities (HL7 2.5.1 section 3.3; the keys of each are those of section 3.6.2).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum MergeKind {
    /// A49: an account gets another number.
    ChangeAccount,
    /// A46, A47, A48: a patient gets another identifier; there is no second patient.
    ChangeIdentifier,
    /// A50, A51: a visit gets another number.
    ChangeVisit,
    /// A24: two patients are the same person.
    Link,
    /// A35, A41: one account becomes part of another.
    MergeAccount,
    /// A18, A30, A34, A36, A39, A40: one patient becomes part of another.
    MergePatient,
    /// A42: one visit becomes part of another.
    MergeVisit,
    /// A44: an account moves to another patient.
    MoveAccount,
    /// A43: an identifier moves to another patient.
    MoveIdentifier,
    /// A45: a visit moves to another account or patient.
    MoveVisit,
    /// A37: takes a link back.
    Unlink,
}

impl MergeKind {
    /// The kind of an ADT event; `None` when it changes no identity.
    pub fn of_event(event: &str) -> Option<Self> {
        Some(match event.trim() {
            "A18" | "A30" | "A34" | "A36" | "A39" | "A40" => Self::MergePatient,
            "A35" | "A41" => Self::MergeAccount,
            "A42" => Self::MergeVisit,
            "A43" => Self::MoveIdentifier,
            "A44" => Self::MoveAccount,
            "A45" => Self::MoveVisit,
            "A46" | "A47" | "A48" => Self::ChangeIdentifier,
            "A49" => Self::ChangeAccount,
            "A50" | "A51" => Self::ChangeVisit,
            "A24" => Self::Link,
            "A37" => Self::Unlink,
            _ => return None,
        })
    }

    /// Whether the patient in `prior` is no patient of its own any more.
    pub fn ends_prior_patient(self) -> bool {
        matches!(self, Self::MergePatient | Self::ChangeIdentifier)
    }
}

/// One change of identities: what survives and what goes away. For links, both stay.
#[derive(Clone, Eq, PartialEq)]
pub struct MergeView {
    /// What the event does.
    pub kind: MergeKind,
    /// PID-3: the identifiers that survive.
    pub surviving_identifiers: Vec<Cx>,
    /// MRG-1, and MRG-4 or PID-2 forms where MRG-1 is empty; the second PID-3 for links.
    pub prior_identifiers: Vec<Cx>,
    /// PID-18.
    pub surviving_account: Cx,
    /// MRG-3.
    pub prior_account: Cx,
    /// PV1-19.
    pub surviving_visit: Cx,
    /// MRG-5.
    pub prior_visit: Cx,
    /// PV1-50.
    pub surviving_alternate_visit: Cx,
    /// MRG-6.
    pub prior_alternate_visit: Cx,
    /// PID-5, the first.
    pub surviving_name: Xpn,
    /// MRG-7, the first.
    pub prior_name: Xpn,
    /// EVN-6, else EVN-2: when it happened.
    pub occurred: Ts,
    /// Where the surviving patient stands.
    pub surviving_location: Option<Location>,
    /// Where the prior one stands.
    pub prior_location: Option<Location>,
}

/// Why a change of identities cannot be carried out as it stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MergeFault {
    /// What survives has no identifier.
    NoSurvivor,
    /// What goes away has no identifier.
    NoPrior,
    /// Both are the same.
    SameIdentifier,
}

impl MergeView {
    /// Every change of identities in an ADT message; none when its event is no such event.
    pub fn read_all(message: &Message) -> Vec<Self> {
        let groups = Groups::of(message);
        let event = match message.trigger_event() {
            event if event.trim().is_empty() => {
                groups.event.map(|evn| String::read(evn.field(1))).unwrap_or_default()
            }
            event => event,
        };
        let Some(kind) = MergeKind::of_event(&event) else { return Vec::new() };
        let occurred = groups.event.map(|evn| occurred(&evn)).unwrap_or_default();
        if matches!(kind, MergeKind::Link | MergeKind::Unlink) {
            return Self::of_link(kind, &groups, &occurred).into_iter().collect();
        }
        let mut views = Vec::new();
        for patient in &groups.patients {
            for (index, merge) in patient.merges.iter().enumerate() {
                // A45 repeats MRG and PV1 in pairs; elsewhere there is one visit, or none.
                let visit = patient.visits.get(index).or(patient.visits.first());
                views.push(Self::of(kind, patient.patient, *merge, visit.copied(), &occurred));
            }
        }
        views
    }

    fn of(
        kind: MergeKind,
        pid: Option<Placed<'_>>,
        mrg: Placed<'_>,
        visit: Option<Placed<'_>>,
        occurred: &Ts,
    ) -> Self {
        let mut prior_identifiers = Cx::read_all(mrg.field(1));
        if prior_identifiers.is_empty() {
            prior_identifiers = Cx::read_all(mrg.field(4));
        }
        let of_pid = |n| pid.map(|pid| Cx::read(pid.field(n))).unwrap_or_default();
        let of_visit = |n| visit.map(|pv1| Cx::read(pv1.field(n))).unwrap_or_default();
        Self {
            kind,
            surviving_identifiers: pid.map(|pid| identifiers(&pid)).unwrap_or_default(),
            prior_identifiers,
            surviving_account: of_pid(18),
            prior_account: Cx::read(mrg.field(3)),
            surviving_visit: of_visit(19),
            prior_visit: Cx::read(mrg.field(5)),
            surviving_alternate_visit: of_visit(50),
            prior_alternate_visit: Cx::read(mrg.field(6)),
            surviving_name: pid.map(|pid| Xpn::read(pid.field(5))).unwrap_or_default(),
            prior_name: Xpn::read(mrg.field(7)),
            occurred: occurred.clone(),
            surviving_location: pid.and_then(|pid| pid.location()),
            prior_location: mrg.location(),
        }
    }

    fn of_link(kind: MergeKind, groups: &Groups<'_>, occurred: &Ts) -> Option<Self> {
        let mut patients = groups.patients.iter().filter_map(|patient| patient.patient);
        let (first, second) = (patients.next()?, patients.next()?);
        Some(Self {
            kind,
            surviving_identifiers: identifiers(&first),
            prior_identifiers: identifiers(&second),
            surviving_account: Cx::read(first.field(18)),
            prior_account: Cx::read(second.field(18)),
            surviving_visit: Cx::default(),
            prior_visit: Cx::default(),
            surviving_alternate_visit: Cx::default(),
            prior_alternate_visit: Cx::default(),
            surviving_name: Xpn::read(first.field(5)),
            prior_name: Xpn::read(second.field(5)),
            occurred: occurred.clone(),
            surviving_location: first.location(),
            prior_location: second.location(),
        })
    }

    /// The keys of the event that survive and those that go away, in pairs of kind.
    fn keys(&self) -> (Vec<&Cx>, Vec<&Cx>) {
        match self.kind {
            MergeKind::MergeAccount | MergeKind::MoveAccount | MergeKind::ChangeAccount => {
                (vec![&self.surviving_account], vec![&self.prior_account])
            }
            MergeKind::ChangeVisit if self.prior_visit.is_empty() => {
                (vec![&self.surviving_alternate_visit], vec![&self.prior_alternate_visit])
            }
            MergeKind::MergeVisit | MergeKind::MoveVisit | MergeKind::ChangeVisit => {
                (vec![&self.surviving_visit], vec![&self.prior_visit])
            }
            MergeKind::ChangeIdentifier
            | MergeKind::Link
            | MergeKind::MergePatient
            | MergeKind::MoveIdentifier
            | MergeKind::Unlink => (
                self.surviving_identifiers.iter().collect(),
                self.prior_identifiers.iter().collect(),
            ),
        }
    }

    /// Why the change cannot be carried out; `None` when it can. Moving something keeps its number, so there equal
    /// keys are no fault.
    pub fn fault(&self) -> Option<MergeFault> {
        let (surviving, prior) = self.keys();
        let has_key = |keys: &[&Cx]| keys.iter().any(|key| !key.id_number.is_empty());
        if !has_key(&surviving) {
            return Some(MergeFault::NoSurvivor);
        }
        if !has_key(&prior) {
            return Some(MergeFault::NoPrior);
        }
        let is_move = matches!(
            self.kind,
            MergeKind::MoveAccount | MergeKind::MoveVisit | MergeKind::MoveIdentifier
        );
        let same = |one: &Cx, other: &Cx| {
            one.id_number == other.id_number && one.assigning_authority == other.assigning_authority
        };
        let is_same = surviving.iter().any(|one| prior.iter().any(|other| same(one, other)));
        (is_same && !is_move).then_some(MergeFault::SameIdentifier)
    }
}

impl fmt::Debug for MergeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MergeView({:?}, {:?}, <redacted>)", self.kind, self.prior_location)
    }
}

/// PID-3, else PID-2, where senders before 2.3.1 have it.
fn identifiers(pid: &Placed<'_>) -> Vec<Cx> {
    let list = Cx::read_all(pid.field(3));
    if list.is_empty() { Cx::read_all(pid.field(2)) } else { list }
}

fn occurred(evn: &Placed<'_>) -> Ts {
    let occurred = Ts::read(evn.field(6));
    if occurred.is_empty() { Ts::read(evn.field(2)) } else { occurred }
}
