//! Groups of destinations that stand in for each other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use telerad_core::{SiteId, Timestamp};
use telerad_dicom::InstanceHead;

use crate::{DestinationId, InvalidDestinationId};

/// The name of a group, in the same namespace as [`DestinationId`], so that a rule names either.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct GroupId(DestinationId);

impl GroupId {
    /// Checks length and repertoire, as for a destination.
    ///
    /// # Errors
    /// [`InvalidDestinationId`] when the text is empty, too long or has other characters.
    pub fn new(text: &str) -> Result<Self, InvalidDestinationId> {
        DestinationId::new(text).map(Self)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for GroupId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq<DestinationId> for GroupId {
    fn eq(&self, other: &DestinationId) -> bool {
        self.0 == *other
    }
}

/// Destinations of which one gets a study, and the next one when that fails for long.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "DestinationGroupText")]
pub struct DestinationGroup {
    id: GroupId,
    members: Vec<DestinationId>,
    failover_after: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DestinationGroupText {
    id: GroupId,
    members: Vec<DestinationId>,
    #[serde(default = "failover_after_seconds")]
    failover_after_seconds: u64,
}

/// Why a group cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGroup {
    /// Nobody could stand in.
    #[error("group `{group}` needs at least two members")]
    NoSecondMember {
        /// The group.
        group: GroupId,
    },
    /// A member that would stand in for itself.
    #[error("group `{group}` names `{member}` twice")]
    RepeatedMember {
        /// The group.
        group: GroupId,
        /// The member.
        member: DestinationId,
    },
}

/// The member of a group that one study goes to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GroupChoice {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: DestinationId,
    /// A rule names the member for itself too: the study stays there when the group moves on.
    #[serde(default)]
    pub direct: bool,
}

/// The member of a group that a patient's last study went to: the next one goes there too, to the same readers and
/// beside its priors.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct StickyMember {
    /// The site whose patient it is.
    pub site: SiteId,
    /// The group.
    pub group: GroupId,
    /// (0010,0020) of the patient.
    pub patient: String,
    /// The member.
    pub member: DestinationId,
    /// When it was chosen.
    pub at: Timestamp,
}

impl std::fmt::Debug for StickyMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StickyMember")
            .field("site", &self.site)
            .field("group", &self.group)
            .field("patient", &"<redacted>")
            .field("member", &self.member)
            .field("at", &self.at)
            .finish()
    }
}

/// What the choice of a group's member rests on.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupFacts<'a> {
    /// All groups.
    pub groups: &'a [DestinationGroup],
    /// Destinations that are down, each with the beginning of its outage: [`crate::Breaker::down_since`].
    pub down: Option<&'a Down>,
    /// The members that the patient's earlier studies went to, at most one for each group.
    pub sticky: &'a [StickyMember],
}

/// Destinations that are down, and since when.
pub type Down = BTreeMap<DestinationId, Timestamp>;

/// Where a study goes once its groups are resolved.
pub(crate) struct Resolved {
    pub(crate) choices: Vec<GroupChoice>,
    pub(crate) destinations: Vec<DestinationId>,
    pub(crate) sticky: Vec<StickyMember>,
}

impl GroupFacts<'_> {
    /// Puts the chosen member in the place of each group; each destination is named once.
    pub(crate) fn resolve(
        &self,
        wanted: &[DestinationId],
        site: &SiteId,
        patient: Option<&str>,
        now: Timestamp,
    ) -> Resolved {
        let nothing_down = Down::new();
        let down = self.down.unwrap_or(&nothing_down);
        let mut resolved =
            Resolved { choices: Vec::new(), destinations: Vec::new(), sticky: Vec::new() };
        for name in wanted {
            let group = self.groups.iter().find(|group| group.id == *name);
            let Some(group) = group else {
                push_once(&mut resolved.destinations, name);
                continue;
            };
            let of_patient = |known: &&StickyMember| {
                known.site == *site
                    && known.group == group.id
                    && Some(known.patient.as_str()) == patient
            };
            let known = self.sticky.iter().find(of_patient).map(|known| &known.member);
            let member = group.choose(known, down, now);
            push_once(&mut resolved.destinations, &member);
            if let Some(patient) = patient.filter(|_| known != Some(&member)) {
                resolved.sticky.push(StickyMember {
                    site: site.clone(),
                    group: group.id.clone(),
                    patient: patient.to_owned(),
                    member: member.clone(),
                    at: now,
                });
            }
            let direct = wanted.contains(&member);
            resolved.choices.push(GroupChoice { group: group.id.clone(), member, direct });
        }
        resolved
    }
}

