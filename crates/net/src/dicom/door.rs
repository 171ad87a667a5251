//! Who may come in.

use telerad_core::AeTitle;
use telerad_dimse::{AssociateRequest, Rejection, UserItems};

use crate::Remote;

/// The door of a [`Server`](super::Server): decides who may associate, and what they may use.
///
/// An AE title is a claim that anybody can make. With TLS and client certificates the remote has proved who it is;
/// [`CertificatePolicy`](crate::tls::CertificatePolicy) says which titles that entitles it to.
///
/// A closure of the first method's shape is a door through which everything that is registered can be used;
/// [`CalledTitle`] is one for everybody who knows our name.
pub trait Door: Send + Sync + 'static {
    /// Decides whether this caller may associate at all.
    ///
    /// # Errors
    /// The rejection that the caller is to hear.
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection>;

    /// Whether this caller, who was admitted, is offered this SOP class, given that something is registered for it. By
    /// default always. Verification is offered to everybody.
    fn offers(&self, request: &AssociateRequest, sop_class_uid: &str) -> bool {
        let _ = (request, sop_class_uid);
        true
    }

    /// Answers asynchronous operations, extended negotiation and identity, by default with nothing. Roles are answered by
    /// what is registered.
    ///
    /// A caller who asks for an operations window (PS3.7 section D.3.3.3) is granted what this allows: with `invoked` of the
    /// [`AsyncWindow`](telerad_dimse::AsyncWindow) above 1, so many of its requests are served at once, each with its body
    /// buffer, and answered as they get ready. More wait. Services are polled by turns on the task of the association, so
    /// what computes for long belongs on a thread of its own.
    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        let _ = request;
        UserItems::default()
    }
}

impl<F> Door for F
where
    F: Fn(&AssociateRequest, &Remote) -> Result<(), Rejection> + Send + Sync + 'static,
{
    fn admit(&self, request: &AssociateRequest, remote: &Remote) -> Result<(), Rejection> {
        self(request, remote)
    }
}

/// Admits whoever calls this title, whatever they call themselves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CalledTitle(pub AeTitle);

impl Door for CalledTitle {
    fn admit(&self, request: &AssociateRequest, _remote: &Remote) -> Result<(), Rejection> {
        match request.called == self.0 {
            true => Ok(()),
            false => Err(Rejection::CALLED_AE_NOT_RECOGNIZED),
        }
    }
}
