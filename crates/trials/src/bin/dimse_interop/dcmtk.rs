//! DCMTK's servers, asked by us: `dcmqrscp`, `storescp`, `wlmscpfs`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use telerad::dicom::{Status, tags, uids};
use telerad::net::dicom::ClientAssociation;
use telerad::net::{AnyConnector, TcpConnector};
use telerad_trials::tool::{self, Running, free_port};
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;

use crate::battery::{Target, counted};
use crate::ours::{EXPLICIT, IMPLICIT, Ours, contexts, expect, keys, peer, store};
use crate::study::{Held, Study, carried, held, read_folder, same};
use crate::{TITLE, row, run};

/// Every row.
pub fn check(verdict: &mut Verdict, ours: &Ours, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let sink = ours.serve()?;
    let scp = Storescp::start(&folder.join("moved"), &[])?;
    let refusing = Storescp::start(&folder.join("refusing"), &["--refuse"])?;
    let (port, _process) =
        dcmqrscp(folder, &[(TITLE, sink.port), (STORESCP, scp.port), ("REFUSING", refusing.port)])?;
    let target = Target {
        name: "dcmqrscp",
        peer: peer(port, "QRSCP"),
        connector: AnyConnector::new(TcpConnector),
        ours,
        sink: &sink,
        move_originator: TITLE,
        unknown_destination: Status::MOVE_DESTINATION_UNKNOWN,
        gives_up: None,
    };
    let study = Study::new("DCM", 8, 20_000);
    target.check(verdict, &study);
    row(verdict, "telerad → dcmqrscp: C-MOVE to storescp", {
        let outcome = target.moved(STORESCP, &study.order.study_instance_uid);
        outcome.and_then(|outcome| {
            expect(outcome.status, Status::SUCCESS)?;
            counted(outcome.sub_operations, study.samples.len(), 0)?;
            same(&study.held(), &scp.settled(study.samples.len())?)
        })
    });
    row(verdict, "telerad → dcmqrscp: C-MOVE to a storescp that refuses", {
        let outcome = target.moved("REFUSING", &study.order.study_instance_uid);
        outcome.and_then(|outcome| {
            expect(outcome.status, Status::UNABLE_TO_PERFORM_SUB_OPERATIONS)?;
            ensure!(outcome.sub_operations.completed == 0, "{:?}", outcome.sub_operations);
            Ok("A702H, nothing completed".to_owned())
        })
    });
    row(verdict, "telerad → storescp: every carried file", store_all(ours, &folder.join("kept")));
    row(verdict, "telerad → storescp: one that aborts in mid data set", aborted(ours, folder));
    row(verdict, "telerad → wlmscpfs: C-FIND of the worklist", worklist(ours, folder));
    Ok(())
}

/// `dcmqrscp` with an empty archive and these move destinations.
fn dcmqrscp(folder: &Path, destinations: &[(&str, u16)]) -> Result<(u16, Running)> {
    let port = free_port()?;
    let archive = folder.join("archive");
    std::fs::create_dir_all(&archive)?;
    let hosts: String = destinations
        .iter()
        .map(|(title, port)| format!("{} = ({title}, 127.0.0.1, {port})\n", title.to_lowercase()))
        .collect();
    let text = format!(
        "MaxPDUSize = 65536\nMaxAssociations = 8\n\
         HostTable BEGIN\n{hosts}HostTable END\n\
         AETable BEGIN\nQRSCP {} RW (100, 1024mb) ANY\nAETable END\n",
        archive.display()
    );
    let configuration = folder.join("dcmqrscp.cfg");
    std::fs::write(&configuration, text)?;
    let words = ["-c", &configuration.to_string_lossy(), &port.to_string()].map(str::to_owned);
    let process = tool::start("/usr/bin/dcmqrscp", &words, &folder.join("dcmqrscp.log"))?;
    tool::wait_for_port(port, Duration::from_secs(10))?;
    Ok((port, process))
}

/// A file of every kind; `storescp +B` writes what it reads.
fn store_all(ours: &Ours, folder: &Path) -> Result<String> {
    let samples = carried()?;
    let scp = Storescp::start(folder, &[])?;
    ours.run(async {
        let needs: Vec<(String, String)> = samples
            .iter()
            .map(|it| (it.sop_class_uid.clone(), it.transfer_syntax_uid.clone()))
            .collect();
        for proposed in telerad::dimse::plan_contexts(&needs) {
            let peer = peer(scp.port, STORESCP);
            let opened = ClientAssociation::connect(&TcpConnector, &peer, proposed.clone()).await;
            let mut association = opened?;
            for sample in &samples {
                if association.accepts(&sample.sop_class_uid, &sample.transfer_syntax_uid) {
                    store(&mut association, std::slice::from_ref(sample)).await?;
                }
            }
            association.release().await?;
        }
        Ok(())
    })?;
    let mut expected = held(&samples);
    // An odd one is deflated, and travels with a zero behind it (PS3.5 section A.5).
    for data_set in expected.values_mut().filter(|it| it.len() % 2 == 1) {
        *data_set = [&data_set[..], &[0]].concat().into();
    }
    same(&expected, &scp.settled(samples.len())?)
}

/// Nothing may look delivered, and the next association has to work.
fn aborted(ours: &Ours, folder: &Path) -> Result<String> {
    let scp = Storescp::start(&folder.join("aborting"), &["--abort-during"])?;
    let study = Study::new("ABO", 1, 1_000_000);
    let proposed = || contexts(&[(uids::CT_IMAGE_STORAGE, &[EXPLICIT])]);
    let stored: Result<()> = ours.run(async {
        let peer = peer(scp.port, STORESCP);
        let mut association = ClientAssociation::connect(&TcpConnector, &peer, proposed()).await?;
        store(&mut association, &study.samples).await
    });
    ensure!(stored.is_err(), "what was aborted looks delivered");
    ours.run(async {
        let peer = peer(scp.port, STORESCP);
        ClientAssociation::connect(&TcpConnector, &peer, proposed()).await?.release().await?;
        Ok("the abort is reported; another association is made".to_owned())
    })
}