/// By what a patient's studies are kept together: the patient ID of the head. Without one nothing is.
///
/// The issuer is left out: two patients of one site that share a number then share their readers, which harms nobody,
/// while one whose issuer is sent only sometimes would be torn apart.
pub fn sticky_patient(head: &InstanceHead) -> Option<&str> {
    head.patient.primary_id().map(telerad_core::PatientId::value)
}

impl DestinationGroup {
    /// A group of two members or more.
    ///
    /// # Errors
    /// [`InvalidGroup`] when nobody could stand in for somebody else.
    pub fn new(
        id: GroupId,
        members: Vec<DestinationId>,
        failover_after: Duration,
    ) -> Result<Self, InvalidGroup> {
        for (at, member) in members.iter().enumerate() {
            if members.iter().skip(at + 1).any(|other| other == member) {
                return Err(InvalidGroup::RepeatedMember { group: id, member: member.clone() });
            }
        }
        if members.len() < 2 {
            return Err(InvalidGroup::NoSecondMember { group: id });
        }
        Ok(Self { id, members, failover_after })
    }

    /// The name that rules use.
    pub fn id(&self) -> &GroupId {
        &self.id
    }

    /// The members, first choice first.
    pub fn members(&self) -> &[DestinationId] {
        &self.members
    }

    /// How long a member must have been down before its studies move on.
    pub fn failover_after(&self) -> Duration {
        self.failover_after
    }

    /// The member for a study that begins now: where the patient's last one went, else the first that works. A member
    /// that has been down for less than `failover_after` still counts as working, so that a short fault tears no
    /// patient apart. When none works the study waits where it would have gone.
    pub fn choose(
        &self,
        sticky: Option<&DestinationId>,
        down: &Down,
        now: Timestamp,
    ) -> DestinationId {
        let sticky = sticky.filter(|sticky| self.members.contains(sticky));
        let in_order = || sticky.into_iter().chain(&self.members);
        let works = |member: &&DestinationId| {
            down.get(*member).is_none_or(|since| now.since(*since) < self.failover_after)
        };
        in_order().find(works).or(sticky).unwrap_or(&self.members[0]).clone()
    }

    /// Where the studies at a member move to: `None` while it works or has not been down for long, and while there is
    /// no other member that works. Nothing moves back by itself: a member that works again gets new studies only.
    pub fn failover(
        &self,
        member: &DestinationId,
        down: &Down,
        now: Timestamp,
    ) -> Option<&DestinationId> {
        let since = down.get(member)?;
        if now.since(*since) < self.failover_after {
            return None;
        }
        self.members.iter().find(|other| *other != member && !down.contains_key(*other))
    }
}

impl TryFrom<DestinationGroupText> for DestinationGroup {
    type Error = InvalidGroup;

    fn try_from(text: DestinationGroupText) -> Result<Self, InvalidGroup> {
        Self::new(text.id, text.members, Duration::from_secs(text.failover_after_seconds))
    }
}

fn push_once(list: &mut Vec<DestinationId>, name: &DestinationId) {
    if !list.contains(name) {
        list.push(name.clone());
    }
}

/// Five minutes: longer than a restart of most receivers, shorter than a reader's patience.
fn failover_after_seconds() -> u64 {
    300
}
