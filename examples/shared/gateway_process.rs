//! A gateway as a long-running process: configuration file in, signals obeyed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use telerad::gateway::tls::GatewayTls;
use telerad::gateway::{Configuration, Environment, Gateway};
use telerad::net::{TcpAcceptor, TcpConnector};
use telerad::store::payload::DirectorySpool;
use telerad::store::sqlite::SqliteStore;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the gateway that a configuration file describes until SIGTERM or SIGINT.
///
/// SIGHUP reads certificates again. Prints where it listens and then `ready` on standard output; logs go to standard error. Exit code 2 means that
/// the configuration is bad and nothing was started, 1 that the gateway could not run.
pub fn run_gateway(path: &Path) -> ExitCode {
    let configuration = match read(path) {
        Ok(configuration) => configuration,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let served = runtime
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(serve(configuration)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The checked configuration, or the one message that says what is wrong with it.
fn read(path: &Path) -> Result<Configuration, String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{name}: cannot read the configuration: {error}"))?;
    let mut configuration =
        Configuration::from_toml(&text, &name).map_err(|error| error.to_string())?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    configuration.resolve_paths(&folder);
    Ok(configuration)
}

async fn serve(configuration: Configuration) -> anyhow::Result<()> {
    // Signals that come while the store is still being opened are not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut renew = signal(SignalKind::hangup())?;
    let directory = &configuration.data_directory;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create the data directory {}", directory.display()))?;
    let store = SqliteStore::open(directory, Default::default())?;
    let payloads = DirectorySpool::open(&directory.join("spool"), Default::default())?;
    let environment = Environment::system(store, payloads);
    let tls = GatewayTls::load(&configuration, &environment.clock)?;
    let dicom = tls.dicom(listen(configuration.dicom.listen.get_ref()).await?);
    let hl7 = tls.hl7(listen(configuration.hl7.listen.get_ref()).await?);
    let connector = tls.connector(TcpConnector);
    let gateway = Gateway::start(configuration, environment, dicom, hl7, connector)?;
    // Whether anybody reads that is no matter to the peers.
    if let Err(error) = announce(gateway.dicom_address(), gateway.hl7_address()) {
        tracing::info!("nobody reads where the gateway listens: {error}");
    }
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = renew.recv() => match tls.reload() {
                Ok(()) => tracing::info!("certificates were read again"),
                Err(error) => tracing::error!("certificates stay as they were: {error}"),
            },
        }
    }
    tracing::info!("stopping: finishing what is in flight");
    gateway.stop().await;
    tracing::info!("stopped");
    Ok(())
}

fn announce(dicom: &str, hl7: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "dicom listening on {dicom}")?;
    writeln!(out, "hl7 listening on {hl7}")?;
    writeln!(out, "ready")
}

async fn listen(address: &str) -> anyhow::Result<TcpAcceptor> {
    TcpAcceptor::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}
