//! Nonsense on both ports: each piece is turned away, nothing of it stays, and the gateway goes on serving.
//!
//! Three parts. Nonsense that the gateway has to log ([`nonsense`]). Fifty cases of the upper layer and of DIMSE, each
//! with the answer that is wanted, against the gateway and against a small server, plain and with TLS ([`torture`]).
//! Probes by the hundred, and an instance of 2 GB, against the small server, whose deadlines are short ([`probes`],
//! [`large`]).

#![expect(clippy::disallowed_methods, reason = "a program with sockets, threads and processes")]

mod bytes;
mod cases;
mod credentials;
mod large;
mod nonsense;
mod probes;
mod subject;
mod torture;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::setting::Setting;
use telerad_trials::verdict::{self, Verdict};
use tokio::runtime::{Builder, Runtime};

use credentials::Credentials;
use subject::Subject;
use wire::Target;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() != Some(subject::WORD) {
        return verdict::finish("malformed", trial);
    }
    match subject::serve(words.next().map(PathBuf::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            verdict::note(format!("the small server: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let credentials = Credentials::issue()?;
    nonsense::check(verdict, &arguments)?;
    gateway(verdict, &arguments, &runtime, None)?;
    gateway(verdict, &arguments, &runtime, Some(&credentials))?;
    server(verdict, &arguments, &runtime, None)?;
    server(verdict, &arguments, &runtime, Some(&credentials))
}

fn gateway(
    verdict: &mut Verdict,
    arguments: &Arguments,
    runtime: &Runtime,
    credentials: Option<&Credentials>,
) -> Result<()> {
    let sink = DicomSink::start(0, &Records::default())?;
    let ris = Hl7Sink::start(0)?;
    let (who, setting) = match credentials {
        None => ("gateway", Setting::between(sink.port(), ris.port(), ris.port())?),
        Some(some) => ("gateway, TLS", Setting::with_tls(sink.port(), ris.port(), some.folder())?),
    };
    let (gateway, addresses) = setting.start(arguments)?;
    let target = target(addresses.dicom.to_string(), credentials)?;
    torture::check(verdict, who, runtime, &target, gateway.id())?;
    drop(sink);
    gateway.terminate(Duration::from_secs(20))
}

fn server(
    verdict: &mut Verdict,
    arguments: &Arguments,
    runtime: &Runtime,
    credentials: Option<&Credentials>,
) -> Result<()> {
    let who = if credentials.is_some() { "server, TLS" } else { "server" };
    let mut subject = Subject::start(credentials.map(Credentials::folder))?;
    let target = target(subject.address.clone(), credentials)?;
    torture::check(verdict, who, runtime, &target, subject.id())?;
    if arguments.quick {
        return Ok(());
    }
    large::check(verdict, who, runtime, &target, subject.id())?;
    probes::check(verdict, who, runtime, &mut subject, credentials.map(|_| &target))
}

fn target(address: String, credentials: Option<&Credentials>) -> Result<Target> {
    Ok(match credentials {
        None => Target::plain(address),
        Some(credentials) => Target::secure(address, credentials.client()?),
    })
}