fn worklist(ours: &Ours, folder: &Path) -> Result<String> {
    let items = folder.join("worklists").join("OFFIS");
    std::fs::create_dir_all(&items)?;
    std::fs::write(items.join("lockfile"), "")?;
    let dump = folder.join("step.dump");
    for number in 1..=3 {
        std::fs::write(&dump, worklist_item(number))?;
        let item = items.join(format!("{number}.wl"));
        let words = [dump.to_string_lossy(), item.to_string_lossy()];
        let ended = run("/usr/bin/dump2dcm", &words.map(|word| word.into_owned()))?;
        ensure!(ended.success, "dump2dcm: {}", tool::last_line(&ended.output));
    }
    let port = free_port()?;
    let lists = folder.join("worklists");
    let words = ["-dfp", &lists.to_string_lossy(), &port.to_string()].map(str::to_owned);
    let _process = tool::start("/usr/bin/wlmscpfs", &words, &folder.join("wlmscpfs.log"))?;
    tool::wait_for_port(port, Duration::from_secs(10))?;
    let found = ask_worklist(ours, port, "OFFIS", "ACC2")?;
    ensure!(found == ["SPS2"], "steps {found:?}");
    let found = ask_worklist(ours, port, "OFFIS", "")?;
    ensure!(found == ["SPS1", "SPS2", "SPS3"], "steps {found:?}");
    Ok("3 steps, and 1 by its accession number".to_owned())
}

/// The identifiers of the scheduled steps for CT with this accession number, sorted.
pub fn ask_worklist(ours: &Ours, port: u16, called: &str, accession: &str) -> Result<Vec<String>> {
    ours.run(async {
        let proposed = contexts(&[(uids::MODALITY_WORKLIST_FIND, &[EXPLICIT, IMPLICIT])]);
        let peer = peer(port, called);
        let mut association = ClientAssociation::connect(&TcpConnector, &peer, proposed).await?;
        let step = keys("", &[(tags::MODALITY, "CT"), (tags::SCHEDULED_PROCEDURE_STEP_ID, "")]);
        let mut question =
            keys("", &[(tags::ACCESSION_NUMBER, accession), (tags::PATIENT_NAME, "")]);
        question.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
        let found = association.find_all(uids::MODALITY_WORKLIST_FIND, &question).await?;
        association.release().await?;
        let steps = found.iter().filter_map(|it| {
            let items = it.items_ref(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE)?;
            items.first()?.text(tags::SCHEDULED_PROCEDURE_STEP_ID)
        });
        let mut steps: Vec<String> = steps.collect();
        steps.sort();
        Ok(steps)
    })
}

/// One scheduled step as `dump2dcm` reads it.
pub fn worklist_item(number: u32) -> String {
    format!(
        "(0002,0010) UI =LittleEndianExplicit\n\
         (0008,0050) SH [ACC{number}]\n\
         (0010,0010) PN [TRIAL^ANNA{number}]\n\
         (0010,0020) LO [WL{number}]\n\
         (0010,0030) DA [19700203]\n\
         (0010,0040) CS [F]\n\
         (0020,000d) UI [2.25.77{number}]\n\
         (0032,1060) LO [CT CHEST]\n\
         (0040,0100) SQ\n\
         (fffe,e000) -\n\
         (0008,0060) CS [CT]\n\
         (0040,0001) AE [{TITLE}]\n\
         (0040,0002) DA [20260105]\n\
         (0040,0003) TM [101500]\n\
         (0040,0007) LO [CT CHEST]\n\
         (0040,0009) SH [SPS{number}]\n\
         (fffe,e00d) -\n\
         (fffe,e0dd) -\n\
         (0040,1001) SH [RP{number}]\n"
    )
}

/// The title of [`Storescp`].
pub const STORESCP: &str = "STORESCP";

/// `storescp`, which writes exactly what it reads; killed when dropped.
pub struct Storescp {
    pub port: u16,
    folder: std::path::PathBuf,
    _process: Running,
}

impl Storescp {
    /// Starts it with every transfer syntax and every SOP class, and with these options.
    pub fn start(folder: &Path, options: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = free_port()?;
        let (directory, number) = (folder.to_string_lossy(), port.to_string());
        let mut words = options.to_vec();
        words.extend(["+B", "+xa", "-pm", "-aet", STORESCP, "-fe", ".dcm", "-od", &directory]);
        words.push(&number);
        let process = tool::start("/usr/bin/storescp", &words, &folder.with_extension("log"))?;
        tool::wait_for_port(port, Duration::from_secs(10))?;
        Ok(Self { port, folder: folder.to_owned(), _process: process })
    }

    /// What it holds, once that is so many files.
    pub fn settled(&self, count: usize) -> Result<Held> {
        let files = || std::fs::read_dir(&self.folder).map_or(0, Iterator::count);
        wait::until(Duration::from_secs(10), || files() >= count);
        // The last may still be being written.
        let whole = || read_folder(&self.folder).is_ok_and(|held| held.len() >= count);
        wait::until(Duration::from_secs(5), whole);
        read_folder(&self.folder)
    }

    /// Forgets everything.
    pub fn clear(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            std::fs::remove_file(entry?.path())?;
        }
        Ok(())
    }
}
