//! Streams, timeouts and shutdown: pumps the protocol machines over tokio.
