//! HL7 messages over MLLP streams.

mod config;
mod machine;
mod sender;
mod server;
mod session;

pub use config::{MessageHandler, ServerConfig};
pub use sender::{SendError, Sender, Timeouts};
pub use server::{serve, serve_stream};
