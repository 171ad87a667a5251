//! Starting and stopping the whole.

use std::sync::Arc;

use telerad_net::{Connector, Listener, Shutdown, ShutdownHandle, dicom, mllp, shutdown};
use tokio::sync::{broadcast, oneshot};

use crate::configuration::{Configuration, ConfigurationError};
use crate::desk::Desk;
use crate::environment::Environment;
use crate::event::Event;
use crate::messages::Receiver;
use crate::services::Provider;
use crate::state::State;
use crate::{
    deliver, garbage, outbox, performed, room, steps, still_parked, stranded, undecided, worklists,
};

/// A running gateway. Dropping it asks everything to stop; [`Gateway::stop`] also waits for the end.
pub struct Gateway {
    state: Arc<State>,
    shutdown: ShutdownHandle,
    ends: Vec<oneshot::Receiver<()>>,
    dicom_address: String,
    hl7_address: String,
}

impl Gateway {
    /// Starts serving on two listeners and delivering through a connector.
    ///
    /// Whatever an earlier run left in the store is taken up where it was.
    ///
    /// # Errors
    /// [`ConfigurationError`] when a configuration built in Rust breaks a rule that
    /// [`Configuration::from_toml`] would have found, or asks for TLS where what is handed in has none.
    pub fn start<C: Connector>(
        configuration: Configuration,
        environment: Environment,
        dicom_listener: impl Listener,
        hl7_listener: impl Listener,
        connector: C,
    ) -> Result<Self, ConfigurationError> {
        configuration.check().map_err(|fault| ConfigurationError {
            file: "configuration".to_owned(),
            line: 0,
            message: fault.message,
        })?;
        let secure = (dicom_listener.is_secure(), hl7_listener.is_secure());
        check_secure(&configuration, secure, |address| connector.is_secure(address))?;
        let (handle, shutdown) = shutdown();
        let state = Arc::new(State::new(configuration, environment));
        let connector = Arc::new(connector);
        let (dicom_address, hl7_address) =
            (dicom_listener.local_address(), hl7_listener.local_address());
        let mut ends = deliver::start(&state, &connector, &shutdown);
        ends.extend(outbox::start(&state, &connector, &shutdown));
        ends.extend(performed::relay::start(&state, &connector, &shutdown));
        ends.push(serve_dicom(&state, dicom_listener, &shutdown));
        ends.push(serve_hl7(&state, hl7_listener, &shutdown));
        let watched = (Arc::clone(&state), shutdown.clone());
        let watch = async move { room::watch(&watched.0, watched.1).await };
        state.environment.spawn.spawn("watermarks", Box::pin(watch));
        let followed = (Arc::clone(&state), shutdown.clone());
        let worklists = async move {
            let (state, shutdown) = followed;
            worklists::watch(&state.worklists, &state.environment, &shutdown).await;
        };
        state.environment.spawn.spawn("worklists", Box::pin(worklists));
        let kept = (Arc::clone(&state), shutdown.clone());
        let garbage = async move { garbage::watch(&kept.0, &kept.1).await };
        state.environment.spawn.spawn("garbage", Box::pin(garbage));
        let ended = (Arc::clone(&state), shutdown.clone());
        let steps = async move { steps::watch(&ended.0, &ended.1).await };
        state.environment.spawn.spawn("steps", Box::pin(steps));
        let asked = (Arc::clone(&state), shutdown.clone());
        let undecided = async move { undecided::watch(&asked.0, &asked.1).await };
        state.environment.spawn.spawn("undecided instances", Box::pin(undecided));
        let parked = (Arc::clone(&state), shutdown.clone());
        let still_parked = async move { still_parked::tell(&parked.0, &parked.1).await };
        state.environment.spawn.spawn("still parked", Box::pin(still_parked));
        let told = Arc::clone(&state);
        let stranded = async move {
            stranded::tell(&told).await;
            for to in told.configuration.holding_back_stat() {
                let destination = to.id.get_ref().clone();
                tracing::warn!(%destination, "a window names STAT: urgent studies wait outside of it");
                told.tell(Event::StatMayWait { destination });
            }
        };
        state.environment.spawn.spawn("stranded queues", Box::pin(stranded));
        Ok(Self { state, shutdown: handle, ends, dicom_address, hl7_address })
    }

    /// Where DICOM peers connect to.
    pub fn dicom_address(&self) -> &str {
        &self.dicom_address
    }

    /// Where HL7 peers connect to.
    pub fn hl7_address(&self) -> &str {
        &self.hl7_address
    }

    /// Where people decide about studies, instances and messages.
    pub fn desk(&self) -> Desk {
        Desk::new(Arc::clone(&self.state))
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.state.events()
    }

