//! How an acceptor answers a proposal: a pure function of what is proposed and what is offered.

use crate::negotiation::{AssociateRequest, ContextResult, ProposedContext};
use crate::user_items::{RoleSelection, Roles, UserItems};

/// What an acceptor offers for one SOP class.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClassOffer {
    /// Which transfer syntaxes it takes.
    pub transfer_syntaxes: SyntaxOffer,
    /// The roles that the requestor may play. [`Roles::SCU`] is the default, which needs no answer.
    pub requestor_roles: Roles,
}

impl ClassOffer {
    /// An offer to a requestor in its usual role.
    pub const fn new(transfer_syntaxes: SyntaxOffer) -> Self {
        Self { transfer_syntaxes, requestor_roles: Roles::SCU }
    }
}

/// Which transfer syntaxes are taken, and whose order decides between several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SyntaxOffer {
    /// Whatever is proposed first, known or not, standard or private: for what is only kept and forwarded.
    Any,
    /// The first of ours that is proposed; nothing else.
    OurOrder(Vec<String>),
    /// The first of ours that is proposed; without one, whatever is proposed first.
    Preferring(Vec<String>),
    /// The first proposed one that is among ours; nothing else.
    TheirOrder(Vec<String>),
}

impl SyntaxOffer {
    /// The transfer syntax for a context; `None` when no proposed one is taken.
    pub fn choose<'a>(&self, proposed: &'a [String]) -> Option<&'a str> {
        let ours_first = |ours: &[String]| {
            ours.iter().find_map(|syntax| proposed.iter().find(|proposed| *proposed == syntax))
        };
        // A name without characters names nothing.
        let theirs_first = || proposed.iter().find(|syntax| !syntax.is_empty());
        let chosen = match self {
            Self::Any => theirs_first(),
            Self::OurOrder(ours) => ours_first(ours),
            Self::Preferring(ours) => ours_first(ours).or_else(theirs_first),
            Self::TheirOrder(ours) => proposed.iter().find(|syntax| ours.contains(syntax)),
        };
        chosen.map(String::as_str)
    }
}

/// Answers the contexts of a request, in its order, and its role selection.
///
/// `offer` says what is offered for a SOP class, `None` where it is not; it is asked once for each context. The result
/// goes to [`crate::Association::accept_with`], after more answers have been put into its user items where wanted: the
/// window, extended negotiation and identity are for the caller to decide.
pub fn decide(
    request: &AssociateRequest,
    mut offer: impl FnMut(&str) -> Option<ClassOffer>,
) -> (Vec<(u8, ContextResult)>, UserItems) {
    let mut results = Vec::with_capacity(request.contexts.len());
    let mut user = UserItems::default();
    for ProposedContext { id, abstract_syntax, transfer_syntaxes } in &request.contexts {
        let offered = offer(abstract_syntax);
        let result = match &offered {
            None => ContextResult::AbstractSyntaxNotSupported,
            Some(offered) => match offered.transfer_syntaxes.choose(transfer_syntaxes) {
                Some(syntax) => ContextResult::Accepted { transfer_syntax: syntax.to_owned() },
                None => ContextResult::TransferSyntaxesNotSupported,
            },
        };
        results.push((*id, result));
        let (Some(offered), Some(proposed)) = (offered, request.user.roles_of(abstract_syntax))
        else {
            continue;
        };
        if user.roles_of(abstract_syntax).is_none() {
            let roles = offered.requestor_roles.and(proposed);
            user.roles.push(RoleSelection { sop_class_uid: abstract_syntax.clone(), roles });
        }
    }
    (results, user)
}

#[cfg(test)]
mod tests {
    use telerad_core::AeTitle;

    use super::{ClassOffer, SyntaxOffer, decide};
    use crate::negotiation::{AssociateRequest, ContextResult, ProposedContext};
    use crate::user_items::{RoleSelection, Roles, UserItems};

    fn list(syntaxes: &[&str]) -> Vec<String> {
        syntaxes.iter().map(|syntax| (*syntax).to_owned()).collect()
    }

    #[track_caller]
    fn check(offer: SyntaxOffer, proposed: &[&str], expected: Option<&str>) {
        assert_eq!(offer.choose(&list(proposed)), expected);
    }

    #[test]
    fn the_order_that_counts_is_the_one_that_is_said_to_count() {
        let ours = || list(&["9.1", "9.2"]);
        check(SyntaxOffer::OurOrder(ours()), &["9.2", "9.1"], Some("9.1"));
        check(SyntaxOffer::TheirOrder(ours()), &["9.2", "9.1"], Some("9.2"));
        check(SyntaxOffer::Preferring(ours()), &["8.8", "9.2"], Some("9.2"));
        check(SyntaxOffer::Any, &["8.8", "9.1"], Some("8.8"));
    }

    #[test]
    fn a_syntax_that_nobody_knows_is_taken_only_where_all_are() {
        let ours = || list(&["9.1"]);
        check(SyntaxOffer::OurOrder(ours()), &["1.2.840.113619.5.2"], None);
        check(SyntaxOffer::TheirOrder(ours()), &["1.2.840.113619.5.2"], None);
        check(SyntaxOffer::Preferring(ours()), &["1.2.840.113619.5.2"], Some("1.2.840.113619.5.2"));
        check(SyntaxOffer::Any, &["", "1.2.840.113619.5.2"], Some("1.2.840.113619.5.2"));
        check(SyntaxOffer::Any, &[""], None);
    }

    #[test]
    fn each_class_has_its_own_list_and_roles_are_answered_where_they_were_proposed() {
        let context = |id, class: &str, syntaxes: &[&str]| ProposedContext {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: list(syntaxes),
        };
        let role = |class: &str, roles| RoleSelection { sop_class_uid: class.to_owned(), roles };
        let request = AssociateRequest {
            calling: AeTitle::new("CT1").unwrap(),
            called: AeTitle::new("TELERAD").unwrap(),
            contexts: vec![
                context(1, "1.1", &["9.1", "9.2"]),
                context(3, "1.2", &["9.1", "9.2"]),
                context(5, "1.2", &["9.1"]),
                context(7, "1.3", &["9.1"]),
                context(9, "1.4", &["9.1"]),
            ],
            pdu_bytes_max: 0,
            implementation_class_uid: String::new(),
            implementation_version_name: String::new(),
            user: UserItems {
                roles: vec![
                    role("1.2", Roles::BOTH),
                    role("1.3", Roles::SCP),
                    role("1.4", Roles::SCP),
                ],
                ..UserItems::default()
            },
        };
        let (results, user) = decide(&request, |class| match class {
            "1.1" => Some(ClassOffer::new(SyntaxOffer::Any)),
            "1.2" => Some(ClassOffer {
                transfer_syntaxes: SyntaxOffer::OurOrder(list(&["9.2"])),
                requestor_roles: Roles::SCP,
            }),
            "1.4" => Some(ClassOffer::new(SyntaxOffer::Any)),
            _ => None,
        });
        let accepted =
            |syntax: &str| ContextResult::Accepted { transfer_syntax: syntax.to_owned() };
        let expected = [
            (1, accepted("9.1")),
            (3, accepted("9.2")),
            (5, ContextResult::TransferSyntaxesNotSupported),
            (7, ContextResult::AbstractSyntaxNotSupported),
            (9, accepted("9.1")),
        ];
        assert_eq!(results, expected);
        assert_eq!(user.roles, [role("1.2", Roles::SCP), role("1.4", Roles::NONE)]);
    }
}
