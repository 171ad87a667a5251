//! Parts that several example programs share.

mod bridge;
mod files;
mod gateway_process;
mod messages;
mod outcome;
mod profile;

pub use bridge::{Bridge, Taken, files_in, now};
pub use files::{InstanceFile, find_instances, save};
pub use gateway_process::run_gateway;
pub use messages::{decoded, printable, read_messages};
pub use outcome::{Shown, complain, finish, is_unread};
pub use profile::read_profile;
