//! How proposals are made: what has to be said, spread over as few associations as the identifiers allow.

use std::collections::{BTreeMap, BTreeSet};

use crate::negotiation::{CONTEXTS_MAX, ProposedContext};
use crate::user_items::{RoleSelection, Roles};

/// A presentation context that is needed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContextNeed {
    /// The abstract syntax: a SOP class UID.
    pub sop_class_uid: String,
    /// The transfer syntax UIDs, most wanted first. With exactly one, the peer's choice cannot force an object into
    /// another encoding.
    pub transfer_syntaxes: Vec<String>,
    /// The roles we want to play for the SOP class. [`Roles::SCU`] needs no role selection, so none is proposed.
    pub roles: Roles,
}

impl ContextNeed {
    /// A context in one transfer syntax, for the usual role of a requestor.
    pub fn new(sop_class_uid: impl Into<String>, transfer_syntax: impl Into<String>) -> Self {
        Self {
            sop_class_uid: sop_class_uid.into(),
            transfer_syntaxes: vec![transfer_syntax.into()],
            roles: Roles::SCU,
        }
    }

    /// The same context for other roles: [`Roles::SCP`] for what comes back in a C-GET, or for the reports of a storage
    /// commitment that we provide.
    #[must_use]
    pub fn with_roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }
}

/// What to propose on one association.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Proposal {
    /// The contexts, at most [`CONTEXTS_MAX`].
    pub contexts: Vec<ProposedContext>,
    /// The role selection that goes with them, for [`crate::UserItems::roles`].
    pub roles: Vec<RoleSelection>,
}

/// Distributes contexts over as few associations as the identifiers allow.
///
/// `every` are the contexts that each association must have, such as the one on which a C-GET is asked; `needs` are
/// those of which any association may have any. Order is kept and repeats are left out. Roles are proposed for a SOP
/// class, so when its contexts want different ones, both are proposed. Without `needs` there is one association with
/// `every`; when `every` leaves no room for a
/// single need, nothing can be planned and the result is empty.
pub fn plan_associations(every: &[ContextNeed], needs: &[ContextNeed]) -> Vec<Proposal> {
    let mut roles: BTreeMap<&str, Roles> = BTreeMap::new();
    for need in every.iter().chain(needs) {
        let wanted = roles.entry(&need.sop_class_uid).or_insert(Roles::NONE);
        *wanted = wanted.or(need.roles);
    }
    let mut seen = BTreeSet::new();
    let every = distinct(every, &mut seen);
    let needs = distinct(needs, &mut seen);
    let room = CONTEXTS_MAX.saturating_sub(every.len());
    if room == 0 || (every.is_empty() && needs.is_empty()) {
        return Vec::new();
    }
    if needs.is_empty() {
        return vec![proposal(&every, &roles)];
    }
    needs.chunks(room).map(|chunk| proposal(&[&every, chunk].concat(), &roles)).collect()
}

/// Distributes what has to be sent over as few associations as the identifiers allow.
///
/// Each element of the result is the proposal for one association. Every distinct pair of SOP class UID and
/// transfer syntax UID gets a context of its own, so that the peer's choice can never force an object into
/// another encoding; no other transfer syntax is added. Order is kept.
pub fn plan_contexts<C: AsRef<str>, S: AsRef<str>>(needs: &[(C, S)]) -> Vec<Vec<ProposedContext>> {
    let needs: Vec<_> = needs
        .iter()
        .map(|(class, syntax)| ContextNeed::new(class.as_ref(), syntax.as_ref()))
        .collect();
    plan_associations(&[], &needs).into_iter().map(|proposal| proposal.contexts).collect()
}

/// The needs that have not been seen before.
fn distinct<'a>(
    needs: &'a [ContextNeed],
    seen: &mut BTreeSet<(&'a str, &'a [String])>,
) -> Vec<&'a ContextNeed> {
    let is_new = |need: &&'a ContextNeed| {
        let need: &'a ContextNeed = need;
        seen.insert((need.sop_class_uid.as_str(), need.transfer_syntaxes.as_slice()))
    };
    needs.iter().filter(is_new).collect()
}

