//! The running whole: studies in and out, orders in, reports in and out, in one process that an embedder owns.
//!
//! A [`Gateway`] is started with a [`Configuration`] and an [`Environment`]: the clock, the randomness, the task
//! spawner, the store and the payload spool are handed in, and so are the two listeners and the connector. It
//! opens nothing by itself.
//!
//! What it promises, in this order:
//! 1. a C-STORE is answered 0000H, and an HL7 message AA, only after what it carried is durable; "delivered" is
//!    recorded only from the peer's own answer;
//! 2. a report is filed, and a study linked to its order, only when an order-side and a patient-side identifier
//!    agree; everything else is parked with its evidence, or goes out marked `unmatched` or `mismatch`;
//! 3. data sets are passed on byte for byte, in the transfer syntax they came in.
//!
//! It is *not* an archive and not a viewer, and it never changes pixels.
//!
//! ```
//! use telerad_gateway::Configuration;
//!
//! let error = Configuration::from_toml("data_directory = 'd'\n[dicom]\nae_title = ''", "site.toml").unwrap_err();
//! assert_eq!((error.line, error.message.as_str()), (3, "AE title is empty"));
//! ```
//!
//! Limits: [`configuration::Spool`] for the disk, [`configuration::DicomEndpoint::associations_max`], [`configuration::Hl7Endpoint::message_bytes_max`],
//! [`configuration::Destination::associations_max`]; those of the protocols are in `telerad-net`.

mod acknowledge;
mod answers;
mod bell;
mod candidates;
mod change;
pub mod configuration;
mod deliver;
pub mod desk;
mod directory;
mod environment;
mod event;
mod faults;
mod garbage;
mod gateway;
mod handled;
mod health;
#[cfg(test)]
mod house;
mod intake;
mod merged;
mod messages;
mod modality_worklist;
mod new_orders;
mod onward;
mod order_changes;
mod orders;
mod outbox;
mod patients;
mod performed;
mod pixels;
mod raise;
mod receivers;
mod refusals;
mod relink;
mod reports;
mod room;
mod services;
mod source;
mod standing;
mod state;
mod steps;
mod still_parked;
mod stranded;
#[cfg(feature = "tls")]
pub mod tls;
mod turns;
mod undecided;
mod waiting_reports;
mod watermarks;
mod worklists;

pub use configuration::{Configuration, ConfigurationError};
pub use desk::Desk;
pub use environment::Environment;
pub use event::{Event, Operation};
pub use gateway::Gateway;
pub use telerad_net::{Rng, SystemRng};
