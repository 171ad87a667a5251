//! The state machine of PS3.8 section 9.2: states (tables 9-1 to 9-5), events, actions (9-6 to 9-9), and table 9-10.
//!
//! Nothing here has an effect; `association` carries the actions out.

/// The states, in the words of PS3.8 tables 9-1 to 9-5.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// Idle.
    Sta1,
    /// Transport connection open, awaiting A-ASSOCIATE-RQ PDU.
    Sta2,
    /// Awaiting local A-ASSOCIATE response primitive.
    Sta3,
    /// Awaiting transport connection opening to complete.
    Sta4,
    /// Awaiting A-ASSOCIATE-AC or A-ASSOCIATE-RJ PDU.
    Sta5,
    /// Association established and ready for data transfer.
    Sta6,
    /// Awaiting A-RELEASE-RP PDU.
    Sta7,
    /// Awaiting local A-RELEASE response primitive.
    Sta8,
    /// Release collision, requestor side: awaiting A-RELEASE response primitive.
    Sta9,
    /// Release collision, acceptor side: awaiting A-RELEASE-RP PDU.
    Sta10,
    /// Release collision, requestor side: awaiting A-RELEASE-RP PDU.
    Sta11,
    /// Release collision, acceptor side: awaiting A-RELEASE response primitive.
    Sta12,
    /// Awaiting transport connection close indication; the association no longer exists.
    Sta13,
}

/// The events, in the order of table 9-10.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trigger {
    /// Evt1: A-ASSOCIATE request primitive.
    AssociateRequest,
    /// Evt2: transport connect confirmation.
    TransportConfirmed,
    /// Evt3: A-ASSOCIATE-AC PDU.
    AcceptPdu,
    /// Evt4: A-ASSOCIATE-RJ PDU.
    RejectPdu,
    /// Evt5: transport connection indication.
    TransportIndicated,
    /// Evt6: A-ASSOCIATE-RQ PDU.
    RequestPdu,
    /// Evt7: A-ASSOCIATE response primitive, accept.
    AcceptResponse,
    /// Evt8: A-ASSOCIATE response primitive, reject.
    RejectResponse,
    /// Evt9: P-DATA request primitive.
    DataRequest,
    /// Evt10: P-DATA-TF PDU.
    DataPdu,
    /// Evt11: A-RELEASE request primitive.
    ReleaseRequest,
    /// Evt12: A-RELEASE-RQ PDU.
    ReleaseRequestPdu,
    /// Evt13: A-RELEASE-RP PDU.
    ReleaseResponsePdu,
    /// Evt14: A-RELEASE response primitive.
    ReleaseResponse,
    /// Evt15: A-ABORT request primitive.
    AbortRequest,
    /// Evt16: A-ABORT PDU.
    AbortPdu,
    /// Evt17: transport connection closed.
    TransportClosed,
    /// Evt18: ARTIM timer expired.
    ArtimExpired,
    /// Evt19: unrecognized or invalid PDU.
    InvalidPdu,
}

/// Which side opened the association; AR-8 depends on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// The side that was called.
    Acceptor,
    /// The side that called.
    Requestor,
}

/// The actions, in the words of tables 9-6 to 9-9.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Issue a transport connect request.
    Ae1,
    /// Send A-ASSOCIATE-RQ PDU.
    Ae2,
    /// Issue A-ASSOCIATE confirmation (accept).
    Ae3,
    /// Issue A-ASSOCIATE confirmation (reject), close transport.
    Ae4,
    /// Issue transport connection response, start ARTIM.
    Ae5,
    /// Stop ARTIM; A-ASSOCIATE indication, or A-ASSOCIATE-RJ when unacceptable to the provider.
    Ae6,
    /// Send A-ASSOCIATE-AC PDU.
    Ae7,
    /// Send A-ASSOCIATE-RJ PDU, start ARTIM.
    Ae8,
    /// Send P-DATA-TF PDU.
    Dt1,
    /// Issue P-DATA indication.
    Dt2,
    /// Send A-RELEASE-RQ PDU.
    Ar1,
    /// Issue A-RELEASE indication.
    Ar2,
    /// Issue A-RELEASE confirmation, close transport.
    Ar3,
    /// Send A-RELEASE-RP PDU, start ARTIM.
    Ar4,
    /// Stop ARTIM.
    Ar5,
    /// Issue P-DATA indication.
    Ar6,
    /// Send P-DATA-TF PDU.
    Ar7,
    /// Issue A-RELEASE indication (release collision).
    Ar8,
    /// Send A-RELEASE-RP PDU.
    Ar9,
    /// Issue A-RELEASE confirmation.
    Ar10,
    /// Send A-ABORT PDU (service-user source), start ARTIM.
    Aa1,
    /// Stop ARTIM, close transport.
    Aa2,
    /// Issue A-ABORT or A-P-ABORT indication, close transport.
    Aa3,
    /// Issue A-P-ABORT indication.
    Aa4,
    /// Stop ARTIM.
    Aa5,
    /// Ignore PDU.
    Aa6,
    /// Send A-ABORT PDU.
    Aa7,
    /// Send A-ABORT PDU (service-provider source), issue A-P-ABORT indication, start ARTIM.
    Aa8,
}

impl Action {
    /// Whether the PDU that led here is refused as such, so that its body need not be read.
    pub(crate) fn refuses_pdu(self) -> bool {
        matches!(self, Self::Aa1 | Self::Aa6 | Self::Aa7 | Self::Aa8)
    }