fn proposal(needs: &[&ContextNeed], roles: &BTreeMap<&str, Roles>) -> Proposal {
    let identifiers = (1..=u8::MAX).step_by(2);
    let mut proposal = Proposal::default();
    for (id, need) in identifiers.zip(needs) {
        let class = need.sop_class_uid.as_str();
        let is_selected = |selection: &RoleSelection| selection.sop_class_uid == class;
        match roles.get(class) {
            None | Some(&Roles::SCU) => {}
            Some(_) if proposal.roles.iter().any(is_selected) => {}
            Some(roles) => {
                let selection = RoleSelection { sop_class_uid: class.to_owned(), roles: *roles };
                proposal.roles.push(selection);
            }
        }
        proposal.contexts.push(ProposedContext {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: need.transfer_syntaxes.clone(),
        });
    }
    proposal
}

#[cfg(test)]
mod tests {
    use super::{ContextNeed, plan_associations, plan_contexts};
    use crate::user_items::{RoleSelection, Roles};

    const SYNTAX: &str = "1.2.840.10008.1.2";

    #[test]
    fn a_context_offers_exactly_one_transfer_syntax() {
        let plan = plan_contexts(&[("1.2", "9.1"), ("1.2", "9.2"), ("1.2", "9.1")]);
        assert_eq!(plan.len(), 1);
        let pairs: Vec<_> = plan[0]
            .iter()
            .map(|context| (context.id, context.transfer_syntaxes.join("+")))
            .collect();
        assert_eq!(pairs, [(1, "9.1".to_owned()), (3, "9.2".to_owned())]);
    }

    #[test]
    fn the_hundred_and_twenty_ninth_context_opens_a_second_association() {
        let needs: Vec<_> = (0..129).map(|n| (format!("1.2.{n}"), SYNTAX)).collect();
        let plan = plan_contexts(&needs);
        assert_eq!(plan.iter().map(Vec::len).collect::<Vec<_>>(), [128, 1]);
        assert_eq!(plan[0].last().map(|context| context.id), Some(255));
        assert_eq!(plan[1][0].abstract_syntax, "1.2.128");
    }

    #[test]
    fn nothing_to_send_needs_no_association() {
        assert!(plan_contexts::<&str, &str>(&[]).is_empty());
        assert!(plan_associations(&[], &[]).is_empty());
    }

    #[test]
    fn a_retrieval_asks_on_every_association_and_takes_what_comes_as_provider() {
        let get = ContextNeed::new("1.2.840.10008.5.1.4.1.2.2.3", SYNTAX);
        let storage: Vec<_> = (0..100)
            .flat_map(|n| [(n, "9.1"), (n, "9.2")])
            .map(|(n, syntax)| ContextNeed::new(format!("1.2.{n}"), syntax).with_roles(Roles::SCP))
            .collect();
        let plan = plan_associations(std::slice::from_ref(&get), &storage);
        let lengths: Vec<_> = plan.iter().map(|proposal| proposal.contexts.len()).collect();
        assert_eq!(lengths, [128, 74]);
        for proposal in &plan {
            assert_eq!(proposal.contexts[0].id, 1);
            assert_eq!(proposal.contexts[0].abstract_syntax, get.sop_class_uid);
            assert!(proposal.roles.iter().all(|selection| selection.roles == Roles::SCP));
        }
        // 127 places after the query: the last class of the first association has one context there.
        assert_eq!([plan[0].roles.len(), plan[1].roles.len()], [64, 37]);
    }

    #[test]
    fn a_class_that_is_needed_in_two_roles_is_proposed_once_with_both() {
        let needs = [
            ContextNeed::new("1.2", SYNTAX),
            ContextNeed::new("1.2", SYNTAX).with_roles(Roles::SCP),
            ContextNeed::new("1.3", SYNTAX),
        ];
        let plan = plan_associations(&[], &needs);
        assert_eq!((plan.len(), plan[0].contexts.len()), (1, 2));
        let expected = RoleSelection { sop_class_uid: "1.2".to_owned(), roles: Roles::BOTH };
        assert_eq!(plan[0].roles, [expected]);
    }

    #[test]
    fn contexts_that_every_association_must_have_may_leave_no_room() {
        let every: Vec<_> =
            (0..128).map(|n| ContextNeed::new(format!("1.2.{n}"), SYNTAX)).collect();
        assert!(plan_associations(&every, &[ContextNeed::new("1.3", SYNTAX)]).is_empty());
        assert_eq!(plan_associations(&every[..127], &[]).len(), 1);
    }
}
