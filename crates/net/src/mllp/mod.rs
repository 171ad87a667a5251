//! HL7 messages over MLLP streams.

mod config;
mod machine;
mod sender;
mod server;
mod session;

pub use config::{Handled, MessageHandler, ServerConfig};
pub use sender::{Reconnect, SendError, Sender, Timeouts};
pub use server::{serve, serve_stream};
