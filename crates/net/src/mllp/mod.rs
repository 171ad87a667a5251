//! HL7 messages over MLLP streams.

mod machine;
mod sender;
mod server;
mod session;

pub use sender::{SendError, Sender, Timeouts};
pub use server::{MessageHandler, ServerConfig, serve, serve_stream};
