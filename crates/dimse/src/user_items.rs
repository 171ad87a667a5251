//! The optional user information of an association (PS3.7 section D.3.3): roles, asynchronous operations, extended
//! negotiation and user identity.

/// What a requestor proposes and an acceptor answers beyond contexts, lengths and implementation names.
///
/// The default is to say nothing, with which the defaults of PS3.7 section D.3.3 hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UserItems {
    /// SCP/SCU Role Selection (54H), at most one for a SOP class.
    pub roles: Vec<RoleSelection>,
    /// Asynchronous Operations Window (53H).
    pub async_window: Option<AsyncWindow>,
    /// SOP Class Extended Negotiation (56H), at most one for a SOP class.
    pub extended: Vec<ExtendedNegotiation>,
    /// SOP Class Common Extended Negotiation (57H); only a request has it.
    pub common_extended: Vec<CommonExtendedNegotiation>,
    /// User Identity (58H); only a request has it.
    pub identity: Option<UserIdentity>,
    /// The answer to a user identity that asked for one (59H); only an acceptance has it.
    pub identity_response: Option<UserIdentityResponse>,
}

impl UserItems {
    /// The roles that are proposed or answered for a SOP class; `None` when nothing is said about it.
    pub fn roles_of(&self, sop_class_uid: &str) -> Option<Roles> {
        let named = |selection: &&RoleSelection| selection.sop_class_uid == sop_class_uid;
        self.roles.iter().find(named).map(|selection| selection.roles)
    }

    /// The extended negotiation of a SOP class; `None` when nothing is said about it.
    pub fn extended_of(&self, sop_class_uid: &str) -> Option<&[u8]> {
        let named = |item: &&ExtendedNegotiation| item.sop_class_uid == sop_class_uid;
        self.extended.iter().find(named).map(|item| item.application_information.as_slice())
    }

    /// What of an acceptor's answer may be sent, given what was proposed to it: nothing that was not asked for, and no
    /// more than was asked for (PS3.7 sections D.3.3.3 to D.3.3.7).
    pub(crate) fn answering(mut self, proposed: &Self) -> Self {
        self.roles.retain_mut(|selection| {
            let wanted = proposed.roles_of(&selection.sop_class_uid);
            selection.roles = selection.roles.and(wanted.unwrap_or(Roles::NONE));
            wanted.is_some()
        });
        self.async_window = match (proposed.async_window, self.async_window) {
            (Some(wanted), Some(allowed)) => Some(wanted.and(allowed)),
            _ => None,
        };
        self.extended.retain(|item| proposed.extended_of(&item.sop_class_uid).is_some());
        self.common_extended.clear();
        self.identity = None;
        if !proposed.identity.as_ref().is_some_and(|identity| identity.positive_response_requested)
        {
            self.identity_response = None;
        }
        self
    }
}

/// The roles one side plays, or offers to play, for a SOP class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roles {
    /// Service class user: invokes operations.
    pub scu: bool,
    /// Service class provider: performs operations.
    pub scp: bool,
}

impl Roles {
    /// Service class user only: the requestor's role unless something else is agreed (PS3.7 section D.3.3.4).
    pub const SCU: Self = Self { scu: true, scp: false };
    /// Service class provider only: the acceptor's role unless something else is agreed.
    pub const SCP: Self = Self { scu: false, scp: true };
    /// Both roles.
    pub const BOTH: Self = Self { scu: true, scp: true };
    /// No role at all.
    pub const NONE: Self = Self { scu: false, scp: false };

    /// The roles that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { scu: self.scu && other.scu, scp: self.scp && other.scp }
    }

    /// The roles that are in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { scu: self.scu || other.scu, scp: self.scp || other.scp }
    }

    /// The roles of the other side.
    #[must_use]
    pub const fn of_peer(self) -> Self {
        Self { scu: self.scp, scp: self.scu }
    }
}

/// The requestor's roles for one SOP class (PS3.7 section D.3.3.4): those it offers, or those the acceptor grants it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RoleSelection {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// The requestor's roles.
    pub roles: Roles,
}

/// How many operations may be outstanding at once (PS3.7 section D.3.3.3), seen from the requestor in a request and in
/// its answer alike; 0 means any number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AsyncWindow {
    /// How many operations the requestor may invoke.
    pub invoked: u16,
    /// How many operations the requestor performs, so how many the acceptor may invoke.
    pub performed: u16,
}

impl AsyncWindow {
    /// One at a time each way, which holds when no window is agreed.
    pub const SYNCHRONOUS: Self = Self { invoked: 1, performed: 1 };

    /// The window that keeps within both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let smaller = |one: u16, other: u16| match (one, other) {
            (0, limit) | (limit, 0) => limit,
            (one, other) => one.min(other),
        };
        Self {
            invoked: smaller(self.invoked, other.invoked),
            performed: smaller(self.performed, other.performed),
        }
    }
}

/// Application information about one SOP class (PS3.7 section D.3.3.5); what its bytes mean, PS3.4 says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExtendedNegotiation {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// Service-class-application-information.
    pub application_information: Vec<u8>,
}

/// What kind of class a SOP class is (PS3.7 section D.3.3.6), so that an acceptor that does not know it can still tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommonExtendedNegotiation {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// Service Class UID.
    pub service_class_uid: String,
    /// Related General SOP Class UIDs.
    pub related_general_sop_class_uids: Vec<String>,
}

