//! Sends a folder of files, as a process.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use telerad::dicom::Status;
use telerad::dicom::part10::{self, FileMeta};
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::synthetic::{EXPLICIT_LITTLE, Instance};

use crate::ROLE;

/// Writes instances as files.
pub fn write_folder(folder: &Path, instances: &[Instance]) -> Result<()> {
    for (number, instance) in instances.iter().enumerate() {
        let mut file = part10::write(&FileMeta {
            sop_class_uid: instance.sop_class_uid.to_owned(),
            sop_instance_uid: instance.sop_instance_uid.clone(),
            transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(),
        });
        file.extend_from_slice(&instance.data_set);
        std::fs::write(folder.join(format!("{number:04}.dcm")), file)?;
    }
    Ok(())
}

/// The files of a folder in the order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// PORT FOLDER: stores every file, each when the one before has been answered.
pub fn send_folder(port: u16, folder: &Path) -> Result<()> {
    let mut client = DicomClient::connect((Ipv4Addr::LOCALHOST, port).into(), "CT1")?;
    for path in files(folder)? {
        let file = bytes::Bytes::from(std::fs::read(&path)?);
        let (meta, start) = part10::read(&file)?;
        let data_set = file.slice(start..);
        let status = client.store_from(&meta.sop_class_uid, &meta.sop_instance_uid, data_set)?;
        ensure!(status == Status::SUCCESS, "answered {:04X}H", status.code());
    }
    client.release()
}

/// The seconds that our sender takes for a folder, from its start to its end.
pub fn time(port: u16, folder: &Path) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([ROLE, "sender", &port.to_string()]).arg(folder);
    time_command(&mut command)
}

/// The seconds from the start of a program to its end, which has to be a good one.
pub fn time_command(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let ended = command.output().with_context(|| format!("{:?}", command.get_program()))?;
    let took = started.elapsed().as_secs_f64();
    ensure!(
        ended.status.success(),
        "{:?}: {}",
        command.get_program(),
        String::from_utf8_lossy(&ended.stderr)
    );
    Ok(took)
}