    /// The state that follows (last column of tables 9-6 to 9-9). AE-6 names its first alternative.
    pub(crate) fn next(self, role: Role) -> State {
        match self {
            Self::Ae1 => State::Sta4,
            Self::Ae2 => State::Sta5,
            Self::Ae3 | Self::Ae7 | Self::Dt1 | Self::Dt2 => State::Sta6,
            Self::Ae5 => State::Sta2,
            Self::Ae6 => State::Sta3,
            Self::Ar1 | Self::Ar6 => State::Sta7,
            Self::Ar2 | Self::Ar7 => State::Sta8,
            Self::Ar8 => match role {
                Role::Requestor => State::Sta9,
                Role::Acceptor => State::Sta10,
            },
            Self::Ar9 => State::Sta11,
            Self::Ar10 => State::Sta12,
            Self::Ae8 | Self::Ar4 | Self::Aa1 | Self::Aa6 | Self::Aa7 | Self::Aa8 => State::Sta13,
            Self::Ae4 | Self::Ar3 | Self::Ar5 => State::Sta1,
            Self::Aa2 | Self::Aa3 | Self::Aa4 | Self::Aa5 => State::Sta1,
        }
    }
}

/// The state in which a machine begins its work: the transport connection is there already.
pub(crate) fn opening(role: Role) -> State {
    let triggers: &[Trigger] = match role {
        Role::Acceptor => &[Trigger::TransportIndicated],
        Role::Requestor => &[Trigger::AssociateRequest, Trigger::TransportConfirmed],
    };
    triggers.iter().fold(State::Sta1, |state, trigger| {
        action(state, *trigger).map_or(state, |action| action.next(role))
    })
}

/// PS3.8 table 9-10. `None` where the table is empty: that cannot happen, or is our own user's mistake.
pub(crate) fn action(state: State, trigger: Trigger) -> Option<Action> {
    use Action::{
        Aa1, Aa2, Aa3, Aa4, Aa5, Aa6, Aa7, Aa8, Ae1, Ae2, Ae3, Ae4, Ae5, Ae6, Ae7, Ae8, Ar1, Ar2,
        Ar3, Ar4, Ar5, Ar6, Ar7, Ar8, Ar9, Ar10, Dt1, Dt2,
    };
    use State::{Sta1, Sta2, Sta3, Sta4, Sta5, Sta6, Sta7, Sta8, Sta9, Sta10, Sta11, Sta12, Sta13};
    Some(match (trigger, state) {
        (Trigger::AssociateRequest, Sta1) => Ae1,
        (Trigger::TransportConfirmed, Sta4) => Ae2,
        (Trigger::AcceptPdu, Sta5) => Ae3,
        (Trigger::RejectPdu, Sta5) => Ae4,
        (Trigger::TransportIndicated, Sta1) => Ae5,
        (Trigger::RequestPdu, Sta2) => Ae6,
        (Trigger::RequestPdu, Sta13) => Aa7,
        (Trigger::AcceptResponse, Sta3) => Ae7,
        (Trigger::RejectResponse, Sta3) => Ae8,
        (Trigger::DataRequest, Sta6) => Dt1,
        (Trigger::DataRequest, Sta8) => Ar7,
        (Trigger::DataPdu, Sta6) => Dt2,
        (Trigger::DataPdu, Sta7) => Ar6,
        (Trigger::ReleaseRequest, Sta6) => Ar1,
        (Trigger::ReleaseRequestPdu, Sta6) => Ar2,
        (Trigger::ReleaseRequestPdu, Sta7) => Ar8,
        (Trigger::ReleaseResponsePdu, Sta7 | Sta11) => Ar3,
        (Trigger::ReleaseResponsePdu, Sta10) => Ar10,
        (Trigger::ReleaseResponse, Sta8 | Sta12) => Ar4,
        (Trigger::ReleaseResponse, Sta9) => Ar9,
        (Trigger::AbortRequest, Sta4) => Aa2,
        (Trigger::AbortRequest, Sta1 | Sta2 | Sta13) => return None,
        (Trigger::AbortRequest, _) => Aa1,
        (Trigger::AbortPdu, Sta2 | Sta13) => Aa2,
        (Trigger::AbortPdu, Sta1 | Sta4) => return None,
        (Trigger::AbortPdu, _) => Aa3,
        (Trigger::TransportClosed, Sta1) => return None,
        (Trigger::TransportClosed, Sta2) => Aa5,
        (Trigger::TransportClosed, Sta13) => Ar5,
        (Trigger::TransportClosed, _) => Aa4,
        (Trigger::ArtimExpired, Sta2 | Sta13) => Aa2,
        (Trigger::InvalidPdu, Sta13) => Aa7,
        // Every other PDU is unexpected: refused while there is no association, a provider abort within one, ignored
        // after it.
        (
            Trigger::AcceptPdu
            | Trigger::RejectPdu
            | Trigger::RequestPdu
            | Trigger::DataPdu
            | Trigger::ReleaseRequestPdu
            | Trigger::ReleaseResponsePdu
            | Trigger::InvalidPdu,
            state,
        ) => match state {
            Sta1 | Sta4 => return None,
            Sta2 => Aa1,
            Sta13 => Aa6,
            Sta3 | Sta5 | Sta6 | Sta7 | Sta8 | Sta9 | Sta10 | Sta11 | Sta12 => Aa8,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