    /// Takes no new work, finishes what is in flight, and returns when all has ended: at the latest after the half minute
    /// that everything in flight is given, and a moment for goodbyes. What is cut off then was not acknowledged, or is
    /// still queued.
    pub async fn stop(self) {
        self.shutdown.request();
        for end in self.ends {
            // A task that is gone without a word has ended as well.
            let _ = end.await;
        }
    }
}

/// Nobody speaks in clear where the configuration asks for TLS, only because something else was handed in.
fn check_secure(
    configuration: &Configuration,
    (dicom, hl7): (bool, bool),
    calls: impl Fn(&str) -> bool,
) -> Result<(), ConfigurationError> {
    let mut plain = None;
    if configuration.hl7.tls.is_some() && !hl7 {
        plain = Some("hl7.tls: the listener handed in".to_owned());
    }
    if configuration.dicom.tls.is_some() && !dicom {
        plain = Some("dicom.tls: the listener handed in".to_owned());
    }
    for (address, tls) in configuration.called() {
        if tls.is_some() && !calls(address.get_ref()) {
            plain = Some(format!("tls of {}: the connector handed in", address.get_ref()));
        }
    }
    match plain {
        None => Ok(()),
        Some(what) => Err(ConfigurationError {
            file: "configuration".to_owned(),
            line: 0,
            message: format!("{what} speaks plain text; make it with `GatewayTls` (feature `tls`)"),
        }),
    }
}

fn serve_dicom(
    state: &Arc<State>,
    listener: impl Listener,
    shutdown: &Shutdown,
) -> oneshot::Receiver<()> {
    let environment = &state.environment;
    let patience = dicom::ServerConfig::default().service_seconds_max;
    let config = dicom::ServerConfig {
        associations_max: state.configuration.dicom.associations_max,
        clock: Arc::clone(&environment.clock),
        early_answer_bytes_max: state.configuration.spool.drain_bytes_max,
        // A C-STORE that may wait for its destinations is not cut off meanwhile.
        service_seconds_max: patience + state.directory.longest_wait().as_secs(),
        ..dicom::ServerConfig::default()
    };
    let (ended, end) = oneshot::channel();
    let serving = dicom::serve(
        listener,
        Arc::new(Provider { state: Arc::clone(state), shutdown: shutdown.clone() }),
        config,
        Arc::clone(&environment.spawn),
        shutdown.clone(),
    );
    environment.spawn.spawn(
        "serve dicom",
        Box::pin(async move {
            serving.await;
            let _ = ended.send(());
        }),
    );
    end
}

fn serve_hl7(
    state: &Arc<State>,
    listener: impl Listener,
    shutdown: &Shutdown,
) -> oneshot::Receiver<()> {
    let environment = &state.environment;
    let config = mllp::ServerConfig {
        clock: Arc::clone(&environment.clock),
        connections_max: state.configuration.hl7.connections_max,
        connections_per_peer_max: state.configuration.hl7.connections_per_host_max,
        frame_bytes_max: state.configuration.hl7.message_bytes_max,
        ..mllp::ServerConfig::default()
    };
    let (ended, end) = oneshot::channel();
    let serving = mllp::serve(
        listener,
        Arc::new(Receiver(Arc::clone(state))),
        config,
        Arc::clone(&environment.spawn),
        shutdown.clone(),
    );
    environment.spawn.spawn(
        "serve hl7",
        Box::pin(async move {
            serving.await;
            let _ = ended.send(());
        }),
    );
    end
}

#[cfg(test)]
mod tests {
    use super::check_secure;
    use crate::configuration::Configuration;

    const TEXT: &str = r#"data_directory = "data"
[dicom]
ae_title = "TELERAD"
listen = "127.0.0.1:11112"
tls = { certificate = "g.pem", key = "g.key", client_certificate = "none" }
[hl7]
listen = "127.0.0.1:2575"
application = "TELERAD"
facility = "GATEWAY"
[[destination]]
id = "reading"
ae_title = "READER"
address = "127.0.0.1:11113"
tls = { ca = "ca.pem" }
"#;

    #[track_caller]
    fn check(dicom: bool, calls: bool, expected: Result<(), &str>) {
        let configuration = Configuration::from_toml(TEXT, "g.toml").unwrap();
        let got = check_secure(&configuration, (dicom, false), |_| calls);
        assert_eq!(got.map_err(|error| error.message), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_gateway_does_not_start_in_clear_where_tls_is_configured() {
        let make = "speaks plain text; make it with `GatewayTls` (feature `tls`)";
        check(true, true, Ok(()));
        check(false, true, Err(&format!("dicom.tls: the listener handed in {make}")));
        let connector = format!("tls of 127.0.0.1:11113: the connector handed in {make}");
        check(true, false, Err(&connector));
    }
}