/// Who the user behind the requestor is (PS3.7 section D.3.3.7).
#[derive(Clone, Eq, PartialEq)]
pub struct UserIdentity {
    /// What the fields hold.
    pub kind: UserIdentityKind,
    /// Whether the acceptor is asked to say that it took the identity.
    pub positive_response_requested: bool,
    /// Primary field: user name, ticket, assertion or token.
    pub primary: Vec<u8>,
    /// Secondary field: the passcode; empty for other kinds.
    pub secondary: Vec<u8>,
}

impl std::fmt::Debug for UserIdentity {
    /// The kind; who it is, and with what secret, is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserIdentity")
            .field("kind", &self.kind)
            .field("positive_response_requested", &self.positive_response_requested)
            .finish_non_exhaustive()
    }
}

/// User-Identity-Type (PS3.7 table D.3-14).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UserIdentityKind {
    /// User name in UTF-8 (1).
    Username,
    /// User name and passcode in UTF-8 (2).
    UsernameAndPasscode,
    /// Kerberos service ticket (3).
    Kerberos,
    /// SAML assertion (4).
    Saml,
    /// JSON web token (5).
    Jwt,
    /// A type that the standard reserves.
    Reserved(u8),
}

impl UserIdentityKind {
    /// The kind of a type code.
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Username,
            2 => Self::UsernameAndPasscode,
            3 => Self::Kerberos,
            4 => Self::Saml,
            5 => Self::Jwt,
            other => Self::Reserved(other),
        }
    }

    /// The type code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Username => 1,
            Self::UsernameAndPasscode => 2,
            Self::Kerberos => 3,
            Self::Saml => 4,
            Self::Jwt => 5,
            Self::Reserved(code) => code,
        }
    }
}

/// That the acceptor took the user identity (PS3.7 section D.3.3.7.2).
#[derive(Clone, Default, Eq, PartialEq)]
pub struct UserIdentityResponse {
    /// Server response: empty for user names, else a ticket, assertion or token.
    pub server_response: Vec<u8>,
}

impl std::fmt::Debug for UserIdentityResponse {
    /// That there is one; tickets and tokens are not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserIdentityResponse").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AsyncWindow, CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, Roles,
        UserIdentity, UserIdentityKind, UserIdentityResponse, UserItems,
    };

    fn role(class: &str, roles: Roles) -> RoleSelection {
        RoleSelection { sop_class_uid: class.to_owned(), roles }
    }

    fn extended(class: &str) -> ExtendedNegotiation {
        ExtendedNegotiation { sop_class_uid: class.to_owned(), application_information: vec![1] }
    }

    fn identity(positive_response_requested: bool) -> UserIdentity {
        UserIdentity {
            kind: UserIdentityKind::UsernameAndPasscode,
            positive_response_requested,
            primary: b"someone".to_vec(),
            secondary: b"secret".to_vec(),
        }
    }

    #[test]
    fn an_answer_says_nothing_that_was_not_asked() {
        let answer = UserItems {
            roles: vec![role("1.2", Roles::BOTH)],
            async_window: Some(AsyncWindow { invoked: 8, performed: 8 }),
            extended: vec![extended("1.2")],
            common_extended: vec![CommonExtendedNegotiation {
                sop_class_uid: "1.2".to_owned(),
                service_class_uid: "1.3".to_owned(),
                related_general_sop_class_uids: vec![],
            }],
            identity: Some(identity(true)),
            identity_response: Some(UserIdentityResponse::default()),
        };
        assert_eq!(answer.clone().answering(&UserItems::default()), UserItems::default());
        let silent = UserItems { identity: Some(identity(false)), ..UserItems::default() };
        assert_eq!(answer.answering(&silent), UserItems::default());
    }

    #[test]
    fn an_answer_grants_no_more_than_was_asked() {
        let proposed = UserItems {
            roles: vec![role("1.2", Roles::SCP), role("1.3", Roles::BOTH)],
            async_window: Some(AsyncWindow { invoked: 0, performed: 4 }),
            extended: vec![extended("1.4")],
            identity: Some(identity(true)),
            ..UserItems::default()
        };
        let answer = UserItems {
            roles: vec![role("1.2", Roles::BOTH), role("1.3", Roles::SCU), role("1.5", Roles::SCU)],
            async_window: Some(AsyncWindow { invoked: 6, performed: 0 }),
            extended: vec![extended("1.4"), extended("1.5")],
            identity_response: Some(UserIdentityResponse::default()),
            ..UserItems::default()
        };
        let expected = UserItems {
            roles: vec![role("1.2", Roles::SCP), role("1.3", Roles::SCU)],
            async_window: Some(AsyncWindow { invoked: 6, performed: 4 }),
            extended: vec![extended("1.4")],
            identity_response: Some(UserIdentityResponse::default()),
            ..UserItems::default()
        };
        assert_eq!(answer.answering(&proposed), expected);
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", identity(true));
        assert!(shown.contains("UsernameAndPasscode"));
        assert!(!shown.contains("115") && !shown.contains("secret"), "{shown}");
        let response = UserIdentityResponse { server_response: b"secret".to_vec() };
        assert_eq!(format!("{response:?}"), "UserIdentityResponse { .. }");
    }
}
