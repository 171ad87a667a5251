//! A gateway's state in memory, for the tests of its flows.

use std::sync::Arc;

use telerad_net::{SystemClock, TokioSpawn};
use telerad_store::memory::MemoryStore;
use telerad_store::payload::MemoryPayloads;

use crate::state::State;
use crate::{Configuration, Environment, SystemRng};

const CONFIGURATION: &str = r#"data_directory = "data"
[dicom]
ae_title = "TELERAD"
listen = "127.0.0.1:0"
[hl7]
listen = "127.0.0.1:0"
application = "TELERAD"
facility = "GATEWAY"
[[site]]
id = "north"
accession_issuer = "NORTH"
patient_authority = "NORTH-MRN"
"#;

/// One site, `north`, and further lines of the configuration.
pub(crate) fn state(more: &str) -> State {
    let environment = Environment {
        clock: SystemClock::shared(),
        payloads: Arc::new(MemoryPayloads::new()),
        rng: Arc::new(SystemRng),
        spawn: Arc::new(TokioSpawn),
        store: Arc::new(MemoryStore::new()),
    };
    let text = format!("{CONFIGURATION}{more}");
    State::new(Configuration::from_toml(&text, "test.toml").unwrap(), environment)
}

/// Runs a test that waits for its store.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
}
