//! The PDUs that open and end an association (PS3.8 section 9.3).
//!
//! They are read here, because real peers send what dicom-ul refuses: unknown items (PS3.8 section 9.3.1 says that they
//! are ignored), names padded with NUL, refused contexts without a transfer syntax, reserved codes. dicom-ul writes
//! them, and is the oracle for both directions in tests.

mod items;
mod read;
mod user;
mod write;

pub(crate) use read::{
    Acceptance, Request, read_abort, read_acceptance, read_rejection, read_request,
};
pub(crate) use user::UserVariables;
pub(crate) use write::{
    write_abort, write_acceptance, write_rejection, write_release_request, write_release_response,
    write_request,
};

/// Stands where the standard demands a transfer syntax without meaning: implicit VR little endian.
const ANY_TRANSFER_SYNTAX: &str = telerad_dicom::uids::IMPLICIT_VR_LITTLE_ENDIAN;

#[cfg(test)]
mod tests;
