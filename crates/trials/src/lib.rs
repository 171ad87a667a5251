//! Long proofs run as programs: interop, dimse_interop, hl7_interop, worklists, bench_peers, crash, down, duplicates, memory,
//! malformed, schedules.
//!
//! Every trial starts the compiled `gateway` example as an operator would, with a configuration
//! file, and judges it from outside: by what arrives at its peers, by what it logs, by what the
//! operating system says of it. (bench_peers needs no gateway: it measures the network layer.) This
//! library holds what the programs share: starting and killing the gateway, peers that record what
//! they receive, senders, and made-up instances and messages.
//!
//! It is not a test target, and it shares no state with the gateway: what a trial knows, it has
//! seen on a socket.
//!
//! Limits: loopback only; every loop is bounded in count and in time; children are killed when
//! their owner is dropped.

#![expect(clippy::disallowed_methods, reason = "programs with files, sockets, threads and a clock")]

pub mod arguments;
pub mod certificates;
pub mod configuration;
pub mod debian;
pub mod dicom_client;
pub mod dicom_rs;
pub mod dicom_sink;
pub mod footprint;
pub mod gateway;
pub mod hl7_client;
pub mod hl7_sink;
pub mod http;
pub mod messages;
pub mod part10;
pub mod python;
pub mod random;
pub mod setting;
pub mod synthetic;
pub mod tool;
pub mod twins;
pub mod verdict;
pub mod wait;

/// The title by which every trial's gateway is called.
pub const GATEWAY_TITLE: &str = "TELERAD";
