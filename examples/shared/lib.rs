//! Parts that several example programs share.

mod gateway_process;

pub use gateway_process::run_gateway;
