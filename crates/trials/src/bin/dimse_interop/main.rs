//! Our DIMSE services beside those of others, each side in each role: DCMTK, Orthanc, pynetdicom, dicom-rs.
//!
//! What is asked of a peer is judged by its answers and by what arrives; what a peer asks of us, by what it prints and by
//! what we were told. Data sets are compared bit for bit.

#![expect(clippy::disallowed_methods, reason = "a program with files, sockets and other programs")]

mod answers;
mod archive;
mod battery;
mod dcmtk;
mod dcmtk_scu;
mod dicom_rs;
mod n_services;
mod notices;
mod orthanc;
mod ours;
mod pynetdicom;
mod pynetdicom_scu;
mod query;
mod study;
mod tls;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use telerad_trials::arguments::Arguments;
use telerad_trials::debian;
use telerad_trials::dicom_rs::Missing;
use telerad_trials::tool::{self, Ended};
use telerad_trials::verdict::{self, Verdict};

use ours::Ours;
use pynetdicom::Python;

/// The title of everything that is ours.
pub const TITLE: &str = "TELERAD";

fn main() -> ExitCode {
    verdict::finish("dimse_interop", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let quick = Arguments::read()?.quick;
    // A quick run takes the tools of dicom-rs if they are there.
    let what_is_missing = if quick { Missing::AreMissing } else { Missing::AreBuilt };
    debian::install(&PROGRAMS)?;
    let folder = tempfile::tempdir()?;
    let ours = Ours::new()?;
    dcmtk::check(verdict, &ours, &folder.path().join("dcmtk"))?;
    dcmtk_scu::check(verdict, &ours, &folder.path().join("dcmtk_scu"))?;
    orthanc::check(verdict, &ours, &folder.path().join("orthanc"))?;
    dicom_rs::check(verdict, &ours, &folder.path().join("dicom_rs"), what_is_missing)?;
    let python = Python::install(&folder.path().join("python"))?;
    pynetdicom::check(verdict, &ours, &python)?;
    tls::check(verdict, &ours, &python, &folder.path().join("tls"))?;
    if verdict.failed() > 0 {
        verdict::note(format!("logs and files are in {}", folder.keep().display()));
    }
    Ok(())
}

/// A row of the report.
fn row(verdict: &mut Verdict, name: &str, outcome: Result<String>) {
    verdict.row(name, outcome.map_err(|error| format!("{error:#}")));
}

/// Runs a program of others.
fn run<S: AsRef<std::ffi::OsStr>>(program: &str, words: &[S]) -> Result<Ended> {
    tool::run(program, words, PATIENCE)
}

/// How long a program of others may run.
const PATIENCE: Duration = Duration::from_secs(90);

/// What must be there, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 14] = [
    ("/usr/bin/dcmqrscp", "dcmtk"),
    ("/usr/bin/dcmsend", "dcmtk"),
    ("/usr/bin/dump2dcm", "dcmtk"),
    ("/usr/bin/echoscu", "dcmtk"),
    ("/usr/bin/findscu", "dcmtk"),
    ("/usr/bin/getscu", "dcmtk"),
    ("/usr/bin/movescu", "dcmtk"),
    ("/usr/bin/storescp", "dcmtk"),
    ("/usr/bin/storescu", "dcmtk"),
    ("/usr/bin/wlmscpfs", "dcmtk"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/sbin/Orthanc", "orthanc"),
    ("pip3", "python3-pip"),
    ("python3", "python3"),
];
