//! What single peers cannot bear.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use telerad_dimse::ProposedContext;

/// What one peer cannot bear, found out the hard way or by a probe. By default a peer bears everything.
///
/// Two more are fields of [`Peer::association`](super::Peer::association): `accept_missing_role_answers`, and
/// `pdu_bytes_max` for a peer that fails with large PDUs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Quirks {
    /// The peer takes only so many associations of ours at a time. A pool obeys, where its own limit is not lower still.
    pub associations_max: Option<NonZeroUsize>,
    /// The peer drops, or charges for, associations that are idle for this long. A pool releases them earlier: it takes
    /// this in place of [`PoolConfig::linger`](super::PoolConfig::linger). Zero: no association is kept.
    pub linger: Option<Duration>,
    /// The peer answers a context that proposes several transfer syntaxes wrongly, or with the worst of them. Each is
    /// proposed in a context of its own instead, as long as the 128 identifiers of an association last.
    pub one_transfer_syntax_per_context: bool,
    /// The peer fails after so many operations on one association. A pool lends an association no more once it has had so
    /// many; who borrows one for several operations has to count them. 1 means an association for each loan.
    pub operations_max: Option<NonZeroU32>,
    /// The peer aborts at, or is confused by, the items of PS3.7 section D.3.3 beyond the mandatory ones.
    /// [`Peer::user`](super::Peer::user) is not proposed: no roles, window, extended negotiation or identity.
    pub plain_negotiation: bool,
}

impl Quirks {
    /// What is proposed to a peer with these quirks.
    pub(super) fn proposal(&self, contexts: Vec<ProposedContext>) -> Vec<ProposedContext> {
        let syntaxes: usize = contexts.iter().map(|it| it.transfer_syntaxes.len()).sum();
        let splits = contexts.iter().any(|it| it.transfer_syntaxes.len() > 1);
        if !self.one_transfer_syntax_per_context || !splits || syntaxes > CONTEXTS_MAX {
            return contexts;
        }
        let pairs = contexts.iter().flat_map(|context| {
            context.transfer_syntaxes.iter().map(|syntax| (&context.abstract_syntax, syntax))
        });
        // Identifiers are odd (PS3.8 section 9.3.2.2).
        let ids = (1..=u8::MAX).step_by(2);
        ids.zip(pairs)
            .map(|(id, (class, syntax))| ProposedContext {
                id,
                abstract_syntax: class.clone(),
                transfer_syntaxes: vec![syntax.clone()],
            })
            .collect()
    }
}

/// Of one association: as many as there are odd bytes.
const CONTEXTS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::Quirks;
    use telerad_dimse::ProposedContext;

    fn context(id: u8, class: &str, syntaxes: &[&str]) -> ProposedContext {
        let transfer_syntaxes = syntaxes.iter().map(|&it| it.to_owned()).collect();
        ProposedContext { id, abstract_syntax: class.to_owned(), transfer_syntaxes }
    }

    #[test]
    fn each_transfer_syntax_gets_a_context_where_the_peer_needs_it() {
        let contexts = vec![context(1, "1.2", &["1.3", "1.4"]), context(7, "1.5", &["1.3"])];
        assert_eq!(Quirks::default().proposal(contexts.clone()), contexts);
        let quirks = Quirks { one_transfer_syntax_per_context: true, ..Quirks::default() };
        let expected =
            [context(1, "1.2", &["1.3"]), context(3, "1.2", &["1.4"]), context(5, "1.5", &["1.3"])];
        assert_eq!(quirks.proposal(contexts), expected);
    }

    #[test]
    fn what_does_not_fit_is_not_dropped() {
        let quirks = Quirks { one_transfer_syntax_per_context: true, ..Quirks::default() };
        let whole = |count| vec![context(1, "1.2", &vec!["1.3"; count])];
        assert_eq!(quirks.proposal(whole(128)).last().map(|it| it.id), Some(255));
        assert_eq!(quirks.proposal(whole(129)), whole(129));
    }
}
