//! HL7 messages over MLLP streams.
//!
//! | to | use |
//! |---|---|
//! | receive | [`serve`] with a [`MessageHandler`], within a [`ServerConfig`] |
//! | send one message at a time, pauses being yours | [`Sender`] |
//! | send from many tasks, several in flight, pauses being ours | [`Pipeline`] |
//!
//! Both senders believe an acknowledgement only when its MSA-2 names the message, and send nothing twice by themselves: what
//! has no acknowledgement is sent again by its owner, with the same MSH-10. In enhanced mode a commit answer (CA) is not
//! taken for the application's where both were asked for.

mod answer;
mod backoff;
mod budget;
mod config;
mod error;
mod line;
mod machine;
mod pipeline;
mod sender;
mod server;
mod session;
mod timeouts;

pub use answer::{Accepted, Answer, Reply};
pub use backoff::Reconnect;
pub use config::{Handled, MessageHandler, PipelineConfig, ServerConfig};
pub use error::SendError;
pub use pipeline::Pipeline;
pub use sender::Sender;
pub use server::{serve, serve_stream};
pub use timeouts::Timeouts;
